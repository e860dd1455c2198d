"""Folders of images as people have them: what is an image, what a class, and what is said of the rest."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import folders
from engine.data.dataset import DataError, Dataset, open_dataset
from engine.data.decoding import decode
from engine.settings.datasets.base import MIN_IMAGES_PER_LABEL
from engine.settings.datasets.folders import ImageFolder
from engine.settings.datasets.image_files import list_images, unclassed_reason
from engine.settings.datasets.image_types import is_image
from tests.support.engine import events, finish, trainer

CATS, DOGS = 20, 24


def opened(path: Path, **values) -> Dataset:
    settings = {"path": str(path), "batch_size": 8, "image_size": 8} | values
    return open_dataset(ImageFolder.model_validate(settings))


def sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(split) for name, split in dataset.splits.items()}


def per_class(dataset: Dataset) -> list[int]:
    labels = [split.labels for split in dataset.splits.values() if split.labels is not None]
    return sum(each.bincount(minlength=len(dataset.classes)) for each in labels).tolist()


@pytest.fixture
def pets(tmp_path, cache, paint):
    """Paint ``set/cat`` and ``set/dog``, or the same under another folder."""

    def at(folder: Path, first: int = 0) -> Path:
        paint(folder / "cat", CATS, first)
        paint(folder / "dog", DOGS, first + CATS)
        return folder

    return at


# -- images by content -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jfif", ".tif", ".TIFF", "", ".jpg_large", ".0001", ".JPG~"])
def test_an_image_is_known_by_its_content_whatever_the_ending_of_its_name(tmp_path, cache, paint, suffix):
    paint(tmp_path / "x", 20)
    kind = "TIFF" if suffix.lower().startswith(".tif") else "JPEG"
    for number in range(100, 115):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "x" / f"img{number}{suffix}", kind)
    dataset = opened(tmp_path / "x")
    assert sum(sizes(dataset).values()) == 35 and not dataset.warnings and not dataset.notes


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO"]
)
def test_every_format_is_recognised_without_a_suffix(tmp_path, kind):
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(tmp_path / "x", kind)
    assert is_image(str(tmp_path / "x"))
    assert decode(str(tmp_path / "x"), 8).shape == (3, 8, 8)


@pytest.mark.parametrize(
    "content", [b"", b"BM is not enough", b"P1 was the first", b"\0" * 40, b"%PDF-1.7", b"GIF"]
)
def test_what_only_begins_like_an_image_is_none(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert not is_image(str(tmp_path / "x"))


def test_other_files_are_counted_and_named_in_the_log(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    for name in ("README", "a.txt", "b.txt", "c.json", "labels.xml"):
        (tmp_path / "x" / name).write_text("words")
    dataset = opened(tmp_path / "x")
    assert dataset.notes == (
        "5 files were left out: 5 no image ('README', 'a.txt', 'b.txt' and 2 more).",
    ) and not dataset.warnings  # fmt: skip


def test_an_image_of_a_kind_that_cannot_be_decoded_is_an_alarm_not_passed_over(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    (tmp_path / "x" / "IMG_0001.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    (warning,) = opened(tmp_path / "x").warnings
    assert "1 of 21 images could not be used: 1 not readable as an image ('IMG_0001.heic')" in warning


def test_only_files_of_unknown_endings_are_opened_to_list_a_folder(tmp_path, paint, monkeypatch):
    paint(tmp_path / "x", 5)
    (tmp_path / "x" / "caption.txt").write_text("a cat")
    shutil.copy(tmp_path / "x" / "0000.png", tmp_path / "x" / "unknown")
    read, real = [], os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: read.append(str(path)) or real(path, *rest))
    assert len(list_images(tmp_path / "x").files) == 6
    assert read == [str(tmp_path / "x" / "unknown")]


def test_the_files_that_used_to_be_images_are_listed_in_their_order(tmp_path, paint):
    for suffix in (".png", ".jpg", ".bmp", ".gif", ".webp"):
        paint(tmp_path / "x" / "b", 3, suffix=suffix)
        paint(tmp_path / "x" / "a", 3, suffix=suffix)
    names = [file.name for file in list_images(tmp_path / "x").files]
    assert names == sorted(names, key=os.fsencode) and len(names) == 30


# -- files that cannot be had ------------------------------------------------------------------------------


def test_broken_links_are_an_alarm(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    (tmp_path / "x" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "x" / "circle").symlink_to("circle")
    (warning,) = opened(tmp_path / "x").warnings
    assert warning == "2 files were left out: 2 a link that leads nowhere ('circle', 'gone.png')."


def test_a_link_that_breaks_later_is_told_though_the_images_are_cached(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    assert not opened(tmp_path / "x").warnings
    (tmp_path / "x" / "gone.png").symlink_to("nowhere.png")
    assert "leads nowhere" in opened(tmp_path / "x").warnings[0]


def test_empty_files_are_named_or_no_images(tmp_path, cache, paint):
    paint(tmp_path / "x", 20)
    (tmp_path / "x" / "empty.jpg").touch()
    (tmp_path / "x" / "nothing").touch()
    dataset = opened(tmp_path / "x")
    assert "'empty.jpg'" in dataset.warnings[0] and "'nothing'" in dataset.notes[0]


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user to whom files can be closed."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_closed_files_and_folders_are_counted_and_named(paint, monkeypatch):
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        top.chmod(0o777)
        monkeypatch.setenv("XDG_CACHE_HOME", str(top / "cache"))
        paint(top / "x", 20)
        shutil.copy(top / "x" / "0000.png", top / "x" / "unknown")
        paint(top / "x" / "locked", 3, 500)
        for closed in ("0001.png", "unknown", "locked"):
            (top / "x" / closed).chmod(0)
        with as_nobody():
            text = " ".join(opened(top / "x").warnings)
        (top / "x" / "locked").chmod(0o700)
    assert "1 of 20 images could not be used: 1 closed to you ('0001.png')" in text
    assert "1 file was left out: 1 closed to you ('unknown')" in text
    assert f"The folder '{top / 'x' / 'locked'}' could not be opened" in text


def test_a_folder_without_images_says_what_it_holds(tmp_path, cache):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "archive.zip").write_bytes(b"PK")
    (tmp_path / "x" / "a.png").symlink_to("/nowhere/a.png")
    with pytest.raises(DataError, match=r"leads nowhere \('a\.png'\).*1 no image \('archive\.zip'\)"):
        opened(tmp_path / "x")


# -- classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strays", [1, 3])
def test_stray_images_are_left_out_and_named_and_the_folders_stay_classes(tmp_path, pets, paint, strays):
    folder = pets(tmp_path / "set")
    paint(folder, strays, 900)
    dataset = opened(folder)
    assert dataset.classes == ("cat", "dog") and per_class(dataset) == [CATS, DOGS]
    were = "1 image was" if strays == 1 else "3 images were"
    assert f"{were} left out for lying beside the 2 folders of classes ('0900.png'" in dataset.warnings[0]
    assert unclassed_reason(folder, MIN_IMAGES_PER_LABEL) == ""


def test_many_images_beside_the_folders_prevent_classes_and_are_named(tmp_path, pets, paint):
    folder = pets(tmp_path / "set")
    paint(folder, 12, 900)
    dataset = opened(folder)
    assert dataset.classes == () and sum(sizes(dataset).values()) == CATS + DOGS + 12
    named = "('0900.png', '0901.png', '0902.png' and 9 more)"
    assert dataset.notes == (f"The images have no labels: 12 do not lie in a sub-folder {named}.",)
    assert named in unclassed_reason(folder, MIN_IMAGES_PER_LABEL)


def test_strays_are_labelled_anew_though_the_folder_was_cached_without_labels(
    tmp_path, pets, paint, monkeypatch
):
    folder = pets(tmp_path / "set")
    paint(folder, 1, 900)
    with monkeypatch.context() as before:
        before.setattr(folders, "_class_rules", lambda files, found: [])
        before.setattr(folders, "by_class", lambda files, found: folders.Plan(folders.unlabelled(files)))
        assert opened(folder).classes == ()
    assert opened(folder).classes == ("cat", "dog")


@pytest.mark.parametrize("test_folder", ["test", "test/images"])
def test_training_images_by_class_have_labels_beside_a_flat_test_folder(tmp_path, pets, paint, test_folder):
    pets(tmp_path / "set" / "train")
    paint(tmp_path / "set" / test_folder, 15, 500)
    dataset = opened(tmp_path / "set")
    assert dataset.classes == ("cat", "dog") and sizes(dataset) == {"train": CATS + DOGS, "test": 15}
    assert dataset.train.labels.bincount().tolist() == [CATS, DOGS] and dataset.test.labels is None
    assert unclassed_reason(tmp_path / "set", MIN_IMAGES_PER_LABEL) == ""
    again = opened(tmp_path / "set")
    assert again.test.labels is None and again.fingerprint == dataset.fingerprint


def test_a_conditional_net_is_trained_and_scored_beside_flat_test_and_validation_folders(
    tmp_path, pets, paint, make_run
):
    pets(tmp_path / "set" / "train")
    paint(tmp_path / "set" / "test", 15, 500)
    paint(tmp_path / "set" / "val", 10, 600)
    run = make_run(
        data__dataset="imagefolder", data__path=str(tmp_path / "set"), data__image_size=8, data__batch_size=8,
        train__steps=2, sample__times=1, evaluate__times=1, evaluate__samples=20,
    )  # fmt: skip
    code, output = finish(trainer(run))
    assert code == 0 and "Traceback" not in output, output
    scores = {event["metric"]: event for event in events(run, "evaluation")}
    assert {"fid", "label_accuracy"} <= scores.keys() and scores["fid"]["floor"] is not None
    assert not events(run, "alert"), "nothing failed on the way"


def test_a_flat_training_folder_has_no_classes_whatever_the_test_folder_has(tmp_path, pets, paint):
    pets(tmp_path / "set" / "test")
    paint(tmp_path / "set" / "train", 15, 500)
    dataset = opened(tmp_path / "set")
    assert dataset.classes == () and dataset.test.labels is None


@pytest.mark.parametrize("deep", ["PetImages", "a/b/PetImages"])
def test_classes_one_level_or_more_too_deep_are_found(tmp_path, pets, deep):
    pets(tmp_path / "set" / deep)
    (tmp_path / "set" / "readme[1].txt").write_text("words")
    dataset = opened(tmp_path / "set")
    assert dataset.classes == ("cat", "dog") and per_class(dataset) == [CATS, DOGS]
    assert unclassed_reason(tmp_path / "set", MIN_IMAGES_PER_LABEL) == ""


def test_splits_too_deep_and_classes_too_deep_in_a_split_are_found(tmp_path, pets):
    pets(tmp_path / "set" / "archive" / "train" / "PetImages")
    pets(tmp_path / "set" / "archive" / "val", 500)
    dataset = opened(tmp_path / "set")
    assert dataset.classes == ("cat", "dog")
    assert sizes(dataset) == {"train": CATS + DOGS, "test": CATS + DOGS}


def test_an_image_beside_the_single_folder_is_named(tmp_path, pets, paint):
    pets(tmp_path / "set" / "PetImages")
    paint(tmp_path / "set", 1, 900)
    dataset = opened(tmp_path / "set")
    assert dataset.classes == ("cat", "dog")
    assert "1 beside the folder of all others ('0900.png')" in dataset.warnings[0]


def test_a_folder_of_one_class_has_no_labels_and_keeps_its_names(tmp_path, cache, paint):
    paint(tmp_path / "set" / "only", 20)
    dataset = opened(tmp_path / "set")
    assert dataset.classes == () and sum(sizes(dataset).values()) == 20
    assert list_images(tmp_path / "set", deeper=True).files[0].name == "only/0000.png"
    assert "two classes" in unclassed_reason(tmp_path / "set", MIN_IMAGES_PER_LABEL)


JUNK_FOLDERS = [
    "@eaDir", "#recycle", "#snapshot", "@Recycle", "@tmp", "lost+found", "$RECYCLE.BIN", ".ipynb_checkpoints",
    "__MACOSX", ".Trash-1000", ".Spotlight-V100", "System Volume Information",
]  # fmt: skip


def test_what_systems_and_archives_leave_behind_is_neither_class_nor_image(tmp_path, pets, paint):
    folder = pets(tmp_path / "set")
    for place in (folder, folder / "cat"):
        for name in JUNK_FOLDERS:
            paint(place / name / "0001.png", 2, 700)
        for name in ("Thumbs.db", ".DS_Store", "._0001.png", "desktop.ini"):
            (place / name).write_bytes(b"\xff\xd8\xff" + bytes(50))
    dataset = opened(folder)
    assert dataset.classes == ("cat", "dog") and per_class(dataset) == [CATS, DOGS]
    assert not dataset.warnings and not dataset.notes


def test_a_csv_file_with_its_macos_shadow_still_tells_the_labels(tmp_path, cache, paint):
    paint(tmp_path / "set", 20)
    rows = [f"{n:04d}.png,{'ab'[n % 2]}" for n in range(20)]
    (tmp_path / "set" / "labels.csv").write_text("\n".join(rows))
    (tmp_path / "set" / "._labels.csv").write_bytes(b"\0\5\x16\7")
    assert opened(tmp_path / "set").classes == ("a", "b")


def test_classes_that_are_links_to_folders_elsewhere_are_classes(tmp_path, pets):
    pets(tmp_path / "disk")
    (tmp_path / "set").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "disk" / name)
    assert per_class(opened(tmp_path / "set")) == [CATS, DOGS]
    (tmp_path / "linked").symlink_to(tmp_path / "disk")
    assert opened(tmp_path / "linked").classes == ("cat", "dog")


def test_numbers_of_classes_follow_the_sorted_names(tmp_path, cache, paint):
    for number, name in enumerate(("zebra", "Ant", "bee\nline", "ünï")):
        paint(tmp_path / "set" / name, 10, 20 * number)
    assert opened(tmp_path / "set").classes == ("Ant", "bee�line", "zebra", "ünï")


# -- what the decoder makes of odd images -------------------------------------------------------------------


def stored(tmp_path: Path, image: Image.Image, name: str, **how) -> list[int]:
    """The colour of an image of one colour, as decoded."""
    image.save(tmp_path / name, **how)
    return decode(str(tmp_path / name), 8)[:, 4, 4].tolist()


def test_deep_grey_is_scaled_and_float_is_refused(tmp_path):
    deep = Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert stored(tmp_path, deep, "deep.png") == [128, 128, 128]
    assert stored(tmp_path, deep, "deep.tif") == [128, 128, 128]
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(Exception, match="of floating-point numbers"):
        decode(str(tmp_path / "float.tif"), 8)


def test_cmyk_tiff_and_the_first_page_of_several_are_read(tmp_path):
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert stored(tmp_path, red.convert("CMYK"), "x.tif") == [255, 0, 0]
    pages = [Image.new("RGB", (8, 8), "blue")]
    assert stored(tmp_path, red, "pages.tif", save_all=True, append_images=pages) == [255, 0, 0]


def test_an_orientation_in_a_tiff_is_applied(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = 200
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn to the right: the left half comes up
    image.save(tmp_path / "x.tif", exif=exif)
    image.save(tmp_path / "x.jpg", exif=exif, quality=100)
    for name in ("x.tif", "x.jpg"):
        turned = decode(str(tmp_path / name), 8)
        assert turned[0, 1].min() > 190 and turned[0, 6].max() < 10, name
