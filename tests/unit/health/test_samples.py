"""What an examination of samples finds in images of which one knows what is wrong."""

from __future__ import annotations

import pytest
import torch

from engine.data.dataset import open_dataset
from engine.evaluation.drawing import SampleSet
from engine.evaluation.extractors import load_extractor
from engine.health.curves import Trend
from engine.health.findings import Blob, Collapse, LabelIgnored, Memorisation
from engine.health.samples import Examination
from engine.recipes.recipe import load
from engine.settings.health import Health

SETTINGS = Health()


@pytest.fixture(scope="module")
def digits():
    return open_dataset(load("digits-unet").data)


@pytest.fixture(scope="module", params=["digits-cnn", None])
def examination(request, digits):
    extractor = load_extractor(request.param) if request.param else None
    return Examination(digits, torch.device("cpu"), extractor)


def real(digits, labels=None):
    """Test images as if they were samples asked for by their own labels, or by others."""
    images, own = digits.test.images, digits.test.labels
    return SampleSet(images, None, None, own if labels is None else labels)


def alarm(watcher, signals, times=3):
    """The watcher's alarm on seeing the same at every examination."""
    return [watcher.observe(100 * examination, signals) for examination in range(1, times + 1)][-1]


def panel():
    """Watchers of a run whose loss has fallen."""
    trend = Trend()
    for step in range(100):
        trend.observe(step, {"loss": 1.0 if step < 5 else 0.3})
    return [
        Collapse(SETTINGS, trend),
        Blob(SETTINGS, trend),
        LabelIgnored(SETTINGS, trend),
        Memorisation(SETTINGS),
    ]


def names(signals):
    return {found.name for watcher in panel() if (found := alarm(watcher, signals))}


def test_real_images_are_healthy(examination, digits):
    assert names(examination.signals(real(digits))) == set()


def test_one_image_whatever_the_noise_is_collapse(examination, digits):
    images = digits.test.images[:1].expand(128, -1, -1, -1)
    assert "collapse" in names(examination.signals(SampleSet(images, None, None, None)))


def test_images_near_their_mean_are_a_blob(examination, digits):
    images = digits.test.images.float()
    blob = (images.mean(0) + 0.15 * (images - images.mean(0))).round().to(torch.uint8)
    assert "blob" in names(examination.signals(SampleSet(blob, None, None, None)))


def test_labels_that_belong_to_other_images_are_ignored(examination, digits):
    generator = torch.Generator().manual_seed(0)
    labels = digits.test.labels[torch.randperm(len(digits.test), generator=generator)]
    assert names(examination.signals(real(digits, labels))) == {"class-ignored"}


def test_labels_that_are_mixed_up_are_told_apart_from_ignored_ones(digits):
    examination = Examination(digits, torch.device("cpu"), load_extractor("digits-cnn"))
    assert names(examination.signals(real(digits, (digits.test.labels + 1) % 10))) == {"class-confused"}


def test_copies_of_training_images_are_memorisation(examination, digits):
    images = digits.train.images[:200].float()
    noisy = (images + torch.randn(images.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255)
    assert "memorisation" in names(examination.signals(SampleSet(noisy.to(torch.uint8), None, None, None)))


def test_a_young_generator_is_not_ill():
    collapse = Collapse(SETTINGS)
    for step, spread in enumerate([0.0003, 0.0007, 0.004, 0.011, 0.04, 0.2]):
        assert collapse.observe(step, {"health/diversity": spread, "health/contrast": 0.01}) is None


def test_a_diversity_that_falls_from_its_height_is_collapse():
    collapse = Collapse(SETTINGS)
    found = [collapse.observe(step, {"health/diversity": d, "health/contrast": 0.9}) for step, d in
             enumerate([0.2, 0.7, 0.8, 0.6, 0.25, 0.2])]  # fmt: skip
    assert found[:4] == [None] * 4
    assert found[4].name == "collapse" and found[5].began == found[4].began == 4
