"""Inception's figures are torch-fidelity's own."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.data.dataset import Split, fingerprint, resize
from engine.evaluation.extractors import load_extractor
from engine.evaluation.statistics import RealImages
from tests.support.evaluation import ALL, by_metric, equal_theirs, measured
from tests.support.torch_fidelity_api import theirs


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory) -> Path:
    """Inception's architecture with weights made up here, in a file."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        net = FeatureExtractorInceptionV3("made-up", ["2048"], feature_extractor_weights_path=empty)
    path = tmp_path_factory.mktemp("inception") / "made-up.pth"
    torch.save(net.state_dict(), path)
    return path


def test_inception_with_weights_given_by_path_equals_torch_fidelity_too(inception_weights, digits, tmp_path):
    images = [resize(part, (32, 32)).expand(-1, 3, -1, -1) for part in digits.train.images.split(12)[:3]]
    small = replace(digits, train=Split(images[0]), test=Split(images[1]), fingerprint="")
    small = replace(small, fingerprint=fingerprint(small))
    ours = RealImages(small, load_extractor("inception", weights=inception_weights), tmp_path)
    equal_theirs(
        by_metric(measured(images[2], ours, also=ALL)),
        theirs(images[2], images[0], feature_extractor_weights_path=str(inception_weights),
               feature_extractor="inception-v3-compat", kid_subset_size=12),
    )  # fmt: skip
