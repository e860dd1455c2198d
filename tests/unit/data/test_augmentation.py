"""Augmentation moves, mirrors and turns; it invents nothing, and depends on seed and step alone."""

from __future__ import annotations

import math

import pytest
import torch

from engine.data.augmentation import _draw, augment, enlarge, move, rotate
from engine.data.batches import Batches
from engine.data.dataset import Split, to_float
from engine.settings.datasets.embedded import Digits


def settings(**values):
    return Digits.model_validate(values)


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (64, 3, 9, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_without_augmentation_images_are_as_they_are(images):
    assert torch.equal(augment(images, None, (0, 0)), to_float(images))
    assert torch.equal(augment(images, settings(), (0, 0)), to_float(images))


def test_half_of_the_images_are_mirrored_and_nothing_else_happens(images):
    many = images.repeat(32, 1, 1, 1)
    out = augment(many, settings(flip=True), (0, 0))
    plain, mirrored = to_float(many), to_float(many).flip(-1)
    same = (out == plain).flatten(1).all(1)
    other = (out == mirrored).flatten(1).all(1)
    assert (same ^ other).all()
    assert 0.45 < other.float().mean() < 0.55


def test_a_crop_is_a_window_of_the_image_with_its_edges_reflected(images):
    out = augment(images, settings(crop=2), (0, 0))
    padded = torch.nn.functional.pad(to_float(images), (2, 2, 2, 2), mode="reflect")
    found = set()
    for one, frame in zip(out, padded, strict=True):
        places = [
            (dy, dx)
            for dy in range(5)
            for dx in range(5)
            if torch.equal(one, frame[:, dy : dy + 9, dx : dx + 12])
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) > 15, "of the 25 places most are seen in 64 draws"


def test_a_move_may_be_longer_than_the_image():
    images = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 1, 4)
    moved = move(images, torch.tensor([[0], [9]]), torch.tensor([False]))
    assert moved.flatten().tolist() == [3, 2, 1, 0]


def test_a_rotation_by_nothing_changes_nothing(images):
    floats = to_float(images)
    for fill in ("reflect", "border", "black"):
        assert torch.allclose(rotate(floats, torch.zeros(len(floats)), fill), floats, atol=1e-5)


def test_a_quarter_turn_is_exact_on_a_square():
    image = torch.rand(1, 2, 7, 7) * 2 - 1
    turned = rotate(image, torch.tensor([math.pi / 2]), "black")
    assert torch.allclose(turned, image.rot90(1, (-2, -1)), atol=1e-5)


def test_a_turn_keeps_the_shape_of_things_in_images_that_are_not_square():
    image = torch.full((1, 1, 9, 21), -1.0)
    image[..., 4, 6:15] = 1.0  # a line of nine, lying
    standing = rotate(image, torch.tensor([math.pi / 2]), "black")
    assert standing[0, 0, :, 10].min() > 0.9 and standing[0, 0, :, :9].max() < -0.9


@pytest.mark.parametrize(("fill", "corner"), [("black", -1.0), ("border", 1.0), ("reflect", 1.0)])
def test_corners_are_filled_as_asked(fill, corner):
    white = torch.ones(1, 1, 16, 16)
    turned = rotate(white, torch.tensor([math.pi / 4]), fill)
    assert turned[0, 0, 0, 0] == pytest.approx(corner) and turned[0, 0, 8, 8] == pytest.approx(1.0)


def test_every_image_is_turned_in_its_own_way_within_the_limit():
    bar = torch.zeros(32, 1, 33, 33, dtype=torch.uint8)
    bar[..., 16, 16:] = 255  # a hand of a clock, at three
    out = augment(bar, settings(rotation=30.0), (1, 2)) + 1
    ys, xs = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    heavy = out[:, 0] * (torch.hypot(xs, ys) > 6)
    angles = torch.atan2(-(heavy * ys).sum((1, 2)), (heavy * xs).sum((1, 2))).rad2deg()
    assert angles.abs().max() < 31 and angles.std() > 8 and len(angles.round().unique()) > 15


def test_pixels_stay_in_their_range(images):
    out = augment(images, settings(flip=True, crop=3, rotation=45.0), (0, 1))
    assert out.shape == images.shape and out.dtype == torch.float32
    assert out.min() >= -1 and out.max() <= 1


def test_batches_are_augmented_the_same_whatever_was_drawn_before(images):
    chosen = settings(flip=True, crop=2, rotation=10.0)
    split = Split(images, torch.arange(64))
    straight = Batches(split, 16, "cpu", seed=3, augmentation=chosen)
    expected = [straight.at(step) for step in range(9)]
    torch.rand(1000)  # nor on torch's own random numbers
    for step in (8, 2, 5):
        again = Batches(split, 16, "cpu", seed=3, augmentation=chosen).at(step)
        assert torch.equal(again.images, expected[step].images)
        assert torch.equal(again.labels, expected[step].labels)
    assert not torch.equal(
        Batches(split, 64, "cpu", seed=4, augmentation=chosen).at(0).images[:16], expected[0].images
    )


def test_the_order_of_images_does_not_depend_on_augmentation(images):
    split = Split(images, torch.arange(64))
    plain, augmented = (Batches(split, 16, "cpu", 3, augmentation=a) for a in (None, settings(flip=True)))
    assert torch.equal(plain.at(7).labels, augmented.at(7).labels)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_augmentation_is_the_same_on_a_gpu(images):
    chosen = settings(flip=True, crop=2, rotation=10.0)
    on_cpu, on_gpu = (augment(images.to(d), chosen, (3, 1)).cpu() for d in ("cpu", "cuda"))
    assert torch.allclose(on_cpu, on_gpu, atol=1e-4)


def test_a_crop_of_the_whole_image_is_the_image(images):
    floats = to_float(images)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0])[:, None].expand(4, len(images))
    assert torch.allclose(enlarge(floats, whole), floats, atol=1e-5)


def test_a_crop_is_enlarged_as_interpolation_does_it():
    image = torch.randn(1, 2, 12, 16)
    out = enlarge(image, torch.tensor([[3 / 12], [4 / 16], [6 / 12], [8 / 16]]))
    want = torch.nn.functional.interpolate(image[:, :, 3:9, 4:12], size=(12, 16), mode="bilinear")
    assert torch.allclose(out[:, :, 1:-1, 1:-1], want[:, :, 1:-1, 1:-1], atol=1e-5), (
        "but for what lies beside it"
    )


def test_crops_cover_as_much_as_asked_in_shapes_near_a_square_and_lie_inside():
    top, left, height, width = _draw(4096, settings(resized_crop=0.6), (0, 0), torch.device("cpu")).boxes
    area = height * width
    # a side that would be longer than the image ends at its edge
    assert area.max() <= 1 and (area > 0.6 - 1e-4).float().mean() > 0.9 and area.min() > 0.6 * 0.86
    assert (height / width).log().abs().max() <= math.log(4 / 3) + 1e-5
    assert top.min() >= 0 and (top + height).max() <= 1 + 1e-6 and (left + width).max() <= 1 + 1e-6
    assert left.std() > 0.03 and top.std() > 0.03


def test_a_recipes_other_draws_do_not_depend_on_whether_it_crops(images):
    alone, beside = (
        augment(images, settings(flip=True, crop=2, **more), (0, 3)) for more in ({}, {"resized_crop": 1.0})
    )
    assert torch.equal(alone, beside)
    assert augment(images, settings(resized_crop=0.6), (0, 3)).abs().max() <= 1 + 1e-6
