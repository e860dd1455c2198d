"""MNIST, USPS, SVHN and MNIST-M from small files of their own formats; the pairs made of them."""

from __future__ import annotations

import bz2
import gzip
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from engine.data.dataset import DataError, open_dataset
from engine.data.digits_m import blend
from engine.recipes.recipe import MissingData, datasets
from engine.settings.datasets.published import IDX_FILES, MNIST, MNISTM, SVHN, USPS, MNISTMToSVHN, MNISTMToUSPS

COUNTS = {"train": 30, "test": 20}


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def random(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_mnist(folder):
    folder.mkdir(parents=True)
    for split, count in COUNTS.items():
        images = random((count, 28, 28), count)
        (folder / IDX_FILES[f"{split}_images"]).write_bytes(idx(images))
        labels = idx((np.arange(count) % 10).astype(np.uint8))
        (folder / f"{IDX_FILES[f'{split}_labels']}.gz").write_bytes(gzip.compress(labels))


def usps_text(pixels, labels) -> bytes:
    """LIBSVM's format, pixels 0…255 → -1…1; a value of 0 is left out as the format allows."""
    lines = []
    for image, label in zip(pixels, labels, strict=True):
        pairs = (f"{i}:{v / 127.5 - 1:.6f}" for i, v in enumerate(image.ravel(), 1) if v != 127.5)
        lines.append(f"{label + 1} {' '.join(pairs)} \n")
    return "".join(lines).encode()


def write_usps(folder):
    folder.mkdir(parents=True)
    for name, count in (("usps.bz2", 30), ("usps.t.bz2", 20)):
        content = usps_text(random((count, 16, 16), count), np.arange(count) % 10)
        (folder / name).write_bytes(bz2.compress(content))


def write_svhn(folder):
    folder.mkdir(parents=True)
    for split, count in COUNTS.items():
        y = np.arange(count).reshape(-1, 1) % 10
        savemat(
            folder / f"{split}_32x32.mat",
            {"X": random((32, 32, 3, count), count), "y": np.where(y == 0, 10, y).astype(np.uint8)},
        )


def write_mnist_m(folder, separator=" "):
    for split, count in COUNTS.items():
        (folder / f"mnist_m_{split}").mkdir(parents=True)
        lines = []
        for i in range(count):
            Image.fromarray(random((32, 32, 3), i + 100 * count)).save(
                folder / f"mnist_m_{split}" / f"{i:08d}.png"
            )
            lines.append(f"{i:08d}.png{separator}{i % 10}")
        (folder / f"mnist_m_{split}_labels.txt").write_text("\n".join(lines) + "\n")


def write_bsds(folder):
    for split in COUNTS:
        (folder / split).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(random((50, 60, 3), i)).save(folder / split / f"{i}.jpg")


def opened(cls, **values):
    return open_dataset(cls.model_validate({"batch_size": 8} | values))


def check(dataset, cls):
    assert {name: len(split) for name, split in dataset.splits.items()} == COUNTS
    assert dataset.image_shape == cls.shape and dataset.train.images.dtype == torch.uint8
    assert dataset.classes == tuple("0123456789") and dataset.train.labels.dtype == torch.int64
    assert dataset.test.labels.bincount(minlength=10).tolist() == [2] * 10


@pytest.mark.parametrize(
    "name", ["mnist", "usps", "svhn", "mnist-m", "mnistm-svhn", "mnistm-usps", "celeba", "cats", "cartoon"]
)
def test_a_set_that_is_missing_says_what_to_do_in_a_sentence(name, data, cache):
    cls = datasets()[name]
    assert cls.locate() is None
    with pytest.raises(MissingData) as caught:
        opened(cls)
    message = str(caught.value)
    assert message == cls.remedy() and str(data) in message and "\n" not in message


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw"])
def test_mnist_is_read_from_its_own_folder_or_torchvisions(data, place):
    write_mnist(data / place)
    dataset = opened(MNIST)
    check(dataset, MNIST)
    assert np.array_equal(dataset.train.images[:, 0].numpy(), random((30, 28, 28), 30))


@pytest.mark.parametrize("place", ["usps", "USPS", "."])
def test_usps_is_read(data, place):
    data.rmdir()
    write_usps(data / place)
    dataset = opened(USPS)
    check(dataset, USPS)
    assert np.array_equal(dataset.test.images[:, 0].numpy(), random((20, 16, 16), 20))
    assert opened(USPS, image_size=28).image_shape == (1, 28, 28)


def test_a_usps_pixel_that_is_not_named_is_mid_grey(data):
    write_usps(data / "usps")
    (data / "usps" / "usps.bz2").write_bytes(bz2.compress(b"3 1:-1 256:1\n" * 9))
    image = opened(USPS, batch_size=2).train.images[0, 0]
    assert image[0, 0] == 0 and image[-1, -1] == 255 and image[8, 8] == 128


@pytest.mark.parametrize("place", ["svhn", "SVHN", "."])
def test_svhn_is_read_and_its_ten_is_the_digit_nought(data, place):
    data.rmdir()
    write_svhn(data / place)
    dataset = opened(SVHN)
    check(dataset, SVHN)
    assert np.array_equal(dataset.train.images.numpy(), random((32, 32, 3, 30), 30).transpose(3, 2, 0, 1))
    assert dataset.train.labels.tolist() == [i % 10 for i in range(30)]


DAMAGE = {
    "usps": ("usps.bz2", write_usps, {
        "cut": lambda b: b[:-20], "text": lambda b: b"<html>", "empty": lambda b: b"",
        "label": lambda b: bz2.compress(b"12 1:0.5\n"), "pixel": lambda b: bz2.compress(b"1 300:0.5\n"),
        "value": lambda b: bz2.compress(b"1 1:7\n"), "words": lambda b: bz2.compress(b"1 one:two\n"),
        "nan": lambda b: bz2.compress(b"1 1:nan\n"),
    }),
    "svhn": ("test_32x32.mat", write_svhn, {
        "cut": lambda b: b[:-2000], "text": lambda b: b"<html>" * 100, "empty": lambda b: b"",
    }),
    "mnist": (IDX_FILES["train_images"], write_mnist, {"cut": lambda b: b[:-1], "empty": lambda b: b""}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "how"), [(name, how) for name, (_, _, ways) in DAMAGE.items() for how in ways]
)
def test_a_damaged_file_is_named_with_a_remedy_in_one_sentence(name, how, data):
    file, write, ways = DAMAGE[name]
    write(data / name)
    path = data / name / file
    path.write_bytes(ways[how](path.read_bytes()))
    with pytest.raises(DataError, match="gentui data fetch") as caught:
        opened(datasets()[name])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_svhn_file_with_other_content_is_refused(data):
    write_svhn(data / "svhn")
    for content in ({"X": np.zeros((8, 8, 3, 5), np.uint8), "y": np.ones((5, 1))}, {"z": np.zeros(3)},
                    {"X": random((32, 32, 3, 5)), "y": np.ones((4, 1))}):  # fmt: skip
        savemat(data / "svhn" / "train_32x32.mat", content)
        with pytest.raises(DataError, match=r"train_32x32\.mat cannot be used"):
            opened(SVHN)


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_mnist_m_is_read_as_it_is_distributed(data, cache, separator):
    write_mnist_m(data / "mnist_m", separator)
    dataset = opened(MNISTM)
    check(dataset, MNISTM)
    assert opened(MNISTM).fingerprint == dataset.fingerprint


def test_mnist_m_without_a_label_leaves_the_image_out(data, cache):
    write_mnist_m(data / "mnist-m")
    labels = data / "mnist-m" / "mnist_m_train_labels.txt"
    labels.write_text("\n".join(labels.read_text().split("\n")[2:]))
    dataset = opened(MNISTM)
    assert len(dataset.train) == 28 and dataset.warnings == ("2 images have no label and were left out.",)
    labels.write_text("00000000.png 1\n00000001.png eleven\n")
    with pytest.raises(DataError, match=r"line 2 of .* has 'eleven' where a digit belongs"):
        opened(MNISTM)


def test_mnist_m_is_made_of_mnist_and_photographs(data, cache):
    write_mnist(data / "mnist")
    assert MNISTM.locate() is None
    write_bsds(data / "BSDS500" / "data" / "images")
    said = []
    dataset = open_dataset(MNISTM.model_validate({}), lambda done, total: said.append((done, total)))
    check(dataset, MNISTM)
    photos = [np.asarray(Image.open(data / f"BSDS500/data/images/test/{i}.jpg")) for i in range(3)]
    assert torch.equal(dataset.test.images, blend(opened(MNIST).test.images, photos))
    assert said[-1] == (50, 50)
    shutil.rmtree(data / "BSDS500" / "data" / "images" / "train")
    assert MNISTM.locate() is None


def test_pairs_are_both_domains_at_one_size(data, cache):
    write_mnist_m(data / "mnist-m")
    assert MNISTMToSVHN.locate() is None and "SVHN" in MNISTMToSVHN.remedy()
    assert "MNIST-M" not in MNISTMToSVHN.remedy()
    write_svhn(data / "svhn")
    write_usps(data / "usps")
    for cls, target in ((MNISTMToSVHN, "svhn"), (MNISTMToUSPS, "usps")):
        dataset = opened(cls)
        assert dataset.name == cls.model_fields["dataset"].default and dataset.target.name == target
        assert dataset.image_shape == dataset.target.image_shape == (3, 28, 28)
        assert dataset.classes == dataset.target.classes
        upper = opened(cls, supervision="target")
        assert torch.equal(upper.train.images, dataset.target.train.images)
        assert torch.equal(upper.test.labels, dataset.target.test.labels)


def test_reading_imports_no_torchvision(data):
    write_mnist(data / "mnist")
    write_usps(data / "usps")
    code = (
        "import sys\nfrom engine.data.dataset import open_dataset\nfrom engine.settings.datasets.published import *\n"
        "[open_dataset(cls.model_validate({})) for cls in (MNIST, USPS)]\n"
        "print([m for m in ('sklearn', 'torchvision', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
