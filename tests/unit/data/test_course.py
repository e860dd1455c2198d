"""Data as courses give it: one path is enough, and labels come from CSV files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data.dataset import DataError, grey, open_dataset
from engine.recipes.recipe import RecipeError, load
from engine.settings import registry
from engine.settings.datasets.embedded import ToonFaces
from engine.settings.datasets.folders import Cartoon, Cats, CelebA, ImageFolder
from engine.settings.datasets.image_files import label_files, read_labels
from tests.support import course


def opened(name: str, root, **values):
    cls = registry.find("dataset", name)
    settings = cls.model_validate({"dataset": name, "path": str(root), "batch_size": 8} | values)
    assert settings.location() is not None, settings.missing_message()
    return open_dataset(settings)


def sizes(dataset) -> dict[str, int]:
    return {name: len(split) for name, split in dataset.splits.items()}


@pytest.mark.parametrize("at", ["", "face"])
def test_faces_have_their_validation_images_for_tests(tmp_path, cache, at):
    root = course.faces(tmp_path / "hw2_data", 20, 9)
    faces = opened("celeba", root / at)
    assert sizes(faces) == {"train": 20, "test": 9} and faces.image_shape == (3, 64, 64)


@pytest.mark.parametrize("name, folder", [("mnist-m", "mnistm"), ("svhn", "svhn"), ("usps", "usps")])
def test_digits_are_read_with_the_labels_of_their_csv_files(tmp_path, cache, name, folder):
    root = course.digits(tmp_path / "hw2_data", train=40, validation=16)
    digits = opened(name, root)
    assert sizes(digits) == {"train": 40, "test": 16}, "the labels of test.csv are of images that are not given"
    assert digits.image_shape == (1 if name == "usps" else 3, 28, 28)
    assert digits.classes == tuple("0123456789")
    first = np.array(Image.open(root / "digits" / folder / "data" / "00007.png"))
    pixels = torch.from_numpy(first)[None] if first.ndim == 2 else torch.from_numpy(first).movedim(-1, 0)
    (place,) = [i for i, image in enumerate(digits.train.images) if torch.equal(image, pixels)]
    assert int(digits.train.labels[place]) == 7
    assert torch.equal(opened(name, root / "digits" / folder).train.images, digits.train.images)


@pytest.mark.parametrize("name", ["mnistm-svhn", "mnistm-usps"])
def test_a_pair_of_domains_needs_one_path(tmp_path, cache, name):
    root = course.digits(tmp_path / "hw2_data", train=40, validation=16)
    pair = opened(name, root, validation=0.1)
    assert pair.image_shape == (3, 28, 28) and pair.target is not None
    assert sizes(pair.target)["test"] == 16 and len(pair.target.train) + len(pair.target.validation) == 40
    bound = opened(name, root, validation=0.1, supervision="target")
    assert torch.equal(bound.test.images, pair.target.test.images)


def test_cartoons_are_read_with_their_attributes(tmp_path, cache):
    root = course.cartoons(tmp_path, 40)
    for at in (root, root / "selected_cartoonset100k"):
        cartoons = opened("cartoon", at)
        assert len(cartoons.train) + len(cartoons.test) == 40
        assert cartoons.groups == (6, 4, 3, 2) and cartoons.image_shape == (3, 128, 128)


def test_cats_are_cut_by_a_seed(tmp_path, cache):
    for number in range(30):
        course.picture(tmp_path / "cats_256_aligned" / f"{number:03}.png", 64, number)
    cats = opened("cats", tmp_path, shuffle_seed=42)
    assert sizes(cats) == {"train": 24, "validation": 3, "test": 3}
    order = np.arange(30)
    np.random.default_rng(42).shuffle(order)
    expected = {
        np.asarray(Image.open(tmp_path / "cats_256_aligned" / f"{number:03}.png")).transpose(2, 0, 1).tobytes()
        for number in order[27:]
    }
    assert {image.numpy().tobytes() for image in cats.test.images} == expected
    other = opened("cats", tmp_path, shuffle_seed=7)
    assert other.fingerprint != cats.fingerprint


@pytest.mark.parametrize("cls, where", [(CelebA, "face"), (Cats, "cats"), (Cartoon, "cartoon")])
def test_a_path_to_nothing_is_named(tmp_path, cls, where):
    settings = cls.model_validate({"path": str(tmp_path / "nowhere")})
    assert settings.location() is None and "nowhere" in settings.missing_message()


def test_a_path_without_digits_is_named(tmp_path):
    settings = registry.find("dataset", "svhn").model_validate({"path": str(tmp_path)})
    assert settings.location() is None
    assert str(tmp_path) in settings.missing_message() and "train.csv" in settings.missing_message()
    pair = registry.find("dataset", "mnistm-usps").model_validate({"path": str(tmp_path)})
    assert pair.location() is None and "digits/usps" in pair.missing_message()


def test_a_label_that_is_no_digit_is_named(tmp_path, cache):
    root = course.digits(tmp_path, train=20, validation=10)
    file = root / "digits" / "svhn" / "val.csv"
    file.write_text(file.read_text().replace(",3", ",three"))
    with pytest.raises(DataError, match="'three'"):
        opened("svhn", root)


# -- CSV files of labels in any folder -------------------------------------------------------------------


def images(folder, count):
    for number in range(count):
        course.picture(folder / f"{number}.png", 16, number)


def test_any_folder_may_have_a_csv_file_of_labels(tmp_path, cache):
    images(tmp_path / "pictures", 40)
    lines = [f"{n}.png,{('cat', 'dog, small')[n % 2]!r}".replace("'", '"') for n in range(40)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    folder = opened("imagefolder", tmp_path, image_size=16)
    assert folder.classes == ("cat", "dog, small") and len(folder.train) + len(folder.test) == 40
    settings = ImageFolder.model_validate({"path": str(tmp_path)})
    assert settings.unlabelled_reason() == ""


def test_csv_files_are_splits_and_numbers_are_classes_in_their_order(tmp_path, cache):
    images(tmp_path, 60)
    for name, part in (("train", range(40)), ("val", range(40, 50)), ("test", range(50, 60))):
        rows = [f"{n % 12},{n}.png,x" for n in part]
        (tmp_path / f"{name}.csv").write_text("\n".join(["class,image,remark", *rows]))
    folder = opened("imagefolder", tmp_path, image_size=16)
    assert sizes(folder) == {"train": 40, "validation": 10, "test": 10}
    assert folder.classes == tuple(map(str, range(12)))


def test_images_without_a_label_and_labels_without_an_image_are_counted(tmp_path, cache):
    images(tmp_path, 30)
    rows = [f"{n}.png,{n % 2}" for n in range(3, 35)]
    (tmp_path / "all.csv").write_text("\n".join(rows))
    warnings = " ".join(opened("imagefolder", tmp_path, image_size=16).warnings)
    assert "3 images were left out for having no label" in warnings
    assert "5 images that the CSV files name are not in the folder" in warnings


@pytest.mark.parametrize(
    "content, said",
    [("file,label\n1.png\n", "line 2"), ("1.png,\n", "line 1"), ("file,label\nx.png,1\n", "names none of the")],
)
def test_a_csv_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, cache, content, said):
    images(tmp_path, 20)
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=said):
        opened("imagefolder", tmp_path, image_size=16)


def test_other_csv_files_are_no_labels(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("1.png,2\n")
    assert label_files(tmp_path) == {}
    (tmp_path / "b.csv").unlink()
    assert read_labels(label_files(tmp_path)[""]) == {"1.png": "2"}


# -- grey, and exact numbers of validation images --------------------------------------------------------


def test_grey_is_pillows(tmp_path, cache):
    colours = torch.randint(0, 256, (4, 3, 5, 5), dtype=torch.uint8)
    for image, made in zip(colours, grey(colours), strict=True):
        expected = np.asarray(Image.fromarray(image.movedim(0, -1).numpy()).convert("L"))
        assert np.array_equal(made[0].numpy(), expected)
    root = course.faces(tmp_path, 20, 9)
    plain, converted = opened("celeba", root), opened("celeba", root, grey=True)
    assert converted.image_shape == (1, 64, 64) and plain.fingerprint != converted.fingerprint
    assert torch.equal(converted.test.images, grey(plain.test.images))


@pytest.mark.parametrize("name", ["digits", "toonfaces"])
def test_exactly_so_many_images_are_held_out(name, monkeypatch):
    few = {"train": 400, "test": 100}  # all 5,000 are drawn by tests/integration/data/test_embedded.py
    monkeypatch.setattr(ToonFaces, "sizes", few)
    dataset = open_dataset(registry.find("dataset", name).model_validate({"validation_images": 100}))
    all_of_them = open_dataset(registry.find("dataset", name).model_validate({}))
    assert len(all_of_them.train) == {"digits": 1437, "toonfaces": 400}[name]
    assert len(dataset.validation) == 100 and len(dataset.train) == len(all_of_them.train) - 100


def test_exactly_so_many_images_of_a_folder_are_held_out(tmp_path, cache):
    images(tmp_path, 60)
    folder = opened("imagefolder", tmp_path, image_size=16, validation_images=7)
    assert len(folder.validation) == 7


def test_a_fraction_and_a_number_exclude_each_other():
    with pytest.raises(RecipeError, match="validation_images"):
        load("digits-unet", ["data.validation=0.1", "data.validation_images=10"])
