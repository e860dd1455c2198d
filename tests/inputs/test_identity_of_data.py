"""A published file is known by its content, whoever packed it and whatever it is called; the loader and ``data check``
agree."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.data.dataset import DataError, open_dataset
from engine.settings.datasets.base import File
from engine.settings.datasets.published import IDX_FILES, MNIST, USPS, FashionMNIST
from engine.settings.datasets.published_files import examine, open_content
from gentui.machine.datasets import check

REAL = FashionMNIST.locate()
fashion_is_here = pytest.mark.skipif(REAL is None, reason="the real Fashion-MNIST is not on this machine")


def copies(folder: Path, called=lambda name: f"{name}.gz") -> Path:
    """The real Fashion-MNIST's files under other names."""
    assert REAL is not None
    folder.mkdir(parents=True)
    for name in IDX_FILES.values():
        shutil.copy(REAL / f"{name}.gz", folder / called(name))
    return folder


def opened(cls):
    return open_dataset(cls.model_validate({}))


@fashion_is_here
def test_fashion_mnist_under_mnists_names_is_refused_by_the_loader_as_by_the_check(data):
    copies(data / "mnist")
    with pytest.raises(DataError) as caught:
        opened(MNIST)
    problems = check(MNIST)
    assert len(problems) == 4 and str(caught.value).startswith(problems[0])
    for part in (
        "train-images-idx3-ubyte.gz",
        "of fashion-mnist",
        "data fetch mnist",
        "data.dataset=fashion-mnist",
    ):
        assert part in str(caught.value)


@fashion_is_here
def test_labels_of_another_set_are_refused_too(data, monkeypatch):
    copies(data / "fashion-mnist")
    labels = data / "fashion-mnist" / f"{IDX_FILES['test_labels']}.gz"
    content = bytearray(gzip.decompress(labels.read_bytes()))
    content[100] = 9 - content[100]
    labels.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz does not hold what was published"):
        opened(FashionMNIST)


@fashion_is_here
@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_real_set_is_whole_whoever_packed_it(data, level):
    folder = copies(data / "fashion-mnist")
    whole = opened(FashionMNIST)
    path = folder / f"{IDX_FILES['train_labels']}.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), level, mtime=level))
    again = opened(FashionMNIST)
    assert check(FashionMNIST) == [] and not again.warnings
    assert again.fingerprint == whole.fingerprint


def test_a_part_of_a_set_is_read_with_a_warning(data):
    folder = data / "mnist"
    folder.mkdir()
    for key, name in IDX_FILES.items():
        count = 30 if key.startswith("train") else 20
        shape = (count, 28, 28) if key.endswith("images") else (count,)
        array = np.random.default_rng(count).integers(0, 10, shape, dtype=np.uint8)
        header = bytes((0, 0, 8, array.ndim)) + np.array(shape, ">u4").tobytes()
        (folder / name).write_bytes(header + array.tobytes())
    dataset = open_dataset(MNIST.model_validate({"batch_size": 8}))
    assert len(dataset.warnings) == 4
    assert all("does not hold what was published" in warning for warning in dataset.warnings)
    assert [warning.partition(": it is")[0] for warning in dataset.warnings] == check(MNIST)


@pytest.fixture
def small(data, monkeypatch) -> dict[str, bytes]:
    """MNIST and Fashion-MNIST of a few images, known by their hashes: the files of both, packed as published, in the
    data folder. Returns the content of each by data set and name."""
    content = {}
    for seed, cls in enumerate((MNIST, FashionMNIST)):
        name = cls.model_fields["dataset"].default
        files = []
        for key, file in IDX_FILES.items():
            count = 30 if key.startswith("train") else 20
            shape = (count, 28, 28) if key.endswith("images") else (count,)
            array = np.random.default_rng(seed).integers(0, 10, shape, dtype=np.uint8)
            raw = bytes((0, 0, 8, array.ndim)) + np.array(shape, ">u4").tobytes() + array.tobytes()
            content[f"{name}/{file}"] = raw
            served = gzip.compress(raw, 9, mtime=0)
            digest = hashlib.md5(served).hexdigest() if cls is MNIST else ""
            files.append(File(file, len(raw), hashlib.sha256(raw).hexdigest(), (), digest))
            (data / name).mkdir(exist_ok=True)
            (data / name / f"{file}.gz").write_bytes(served)
        monkeypatch.setattr(cls, "files", tuple(files))
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [data / "fashion-mnist"]))
    return content


