"""Inception's figures are those of torch-fidelity, pytorch-fid and piq."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.dataset import Split, fingerprint, resize, to_levels
from engine.evaluation.extractors import load_extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.statistics import RealImages
from tests.support.evaluation import ALL, by_metric, equal_theirs, made_up_inception, measured
from tests.support.torch_fidelity_api import theirs


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory) -> Path:
    return made_up_inception(tmp_path_factory.mktemp("inception") / "made-up.pth")


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


COMPARED = 8
"""Dimensions whose distances are compared: with fewer images than dimensions, the packages take roots of singular
matrices, which tell nothing."""


def close(ours: Tensor, their_features: Tensor) -> None:
    assert ours.shape == their_features.shape
    error = (ours - their_features).norm() / their_features.norm()
    assert error < 1e-3, f"relative error {error:.2g}"


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """24 images uint8 3×40×40, of which the second half is darker."""
    from sklearn.datasets import load_sample_images

    photo = torch.from_numpy(np.stack(load_sample_images().images)).movedim(-1, 1)[0]
    crops = photo.unfold(1, 40, 60).unfold(2, 40, 60).movedim(0, 2).flatten(0, 1)[:24].contiguous()
    crops[12:] //= 2
    return crops


def test_half_pixel_resizing_gives_the_distances_of_pytorch_fid(inception_weights, pictures, monkeypatch):
    from pytorch_fid import fid_score, inception

    state = torch.load(inception_weights, weights_only=True)
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: state)
    net = inception.InceptionV3([3]).eval()
    with torch.no_grad():
        theirs_ = net(pictures.float() / 255)[0][:, :, 0, 0]  # as its reader of files does
    ours = load_extractor("inception", weights=inception_weights, resize="half-pixel").features(pictures)
    close(ours, theirs_)
    rows = theirs_.double().numpy()[:, :COMPARED]
    first, second = ((part.mean(0), np.cov(part, rowvar=False)) for part in (rows[:12], rows[12:]))
    expected = fid_score.calculate_frechet_distance(*first, *second)
    found = distance(*(Moments.of(part) for part in ours[:, :COMPARED].split(12)))
    assert found == pytest.approx(expected, rel=1e-3)
    tf1 = load_extractor("inception", weights=inception_weights).features(pictures[:2])
    assert not torch.allclose(tf1, ours[:2], rtol=1e-3)


def test_images_that_are_not_quantised_give_the_distances_of_piq(inception_weights, pictures, monkeypatch):
    import piq
    from piq.feature_extractors import fid_inception

    state = torch.load(inception_weights, weights_only=True)
    monkeypatch.setattr(fid_inception, "load_state_dict_from_url", lambda *_, **__: state)
    samples = pictures.float() / 127.5 - 1 + 0.3 / 127.5  # between the levels
    metric = piq.FID()
    loader = [{"images": (samples / 2 + 0.5).clamp(0, 1)}]
    theirs_ = metric.compute_feats(loader, fid_inception.InceptionV3(), device="cpu")  # type: ignore[arg-type]
    extractor = load_extractor("inception", weights=inception_weights, resize="half-pixel")
    ours = extractor.features(to_levels(samples))
    close(ours, theirs_)
    parts = theirs_[:, :COMPARED].double().split(12)
    found = distance(*(Moments.of(part) for part in ours[:, :COMPARED].split(12)))
    assert found == pytest.approx(float(metric(*parts)), rel=1e-3)
