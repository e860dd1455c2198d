"""The sets that are always there: what they show, that their splits are apart, that they never change."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.data import toon_drawing
from engine.data.dataset import open_dataset, resize
from engine.data.digits_m import blend
from engine.data.photographs import photographs
from engine.data.photos import TEST_FROM, halved
from engine.recipes.recipe import datasets
from engine.settings.datasets.embedded import Digits, DigitsM, Photos, ToonFaces


def opened(cls, **values):
    return open_dataset(cls.model_validate(values))


@pytest.fixture(scope="module")
def digits_m():
    return opened(DigitsM)


@pytest.fixture(scope="module")
def photos():
    return opened(Photos)


@pytest.fixture(scope="module")
def faces():
    return opened(ToonFaces)


@pytest.mark.parametrize("name", [name for name, cls in datasets().items() if cls.embedded])
def test_embedded_sets_are_what_their_settings_say(name):
    cls = datasets()[name]
    dataset = opened(cls)
    assert cls.locate() is not None and dataset.name == name
    assert dataset.image_shape == cls.shape and dataset.train.images.dtype == torch.uint8
    assert {split: len(s) for split, s in dataset.splits.items()} == cls.sizes
    assert dataset.classes == cls.classes and dataset.attributes == cls.attributes
    assert dataset.groups == cls.groups and sum(cls.groups) == len(cls.attributes)
    assert dataset.fingerprint == opened(cls).fingerprint and not dataset.warnings


def test_opening_digits_m_imports_neither_scikit_learn_nor_torchvision():
    code = (
        "import sys\nfrom engine.data.dataset import open_dataset\n"
        "from engine.settings.datasets.embedded import DigitsM\n"
        "open_dataset(DigitsM.model_validate({}))\n"
        "print([m for m in ('sklearn', 'torchvision', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


# digits-m


def test_digits_m_are_the_digits_with_their_labels_in_the_same_splits(digits_m):
    plain = opened(Digits)
    assert torch.equal(digits_m.train.labels, plain.train.labels)
    assert torch.equal(digits_m.test.labels, plain.test.labels)


def test_a_blended_digit_differs_from_its_patch_by_the_digit_itself(digits_m):
    """|patch - digit|: of a photograph that is all black the digit is left, of one all white its negative."""
    figures = resize(opened(Digits).test.images[:20], (28, 28))
    black, white = (np.full((40, 40, 3), value, np.uint8) for value in (0, 255))
    assert torch.equal(blend(figures, [black]), figures.expand(-1, 3, -1, -1))
    assert torch.equal(blend(figures, [white]), 255 - figures.expand(-1, 3, -1, -1))
    assert torch.equal(blend(figures, photographs()), digits_m.test.images[:20])


def test_where_there_is_no_digit_the_photograph_is_untouched(digits_m):
    figures = resize(opened(Digits).train.images[:1], (28, 28))
    ground = (figures[0, 0] == 0).numpy()
    assert ground.sum() > 100
    made = digits_m.train.images[0].permute(1, 2, 0).numpy()[ground]
    patches = (
        photo[y : y + 28, x : x + 28]
        for photo in photographs()
        for y in range(photo.shape[0] - 27)
        for x in range(photo.shape[1] - 27)
        if (photo[y, x] == made[0]).all() or not ground[0, 0]
    )
    assert any((patch[ground] == made).all() for patch in patches)


def test_a_small_digit_stands_in_the_middle_of_its_patch():
    small = opened(DigitsM, digit=16)
    plain = resize(opened(Digits).test.images[:20], (16, 16))
    figures = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)
    figures[:, :, 6:22, 6:22] = plain
    assert torch.equal(blend(figures, photographs()), small.test.images[:20])


def test_backgrounds_come_from_everywhere(digits_m):
    corners = digits_m.train.images[:, :, 0, 0]
    assert len(corners.unique(dim=0)) > 700


# photos


def test_no_test_crop_shares_a_pixel_with_a_training_crop(photos):
    for half in map(halved, photographs()):
        assert half.shape == (213, 320, 3)
        above, below = half[:TEST_FROM], half[TEST_FROM:]
        assert min(above.shape[0], below.shape[0]) >= 64
    top = torch.from_numpy(halved(photographs()[0])[:64, :64].transpose(2, 0, 1).copy())
    bottom = torch.from_numpy(
        halved(photographs()[1])[TEST_FROM : TEST_FROM + 64, :64].transpose(2, 0, 1).copy()
    )
    assert torch.equal(photos.train.images[0], top)
    assert torch.equal(photos.test.images[len(photos.test) // 2], bottom)
    assert photos.train.labels is None


# toonfaces


def test_every_face_has_exactly_one_of_each_group(faces):
    for split in faces.splits.values():
        assert split.labels.dtype == torch.uint8 and split.labels.shape == (len(split), 15)
        for group in split.labels.split(list(faces.groups), dim=1):
            assert (group.sum(1) == 1).all()
            assert group.float().mean(0).min() > 0.6 / group.shape[1], "each value is about as frequent"


def test_a_face_is_the_same_wherever_it_is_drawn(faces):
    for split, numbers in ((faces.train, (0, 1, 3998, 3999)), (faces.test, (0, 999))):
        for i in numbers:
            number = i if split is faces.train else 4000 + i
            assert np.array_equal(split.images[i].numpy(), toon_drawing.draw(number))
            assert np.array_equal(split.labels[i].numpy(), toon_drawing.one_hot(number))


def test_faces_vary_in_far_more_than_their_attributes(faces):
    kinds = {}
    for image, row in zip(faces.train.images, faces.train.labels, strict=True):
        kinds.setdefault(row.numpy().tobytes(), []).append(image)
    assert len(kinds) == 6 * 4 * 3 * 2
    alike = torch.stack(max(kinds.values(), key=len)).float()
    assert len(alike.flatten(1).unique(dim=0)) == len(alike)
    assert alike.std(0).mean() > 25


def nearest(pixels: torch.Tensor, palette) -> int:
    """Which colour of a palette most of the pixels (N,3) that are near any of it are nearest to."""
    distances = torch.cdist(pixels.float(), torch.tensor(palette, dtype=torch.float32))
    close = distances.min(1).values < 24
    return int(distances[close].argmin(1).bincount(minlength=len(palette)).argmax())


def test_attributes_can_be_seen(faces):
    """Skin is counted around the middle, hair above it: a rule of two lines must mostly be right."""
    right = {"hair": 0, "skin": 0}
    for image, row in zip(faces.test.images[:200], faces.test.labels[:200], strict=True):
        hair, _, skin, _ = (int(part.argmax()) for part in row.split([6, 4, 3, 2]))
        pixels = image.permute(1, 2, 0)
        right["hair"] += nearest(pixels[14:58, 30:98].reshape(-1, 3), toon_drawing.HAIR) == hair
        right["skin"] += nearest(pixels[60:100, 40:88].reshape(-1, 3), toon_drawing.SKIN) == skin
    assert right["hair"] > 180 and right["skin"] > 180


def test_faces_of_another_size_are_the_same_faces(faces):
    small = opened(ToonFaces, image_size=32)
    assert small.image_shape == (3, 32, 32) and torch.equal(small.train.labels, faces.train.labels)
    assert torch.equal(small.test.images[:8], resize(faces.test.images[:8], (32, 32)))
    assert small.fingerprint != faces.fingerprint


def test_faces_are_held_out_like_any_other_images(faces):
    held = opened(ToonFaces, image_size=32, validation=0.1)
    assert len(held.train) + len(held.validation) == 4000 and held.attributes == faces.attributes
    assert held.fingerprint != opened(ToonFaces, image_size=32).fingerprint


def test_the_renderer_needs_no_torch():
    code = "import sys, engine.data.toon_drawing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
