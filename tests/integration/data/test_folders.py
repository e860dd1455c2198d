"""Folders of images: what is a class and what a split, decided by content, decoded once."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import folders
from engine.data.batches import Batches
from engine.data.dataset import DataError, open_dataset
from engine.recipes.recipe import MissingData, load, loads
from engine.settings.datasets.folders import Cats, ImageFolder


@pytest.fixture
def folder(tmp_path, cache, paint):
    paint(tmp_path / "images", 60)
    return tmp_path / "images"


def opened(path, progress=None, **values):
    return open_dataset(
        ImageFolder.model_validate({"path": str(path), "batch_size": 8, "image_size": 8} | values), progress
    )


def contents(split):
    return {image.numpy().tobytes() for image in split.images}


def sizes(dataset):
    return {name: len(split) for name, split in dataset.splits.items()}


def test_a_flat_folder_has_no_classes(folder):
    dataset = opened(folder)
    assert dataset.train.images.shape[1:] == (3, 8, 8) and dataset.train.images.dtype == torch.uint8
    assert sum(sizes(dataset).values()) == 60 and len(dataset.test) > 0
    assert dataset.classes == () and dataset.train.labels is None and not dataset.warnings
    assert Batches(dataset, 8, "cpu", seed=0).at(5).images.shape == (8, 3, 8, 8)


def test_sub_folders_are_classes(tmp_path, cache, paint):
    for number, name in enumerate(("zebra", "ant", "bee")):
        paint(tmp_path / "x" / name / "deeper", 20, first=20 * number)
    dataset = opened(tmp_path / "x")
    assert dataset.classes == ("ant", "bee", "zebra")
    counts = sum(split.labels.bincount(minlength=3) for split in dataset.splits.values())
    assert counts.tolist() == [20, 20, 20] and dataset.train.labels.dtype == torch.int64
    bees = opened(tmp_path / "x" / "bee")
    assert bees.classes == ()
    of_bees = {
        i.numpy().tobytes()
        for split in dataset.splits.values()
        for i, label in zip(split.images, split.labels, strict=True)
        if label == 1
    }
    assert of_bees == contents(bees.train) | contents(bees.test)


def test_names_that_would_act_on_a_terminal_are_told_harmlessly(tmp_path, cache, paint):
    for number, name in enumerate((b"a\x1b[2J\xe2\x80\xae", b"b\xc2\x9b2J[/]", b"c\xff")):
        sub = tmp_path / "x\x1b]0;x\x07" / os.fsdecode(name)
        paint(sub, 20, first=20 * number)
        (sub / "torn\x1b]52;c;x\x07\u202e.png").write_bytes(b"no image")
    dataset = opened(tmp_path / "x\x1b]0;x\x07")
    (warning,) = dataset.warnings
    assert "torn" in warning and all(text.isprintable() for text in (*dataset.classes, warning))
    assert len(set(dataset.classes)) == 3


def test_images_beside_sub_folders_mean_no_classes(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    paint(tmp_path / "x" / "more", 20, first=20)
    paint(tmp_path / "y" / "only", 20)
    assert opened(tmp_path / "x").classes == opened(tmp_path / "y").classes == ()


def test_one_in_ten_is_a_test_image_by_content_not_by_name_or_place(tmp_path, cache, paint):
    paint(tmp_path / "a", 300, size=(8, 8))
    one = opened(tmp_path / "a")
    assert 15 < len(one.test) < 50
    (tmp_path / "b").mkdir()
    for i, path in enumerate(sorted((tmp_path / "a").iterdir(), reverse=True)):
        shutil.copy(path, tmp_path / "b" / f"renamed-{i}.png")
    other = opened(tmp_path / "b")
    assert torch.equal(one.test.images, other.test.images) and torch.equal(one.train.images, other.train.images)
    assert one.fingerprint == other.fingerprint
    paint(tmp_path / "b", 30, first=1000)
    assert contents(one.test) <= contents(opened(tmp_path / "b").test), "new images move no old ones"


def test_copies_of_an_image_fall_into_the_same_split(tmp_path, cache, paint):
    paint(tmp_path / "a", 60)
    for path in list((tmp_path / "a").iterdir()):
        shutil.copy(path, path.with_name(f"copy-of-{path.name}"))
    dataset = opened(tmp_path / "a", validation=0.3)
    assert sum(sizes(dataset).values()) == 120
    parts = [contents(split) for split in dataset.splits.values()]
    assert len(parts) == 3 and sum(map(len, parts)) == len(set.union(*parts)) == 60


def test_validation_is_held_out_whatever_part_without_decoding_again(folder, monkeypatch):
    whole = opened(folder)
    monkeypatch.setattr(folders, "decode", None)
    small, large = opened(folder, validation=0.1), opened(folder, validation=0.5)
    assert contents(small.validation) < contents(large.validation)
    for held in (small, large):
        assert contents(held.train) | contents(held.validation) == contents(whole.train)
        assert contents(held.test) == contents(whole.test)
    assert len({whole.fingerprint, small.fingerprint, large.fingerprint}) == 3


def test_folders_called_train_and_test_are_the_splits(tmp_path, cache, paint):
    for split, first, count in (("Train", 0, 30), ("test", 30, 10), ("val", 40, 5)):
        for name in ("cat", "dog"):
            paint(tmp_path / "x" / split / name, count, first=first + 100 * (name == "dog"))
    dataset = opened(tmp_path / "x", validation=0.2)
    assert sizes(dataset) == {"train": 60, "test": 20, "validation": 10}
    assert dataset.classes == ("cat", "dog")
    assert dataset.test.labels.bincount().tolist() == [10, 10]


def test_without_a_test_folder_the_validation_folder_is_taken_for_it(tmp_path, cache, paint):
    paint(tmp_path / "x" / "train", 30)
    paint(tmp_path / "x" / "val", 7, first=100)
    assert sizes(opened(tmp_path / "x")) == {"train": 30, "test": 7}


def test_an_image_in_train_and_in_test_is_told(tmp_path, cache, paint):
    paint(tmp_path / "x" / "train", 30)
    paint(tmp_path / "x" / "test", 3, first=28)
    assert opened(tmp_path / "x").warnings == (
        "2 images were found in the training split and in the test split.",
    )


def test_the_second_start_decodes_nothing(folder, monkeypatch):
    first = opened(folder)
    for name in ("decode", "_digest"):
        monkeypatch.setattr(folders, name, None)
    second = opened(folder)
    assert first.fingerprint == second.fingerprint and torch.equal(first.train.images, second.train.images)


def test_a_changed_folder_or_size_is_decoded_anew(folder, paint, cache):
    before = opened(folder)
    paint(folder, 1, first=999)
    after = opened(folder)
    assert sum(sizes(after).values()) == 61
    assert opened(folder, image_size=16).image_shape == (3, 16, 16)
    os.utime(folder / "0000.png", ns=(1, 1))
    assert opened(folder).fingerprint == after.fingerprint != before.fingerprint, (
        "same content, same fingerprint"
    )
    assert len(list(cache.glob("*.images"))) == 4


def test_the_middle_square_is_taken_and_resized(tmp_path, cache, paint):
    paint(tmp_path / "x", 40)
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = (10, 200, 30)
    for i in range(3):
        pixels[0, 0] = i
        Image.fromarray(pixels).save(tmp_path / "x" / f"wide{i}.png")
    dataset = opened(tmp_path / "x")
    expected = np.broadcast_to(np.array((10, 200, 30), np.uint8).reshape(3, 1, 1), (3, 8, 8))
    found = [
        i for split in dataset.splits.values() for i in split.images if np.array_equal(i.numpy(), expected)
    ]
    assert len(found) == 3


def test_progress_is_told_and_may_end_the_work(tmp_path, cache, paint):
    paint(tmp_path / "x", 300, size=(6, 6))
    said = []
    opened(tmp_path / "x", lambda done, total: said.append((done, total)))
    assert said[-1] == (300, 300) and [done for done, _ in said] == sorted(done for done, _ in said)

    class Asked(Exception):
        pass

    def stop(done, total):
        raise Asked

    with pytest.raises(Asked):
        opened(tmp_path / "x", stop, image_size=16)
    assert len(list(cache.glob("*.images"))) == 1
    opened(tmp_path / "x", image_size=16)
    assert len(list(cache.glob("*.images"))) == 2 and not list(cache.glob(".*"))


@pytest.mark.parametrize(
    ("count", "what"),
    [(0, "holds no PNG, JPEG"), (1, "0 images to train on"), (6, "fewer than one batch of 8")],
)
def test_too_few_images_are_one_clear_sentence(tmp_path, cache, paint, count, what):
    (tmp_path / "x").mkdir()
    paint(tmp_path / "x", count)
    with pytest.raises(DataError, match=what) as caught:
        opened(tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_missing_data(tmp_path, cache):
    with pytest.raises(MissingData, match=r"no folder of images.*mend data\.path"):
        opened(tmp_path / "nowhere")
    with pytest.raises(MissingData, match=r"-o data\.path=FOLDER"):
        open_dataset(ImageFolder.model_validate({}))


def test_links_are_followed_and_never_in_circles(folder):
    (folder / "again").symlink_to(folder)
    (folder / "itself").symlink_to("itself")
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "alias.png").symlink_to(folder / "0000.png")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to(folder)
    assert sum(sizes(opened(folder)).values()) == 61


def test_hidden_files_and_what_is_no_file_are_left_out(folder, paint):
    paint(folder / ".hidden", 5, first=100)
    paint(folder / "__MACOSX", 5, first=200)
    (folder / "._0001.png").write_bytes(b"AppleDouble")
    (folder / "notes.txt").write_text("not an image")
    os.mkfifo(folder / "pipe.png")  # reading it would wait for ever
    dataset = opened(folder)
    assert sum(sizes(dataset).values()) == 60 and not dataset.warnings


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_sub_folder_is_told(folder, paint):
    paint(folder / "closed", 5, first=100)
    (folder / "closed").chmod(0)
    try:
        assert "could not be opened" in opened(folder).warnings[0]
    finally:
        (folder / "closed").chmod(0o700)


def test_paths_are_made_absolute_where_they_are_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ImageFolder.model_validate({"path": "here/../there"}).path == str(tmp_path / "there")
    assert ImageFolder.model_validate({"path": "~/cats"}).path == str(tmp_path / "home" / "cats")


RECIPE = """name = "mine"
title = "Mine"
family = "diffusion"
[data]
dataset = "imagefolder"
path = "{path}"
[model]
net = "resnet"
[method]
name = "edm"
[sample]
sampler = "heun"
[quick]
stand_in = "photos"
"""


def test_a_recipe_with_a_folder_needs_that_folder(folder, monkeypatch):
    here, gone = (loads(RECIPE.format(path=path)) for path in (folder, folder / "gone"))
    assert here.data_is_available() and not gone.data_is_available()
    with pytest.raises(MissingData, match="no folder of images"):
        gone.require_data()
    assert loads(here.to_toml()).data == here.data


def test_the_stand_in_is_used_only_when_the_folder_is_missing(folder):
    assert loads(RECIPE.format(path=folder), quick=True).dataset == "imagefolder"
    quick = loads(RECIPE.format(path=folder / "gone"), quick=True)
    assert quick.dataset == "photos" and quick.stand_in_for == "imagefolder"


def test_who_names_the_data_gets_no_stand_in(folder, data):
    given = load("cats-ddpm", [f"data.path={folder}"], quick=True)
    assert given.dataset == "cats" and given.stand_in_for is None and given.data_is_available()
    other = load("cats-ddpm", ["data.dataset=imagefolder", f"data.path={folder}"], quick=True)
    assert other.dataset == "imagefolder" and other.stand_in_for is None
    with pytest.raises(MissingData, match="no folder of images"):
        load("cats-ddpm", [f"data.path={folder}/gone"], quick=True).require_data()
    assert load("cats-ddpm", quick=True).stand_in_for == "cats"


def test_cats_are_looked_for_in_the_data_folder(data, cache, paint):
    assert Cats.locate() is None
    paint(data / "cats", 40)
    assert Cats.locate() == data / "cats"
    dataset = open_dataset(Cats.model_validate({"batch_size": 8}))
    assert dataset.name == "cats" and dataset.image_shape == (3, 64, 64)


def test_a_shipped_recipe_can_be_pointed_at_a_folder(folder):
    made = load("digits-unet", ["data.dataset=imagefolder", f"data.path={folder}", "data.image_size=8"])
    assert made.data_is_available() and made.data.image_shape == (3, 8, 8)
