"""Black borders: the net sees them, and scores do not."""

from __future__ import annotations

import pytest
import torch

from engine.data.dataset import open_dataset, padded
from engine.evaluation.evaluate import evaluate
from engine.evaluation.extractors import load_extractor
from engine.evaluation.statistics import RealImages
from engine.evaluation.train_extractor import Course
from engine.settings.datasets.embedded import Digits
from engine.settings.datasets.folders import ImageFolder
from engine.settings.evaluation import FID


def test_images_are_padded_after_resizing_and_are_the_same_inside():
    plain, framed = (open_dataset(Digits(image_size=16, pad=pad)) for pad in (0, 3))
    assert framed.image_shape == Digits(image_size=16, pad=3).image_shape == (1, 22, 22)
    assert framed.border == 3 and framed.fingerprint == plain.fingerprint
    assert torch.equal(padded(framed, -3).train.images, plain.train.images)
    assert framed.test.images.sum(dtype=torch.int64) == plain.test.images.sum(dtype=torch.int64), "black"


def test_a_folders_images_can_be_padded():
    assert ImageFolder.model_validate({"path": ".", "image_size": 28, "pad": 2}).image_shape == (3, 32, 32)


@pytest.mark.parametrize("extractor", ["digits-cnn", "probe"])
def test_scores_are_those_of_the_images_inside(extractor, tmp_path, monkeypatch):
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path))
    monkeypatch.setattr("engine.evaluation.probe.MOST_IMAGES", 64)
    monkeypatch.setattr(Course, "steps", lambda *_: 4)
    settings = FID(samples=100, also=["kid"])
    found = []
    for pad in (0, 2):
        dataset = open_dataset(Digits(pad=pad))
        real = RealImages(dataset, load_extractor(extractor, dataset=dataset), tmp_path / "statistics")
        images = iter(dataset.test.images[:100].split(settings.batch_size))
        scores = evaluate(lambda count, labels, images=images: next(images), real, settings, sampling="").scores
        found.append([(score.metric, score.value, score.protocol.name) for score in scores])
    assert found[0] == found[1]
