"""Lists and files whose names nearly fit: other suffixes, dots for dashes, packed or not, capital letters."""

from __future__ import annotations

import bz2
import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.data.dataset import DataError, Dataset, open_dataset
from engine.settings.datasets.folders import AttributeFolder, CelebA, ImageFolder
from engine.settings.datasets.image_files import read_labels
from engine.settings.datasets.published import IDX_FILES, MNIST, USPS, FashionMNIST
from engine.settings.datasets.published_files import find_file

COUNT = 40


def opened(cls, path: Path, **values) -> Dataset:
    return open_dataset(cls.model_validate({"path": str(path), "batch_size": 8, "image_size": 8} | values))


def sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(split) for name, split in dataset.splits.items()}


@pytest.fixture
def celeba(tmp_path, cache, paint) -> Path:
    """CelebA's PNG files as people have them, with the published lists, which say .jpg."""
    paint(tmp_path / "celeba" / "img_align_celeba", COUNT)
    return tmp_path / "celeba"


def partition(folder: Path, count: int = COUNT, suffix: str = ".jpg") -> Path:
    """25 training, 7 validation and 8 test images of 40."""
    lines = [f"{i:04d}{suffix} {0 if i < 25 else 1 if i < 32 else 2}" for i in range(count)]
    path = folder / "list_eval_partition.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def attributes(folder: Path, suffix: str = ".jpg") -> Path:
    rows = [f"{i:04d}{suffix} {1 if i % 2 else -1} {1 if i % 4 else -1}" for i in range(COUNT)]
    path = folder / "list_attr_celeba.txt"
    path.write_text("\n".join([str(COUNT), "Smiling Young", *rows]) + "\n")
    return path


def test_celebas_png_files_have_the_attributes_and_splits_of_lists_that_say_jpg(celeba):
    attributes(celeba)
    partition(celeba)
    dataset = opened(CelebA, celeba)
    assert sizes(dataset) == {"train": 25, "validation": 7, "test": 8} and not dataset.warnings
    assert dataset.attributes == ("Smiling", "Young")
    assert dataset.test.labels.sum(0).tolist() == [4, 6]


def test_the_partition_alone_decides_the_splits_of_png_files(celeba):
    partition(celeba)
    dataset = opened(CelebA, celeba)
    assert sizes(dataset) == {"train": 25, "validation": 7, "test": 8} and not dataset.warnings


def test_splits_that_were_cached_before_names_matched_are_made_anew(celeba, monkeypatch):
    partition(celeba)
    with monkeypatch.context() as before:
        before.setattr("engine.data.folders.suffixes_differ", lambda files, lists: False)
        before.setattr("engine.data.folders.with_partition", lambda plan, files, path: plan)
        assert "validation" not in sizes(opened(CelebA, celeba))
    assert sizes(opened(CelebA, celeba)) == {"train": 25, "validation": 7, "test": 8}


def test_lists_that_fit_as_they_stand_need_no_new_decoding(celeba, cache):
    partition(celeba, suffix=".png")
    attributes(celeba, suffix=".png")
    from engine.data.matching import suffixes_differ
    from engine.settings.datasets.image_files import list_images

    lists = [celeba / "list_eval_partition.txt", celeba / "list_attr_celeba.txt"]
    assert not suffixes_differ(list_images(celeba / "img_align_celeba").files, lists)
    partition(celeba)
    assert suffixes_differ(list_images(celeba / "img_align_celeba").files, lists)


def test_a_partition_of_only_some_images_is_said(celeba):
    partition(celeba, 34)
    (warning,) = opened(CelebA, celeba).warnings
    assert (
        "6 images were not named in" in warning and "'0034.png', '0035.png', '0036.png' and 3 more" in warning
    )


def test_a_partition_of_none_of_the_images_is_refused(celeba):
    (celeba / "list_eval_partition.txt").write_text("other.jpg 0\n")
    with pytest.raises(DataError, match=r"list_eval_partition\.txt names none of the 40 images .*'0000\.png'"):
        opened(CelebA, celeba)


