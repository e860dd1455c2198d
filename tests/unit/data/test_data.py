"""Data sets read as they are, split by content, and batches that depend on nothing but seed and step."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from engine.data.batches import Batches
from engine.data.dataset import DataError, Split, open_dataset, resize, to_float, to_uint8
from engine.recipes.recipe import MissingData
from engine.settings.datasets.embedded import Digits
from engine.settings.datasets.published import IDX_FILES, FashionMNIST

fashion_is_here = pytest.mark.skipif(
    FashionMNIST.locate() is None, reason="the real Fashion-MNIST is not on this machine"
)


@pytest.fixture(scope="module")
def digits():
    return open_dataset(Digits())


def test_digits_have_the_promised_shapes_and_values(digits):
    assert digits.train.images.shape == (1437, 1, 8, 8) and digits.test.images.shape == (360, 1, 8, 8)
    assert digits.train.images.dtype == torch.uint8 and digits.train.labels.dtype == torch.int64
    assert digits.image_shape == (1, 8, 8) and len(digits.classes) == 10
    assert set(digits.train.images.unique().tolist()) == {round(v * 255 / 16) for v in range(17)}
    assert digits.test.labels.bincount(minlength=10).min() >= 20


def test_digits_are_scikit_learns_images_with_their_labels(digits):
    from sklearn.datasets import load_digits

    published = load_digits()
    expected = {
        (np.round(image * 255 / 16).astype(np.uint8).tobytes(), int(label))
        for image, label in zip(published.data, published.target, strict=True)
    }
    ours = {
        (image.numpy().tobytes(), int(label))
        for split in (digits.train, digits.test)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert ours == expected


def test_no_test_digit_is_a_training_digit(digits):
    seen = {image.numpy().tobytes() for image in digits.train.images}
    assert not any(image.numpy().tobytes() in seen for image in digits.test.images)


def test_the_split_of_digits_never_changes(digits):
    assert digits.fingerprint.startswith("6233ec1f")
    assert open_dataset(Digits()).fingerprint == digits.fingerprint


def test_resized_digits_are_another_content_with_the_same_split(digits):
    large = open_dataset(Digits(image_size=28))
    assert large.train.images.shape == (1437, 1, 28, 28) and large.train.images.dtype == torch.uint8
    assert torch.equal(large.train.labels, digits.train.labels)
    assert large.fingerprint != digits.fingerprint
    back = resize(large.train.images, (8, 8))
    both = torch.stack([back.float().flatten(), digits.train.images.float().flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.95


def test_resizing_keeps_flat_images_flat_and_native_size_untouched():
    flat = torch.full((2, 3, 9, 7), 200, dtype=torch.uint8)
    assert torch.equal(resize(flat, (5, 20)), torch.full((2, 3, 5, 20), 200, dtype=torch.uint8))
    assert resize(flat, (9, 7)) is flat


def test_every_byte_survives_the_way_to_float_and_back():
    every = torch.arange(256, dtype=torch.uint8)
    assert to_float(every).min() == -1 and to_float(every).max() == 1
    assert torch.equal(to_uint8(to_float(every)), every)


def test_pixels_out_of_range_are_clipped_and_non_finite_ones_have_a_value():
    given = torch.tensor([-5.0, 5.0, float("nan"), float("inf"), -float("inf")])
    assert to_uint8(given).tolist() == [0, 255, 128, 255, 0]


@pytest.mark.parametrize("size", [None, 28])
def test_batches_are_floats_between_minus_one_and_one(size):
    batch = Batches(open_dataset(Digits(image_size=size)).train, 32, "cpu", seed=0).at(0)
    images, labels = batch.images, batch.labels
    side = size or 8
    assert images.shape == (32, 1, side, side) and images.dtype == torch.float32
    assert images.min() == -1 and images.max() <= 1
    assert labels is not None and labels.dtype == torch.int64


def numbered(count: int) -> Split:
    images = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1).expand(count, 3, 2, 2).contiguous()
    return Split(images, torch.arange(count))


def test_an_epoch_shows_every_image_once_and_drops_the_rest():
    batches = Batches(numbered(50), 16, "cpu", seed=3)
    assert batches.steps_per_epoch == 3
    for epoch in range(3):
        seen = torch.cat([batches.at(3 * epoch + i).labels for i in range(3)])
        assert len(seen.unique()) == 48


def test_images_keep_their_labels():
    batch = Batches(numbered(50), 16, "cpu", seed=3).at(7)
    assert torch.equal(to_uint8(batch.images)[:, 0, 0, 0].long(), batch.labels)


def test_a_batch_depends_on_seed_and_step_alone_not_on_what_was_drawn_before():
    straight, jumping = Batches(numbered(50), 16, "cpu", seed=3), Batches(numbered(50), 16, "cpu", seed=3)
    expected = [straight.at(step).labels for step in range(12)]
    for step in (11, 0, 5, 4, 10, 5):
        assert torch.equal(jumping.at(step).labels, expected[step])


def test_epochs_and_seeds_are_ordered_differently():
    one, other = Batches(numbered(50), 50, "cpu", seed=3), Batches(numbered(50), 50, "cpu", seed=4)
    assert not torch.equal(one.at(0).labels, one.at(1).labels)
    assert not torch.equal(one.at(0).labels, other.at(0).labels)


def test_the_largest_seed_a_recipe_allows_works():
    Batches(numbered(5), 2, "cpu", seed=2**63 - 1).at(10**6)


def test_batch_size_is_capped_to_a_small_split():
    batches = Batches(numbered(5), 64, "cpu", seed=0)
    assert batches.batch_size == 5 and batches.steps_per_epoch == 1
    assert len(batches.at(9).images) == 5


@pytest.mark.parametrize("channels_last", [True, False])
def test_batches_have_the_memory_layout_asked_for(channels_last):
    images = Batches(numbered(8), 4, "cpu", seed=0, channels_last=channels_last).at(0).images
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert images.is_contiguous(memory_format=layout)


def test_a_split_without_labels_gives_none():
    assert Batches(Split(numbered(8).images), 4, "cpu", seed=0).at(0).labels is None


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="without images"):
        Batches(Split(torch.empty(0, 1, 8, 8, dtype=torch.uint8)), 4, "cpu", seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_order_is_the_same_on_a_gpu():
    on_cpu, on_gpu = Batches(numbered(50), 16, "cpu", seed=3), Batches(numbered(50), 16, "cuda", seed=3)
    for step in range(6):
        assert torch.equal(on_cpu.at(step).images, on_gpu.at(step).images.cpu())


# Fashion-MNIST


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A tiny Fashion-MNIST, found before any other: 30 training and 20 test images, half of it gzipped."""
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path))
    where = tmp_path / "fashion-mnist"
    where.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 30), ("test", 20)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (where / IDX_FILES[f"{split}_images"]).write_bytes(idx(images))
        (where / f"{IDX_FILES[f'{split}_labels']}.gz").write_bytes(gzip.compress(idx(labels)))
    return where