def read(cls):
    return open_dataset(cls.model_validate({"batch_size": 8}))


@pytest.mark.parametrize("level", [0, 1, 6])
def test_mnist_repacked_by_another_gzip_is_whole(small, data, level):
    whole = read(MNIST)
    assert not whole.warnings
    for file in IDX_FILES.values():
        path = data / "mnist" / f"{file}.gz"
        packed = gzip.compress(small[f"mnist/{file}"], level, mtime=1 + level)
        assert packed != path.read_bytes()
        path.write_bytes(packed)
    again = read(MNIST)
    assert check(MNIST) == [] and not again.warnings
    assert again.fingerprint == whole.fingerprint


def test_mnist_unpacked_is_whole(small, data):
    whole = read(MNIST)
    for file in IDX_FILES.values():
        (data / "mnist" / f"{file}.gz").unlink()
        (data / "mnist" / file).write_bytes(small[f"mnist/{file}"])
    again = read(MNIST)
    assert check(MNIST) == [] and not again.warnings
    assert again.fingerprint == whole.fingerprint


@pytest.mark.parametrize("file", IDX_FILES.values())
@pytest.mark.parametrize("wrong, right", [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")])
def test_a_file_of_the_one_set_under_the_name_of_the_other_is_refused(small, data, file, wrong, right):
    path = data / wrong / f"{file}.gz"
    shutil.copy(data / right / f"{file}.gz", path)
    cls = MNIST if wrong == "mnist" else FashionMNIST
    with pytest.raises(DataError) as caught:
        read(cls)
    (problem,) = check(cls)
    assert problem == f"{path} does not hold what was published as {file}, but {file} of {right}"
    way_on = f"remove it and run `gentui data fetch {wrong}`, or choose data.dataset={right}"
    assert str(caught.value) == f"{problem}: {way_on}"


@pytest.fixture
def usps(data, monkeypatch) -> Path:
    """USPS of a few lines, known by the MD5 of what bzip2 makes of it."""
    folder, files = data / "usps", []
    folder.mkdir()
    for name, first in (("usps.bz2", 0), ("usps.t.bz2", 5)):
        lines = "".join(f"{1 + (i + first) % 10} 1:-1 256:1 \n" for i in range(70)).encode()
        (folder / name).write_bytes(bz2.compress(lines, 9))
        files.append(File(name, 0, "", (), hashlib.md5(bz2.compress(lines, 9)).hexdigest(), False))
    monkeypatch.setattr(USPS, "files", tuple(files))
    return folder


@pytest.mark.parametrize("level", [1, 5])
def test_usps_repacked_by_another_bzip2_is_whole(usps, level):
    content = bz2.decompress((usps / "usps.bz2").read_bytes())
    (usps / "usps.bz2").write_bytes(bz2.compress(content, level))
    assert check(USPS) == [] and not opened(USPS).warnings
    (usps / "usps.bz2").unlink()
    (usps / "usps").write_bytes(content)
    assert check(USPS) == [] and not opened(USPS).warnings


def test_usps_with_training_and_test_file_exchanged_is_refused(usps):
    (usps / "usps.bz2").rename(usps / "x")
    (usps / "usps.t.bz2").rename(usps / "usps.bz2")
    (usps / "x").rename(usps / "usps.t.bz2")
    with pytest.raises(DataError, match=r"usps\.bz2 does not hold .*, but usps\.t\.bz2 of usps"):
        opened(USPS)
    assert len(check(USPS)) == 2


def test_usps_with_other_content_is_read_with_a_warning(usps):
    (usps / "usps.bz2").write_bytes(bz2.compress(b"3 1:-1 256:1\n" * 70))
    (warning,) = opened(USPS).warnings
    assert warning.startswith(check(USPS)[0])


def test_a_file_is_unpacked_by_its_content_not_by_its_name(tmp_path):
    for name, packed in (("a.gz", gzip.compress(b"x")), ("b", bz2.compress(b"x")), ("c.gz", b"x"), ("d", b"x")):
        (tmp_path / name).write_bytes(packed)
        with open_content(tmp_path / name) as stream:
            assert stream.read() == b"x"


def test_a_closed_or_cut_file_is_a_sentence(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    found = examine(tmp_path / "a.gz", File("a", 1000, "0" * 64, ()))
    assert found.refused and "cannot be read" in found.problem