@pytest.mark.parametrize("written", ["{0:04d}.JPG", "{0:04d}", "IMG/{0:04d}.png", "{0:04d}.jpeg"])
def test_labels_in_a_csv_file_match_by_stem(tmp_path, cache, paint, written):
    paint(tmp_path / "x" / "IMG", 30)
    rows = [f"{written.format(i)},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "x" / "labels.csv").write_text("\n".join(rows))
    dataset = opened(ImageFolder, tmp_path / "x")
    assert dataset.classes == ("a", "b") and not dataset.warnings
    assert sum(split.labels.bincount(minlength=2) for split in dataset.splits.values()).tolist() == [15, 15]


def test_capital_letters_of_a_list_do_not_matter(tmp_path, cache, paint):
    paint(tmp_path / "x", 30)
    for path in (tmp_path / "x").iterdir():
        path.rename(path.with_name(f"Img{path.stem}.PNG"))
    rows = [f"img{i:04d}.png {i % 2} 1" for i in range(30)]
    (tmp_path / "x" / "attr.txt").write_text("\n".join(["30", "p q", *rows]))
    dataset = opened(AttributeFolder, tmp_path / "x")
    assert sum(sizes(dataset).values()) == 30 and not dataset.warnings


def test_a_stem_that_could_be_two_images_is_neither(tmp_path, cache, paint):
    paint(tmp_path / "x", 30)
    paint(tmp_path / "x", 1, suffix=".bmp")  # 0000.png and 0000.bmp
    rows = [f"{i:04d}.jpg,{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "x" / "labels.csv").write_text("\n".join(rows))
    dataset = opened(ImageFolder, tmp_path / "x")
    assert sum(sizes(dataset).values()) == 29
    assert any("2 images were left out for having no label" in w and "0000.bmp" in w for w in dataset.warnings)


def test_an_exact_name_comes_before_a_stem(tmp_path, cache, paint):
    paint(tmp_path / "x", 30)
    paint(tmp_path / "x", 1, first=0, suffix=".bmp")
    rows = [f"{i:04d}.png,{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "x" / "labels.csv").write_text("\n".join(rows))
    dataset = opened(ImageFolder, tmp_path / "x")
    assert sum(sizes(dataset).values()) == 30 and "'0000.bmp'" in dataset.warnings[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001,cat\n0002,dog\n", {"0001": "cat", "0002": "dog"}),
        ("id,breed\n0001,cat\n", {"0001": "cat"}),
        ("picture,kind\n1.png,cat\n", {"1.png": "cat"}),
        ("1.tif,cat\n", {"1.tif": "cat"}),
        ("\n\nfile,label\n\n1.png,cat\n", {"1.png": "cat"}),
    ],
)
def test_the_first_line_of_a_csv_file_is_a_heading_or_a_label(tmp_path, text, expected):
    (tmp_path / "x.csv").write_text(text)
    assert read_labels(tmp_path / "x.csv") == expected


# -- files of published sets ---------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_mnist(folder: Path, called) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", 30), ("test", 20)):
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for what, content in (("images", idx(images)), ("labels", idx(labels))):
            path = folder / called(IDX_FILES[f"{split}_{what}"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(content) if path.name.lower().endswith(".gz") else content)


CALLED = {
    "dot": lambda name: name.replace("-idx", ".idx"),
    "dot, packed": lambda name: name.replace("-idx", ".idx") + ".gz",
    "capitals": str.upper,
    "capitals, packed": lambda name: f"{name}.GZ".upper(),
    "underscores": lambda name: name.replace("-", "_"),
    "in a folder of its own": lambda name: f"{name}/{name}",
    "in a folder of its own, dotted": lambda name: f"{name}/{name.replace('-idx', '.idx')}",
    "plain": lambda name: name,
    "packed": lambda name: f"{name}.gz",
}


@pytest.mark.parametrize("how", CALLED)
@pytest.mark.parametrize("cls", [MNIST, FashionMNIST])
def test_mnist_is_found_by_its_usual_other_names(data, how, cls):
    write_mnist(data / cls.folder, CALLED[how])
    dataset = open_dataset(cls.model_validate({"batch_size": 8}))
    assert cls.locate() == data / cls.folder
    assert sizes(dataset) == {"train": 30, "test": 20}
    assert dataset.test.labels.tolist() == [*range(10)] * 2


def test_a_file_that_was_unpacked_under_its_packed_name_is_read(data):
    write_mnist(data / "mnist", lambda name: name)
    for path in list((data / "mnist").iterdir()):
        path.rename(path.with_name(f"{path.name}.gz"))
    assert sizes(open_dataset(MNIST.model_validate({"batch_size": 8}))) == {"train": 30, "test": 20}


def test_usps_unpacked_is_read_as_usps_packed(data):
    lines = "".join(f"{1 + i % 10} 1:-1 256:1 \n" for i in range(20)).encode()
    (data / "usps").mkdir()
    for name in ("usps.bz2", "usps.t.bz2"):
        (data / "usps" / name).write_bytes(bz2.compress(lines))
    packed = open_dataset(USPS.model_validate({"batch_size": 8}))
    for name in ("usps.bz2", "usps.t.bz2"):
        (data / "usps" / name).unlink()
        (data / "usps" / name.removesuffix(".bz2").upper()).write_bytes(lines)
    plain = open_dataset(USPS.model_validate({"batch_size": 8}))
    assert plain.fingerprint == packed.fingerprint and sizes(plain) == {"train": 20, "test": 20}


def test_other_files_are_not_taken_for_it(tmp_path):
    for name in ("train-images-idx3-ubyte.zip", "train-images-idx1-ubyte", "my-train-images-idx3-ubyte"):
        with zipfile.ZipFile(tmp_path / name, "w"):
            pass
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    os.mkfifo(tmp_path / "train-images.idx3-ubyte")
    assert find_file(tmp_path, "train-images-idx3-ubyte") is None