def test_idx_files_are_read_plain_and_gzipped(folder):
    dataset = open_dataset(FashionMNIST())
    assert dataset.train.images.shape == (30, 1, 28, 28) and dataset.test.images.shape == (20, 1, 28, 28)
    assert dataset.test.labels.tolist() == [*range(10), *range(10)]


def damage_truncated(folder):
    path = folder / IDX_FILES["train_images"]
    path.write_bytes(path.read_bytes()[:-100])
    return path, "holds"


def damage_truncated_gzip(folder):
    path = folder / f"{IDX_FILES['train_labels']}.gz"
    path.write_bytes(path.read_bytes()[:-12])
    return path, "ended before"


def damage_not_gzip(folder):
    path = folder / f"{IDX_FILES['train_labels']}.gz"
    path.write_bytes(b"<html>404</html>")
    return path, "gzip"


def damage_corrupt_gzip(folder):
    path = folder / f"{IDX_FILES['test_labels']}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    return path, "cannot be used"


def damage_html(folder):
    path = folder / IDX_FILES["test_images"]
    path.write_bytes(b"<!DOCTYPE html><html>not found</html>")
    return path, "not an IDX file"


def damage_empty(folder):
    path = folder / IDX_FILES["test_images"]
    path.write_bytes(b"")
    return path, "not an IDX file"


def damage_too_long(folder):
    path = folder / IDX_FILES["test_images"]
    path.write_bytes(path.read_bytes() + b"\0")
    return path, "more than"


def damage_huge_promise(folder):
    path = folder / IDX_FILES["test_images"]
    path.write_bytes(bytes((0, 0, 8, 3)) + b"\xff" * 12)
    return path, "promises"


def damage_size(folder):
    path = folder / IDX_FILES["test_images"]
    path.write_bytes(idx(np.zeros((20, 27, 28), np.uint8)))
    return path, "27×28"


def damage_no_images(folder):
    path = folder / IDX_FILES["train_images"]
    path.write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    return path, "no images"


def damage_label_count(folder):
    path = folder / f"{IDX_FILES['train_labels']}.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(7, np.uint8))))
    return path, "labels 7"


def damage_label_value(folder):
    path = folder / f"{IDX_FILES['train_labels']}.gz"
    path.write_bytes(gzip.compress(idx(np.full(30, 11, np.uint8))))
    return path, "label 11"


@pytest.mark.parametrize(
    "damage",
    [f for name, f in sorted(globals().items()) if name.startswith("damage_")],
    ids=lambda f: f.__name__,
)
def test_a_damaged_file_is_named_with_a_remedy_in_one_sentence(folder, damage):
    path, what = damage(folder)
    with pytest.raises(DataError) as caught:
        open_dataset(FashionMNIST())
    message = str(caught.value)
    assert str(path) in message and what in message and "gentui data fetch" in message
    assert "\n" not in message


def test_a_missing_set_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: [tmp_path]))
    with pytest.raises(MissingData, match="gentui data fetch fashion-mnist"):
        open_dataset(FashionMNIST())


def test_relative_data_folders_are_never_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_DIRS", "share:/somewhere/share")
    assert all(folder.is_absolute() for folder in FashionMNIST.candidates())


@fashion_is_here
def test_the_real_fashion_mnist_is_whole():
    dataset = open_dataset(FashionMNIST())
    assert dataset.train.labels.bincount().tolist() == [6000] * 10
    assert dataset.test.labels.bincount().tolist() == [1000] * 10
    assert dataset.fingerprint.startswith("1cba3f0c")
