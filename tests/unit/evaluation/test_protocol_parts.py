"""The parts of a protocol that a recipe may ask for: each changes the score as it says, and its name tells so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.data.dataset import fingerprint, stretched, to_levels, to_uint8
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.scorer import normalised_by_batch
from engine.evaluation.statistics import RealImages
from engine.evaluation.statistics_file import StatisticsError, read_statistics, write_statistics
from engine.recipes.recipe import load
from engine.settings.diagnostics import RecipeError
from tests.support.evaluation import by_metric, drawings, measured


@pytest.fixture
def real(digits, extractor, tmp_path) -> RealImages:
    return RealImages(digits, extractor, tmp_path)


def test_stretching_is_that_of_torchvisions_save_image(tmp_path):
    from PIL import Image
    from torchvision.utils import save_image  # its compiler takes long to import

    image = torch.rand(1, 3, 5, 5) * 0.6 - 0.5
    save_image(image, tmp_path / "theirs.png", normalize=True)
    with Image.open(tmp_path / "theirs.png") as picture:
        expected = np.asarray(picture).transpose(2, 0, 1)
    ours = to_uint8(stretched(torch.cat([image, image * 0.1])))
    assert np.abs(ours[0].int().numpy() - expected).max() <= 1  # which rounds, they cut off
    assert np.abs(ours[1].int().numpy() - expected).max() <= 1
    assert int(to_uint8(stretched(torch.zeros(1, 1, 2, 2))).max()) == 0  # nothing to stretch


def test_a_stretched_sample_is_scored_as_its_picture_would_be(real, digits):
    faint = digits.train.images[:100].float() / 127.5 - 1
    faint = faint * 0.5
    plain, whole = measured(faint, real), measured(faint, real, stretch=True)
    as_seen = measured(to_uint8(stretched(faint)), real)
    assert by_metric(whole) == by_metric(as_seen) != by_metric(plain)
    assert whole.scores[0].protocol.stretched and "each sample stretched" in whole.scores[0].protocol.name
    assert not plain.scores[0].protocol.stretched and "stretched" not in plain.scores[0].protocol.name


def test_samples_that_are_not_quantised_keep_what_lies_between_the_levels(real, digits, extractor):
    between = digits.train.images[:100].float() / 127.5 - 1 + 0.4 / 127.5
    found = measured(between, real, quantise=False).scores[0]
    features = extractor.features(to_levels(between))
    expected = distance(Moments.of(features), real.statistics("train").moments)
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.value != measured(between, real).scores[0].value
    assert "not quantised" in found.protocol.name and found.protocol.quantisation == "none"


class Normed:
    """A method whose net is one BatchNorm."""

    def __init__(self):
        self.net = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5)).eval()

    def sampled_net(self, ema=True):
        return self.net


def test_batches_are_normalised_by_their_own_statistics_and_the_running_ones_stay():
    method, images = Normed(), torch.randn(8, 3, 4, 4) * 5 + 2
    before = method.net(images)
    with normalised_by_batch(method, True):
        inside = method.net(images)
    expected = nn.BatchNorm2d(3).train()(images)
    assert torch.allclose(inside, expected, atol=1e-6)
    assert torch.equal(method.net(images), before) and int(method.net[0].num_batches_tracked) == 0
    method.net = nn.Sequential(nn.Conv2d(3, 3, 1))
    with pytest.raises(RecipeError, match="no BatchNorm"), normalised_by_batch(method, True):
        pass


def test_images_are_drawn_in_the_batches_that_batchnorm_sees(real, digits):
    from engine.evaluation.evaluate import evaluate
    from engine.settings.evaluation import FID

    drawn = []

    def generate(count, labels):
        drawn.append(count)
        return digits.train.images[:count]

    settings = FID(samples=70, batch_norm=32, batch_size=50)
    score = evaluate(generate, real, settings, sampling="direct").scores[0]
    assert drawn == [32, 32, 6]
    assert "BatchNorm in training mode by 32" in score.protocol.name


# -- statistics from a file ------------------------------------------------------------------------------


def test_statistics_from_a_file_take_the_place_of_the_real_images(real, digits, extractor, tmp_path):
    images = drawings(digits, 200)
    expected = measured(images, real, also=["kid", "prc"])
    features = extractor.features(digits.train.images)
    for name, further in (("real.npy", ["kid", "prc"]), ("real.npz", [])):
        write_statistics(tmp_path / name, features, Moments.of(features))
        given = read_statistics(tmp_path / name, extractor.dims)
        elsewhere = replace(digits, train=digits.test, fingerprint="")
        elsewhere = replace(elsewhere, fingerprint=fingerprint(elsewhere))
        found = measured(images, RealImages(elsewhere, extractor, tmp_path, given), also=further)
        wanted = {name: value for name, value in by_metric(expected).items() if further or name == "fid"}
        assert by_metric(found) == pytest.approx(wanted, rel=1e-5)
        protocol = found.scores[0].protocol
        assert protocol.statistics == given.name and name in protocol.name
        assert protocol.split_size == (len(features) if further else 0)


def test_pytorch_fid_and_edm_read_what_is_written(digits, extractor, tmp_path):
    features = extractor.features(digits.test.images)
    write_statistics(tmp_path / "real.npz", features, Moments.of(features))
    with np.load(tmp_path / "real.npz") as file:
        rows = features.double().numpy()
        assert np.allclose(file["mu"], rows.mean(0)) and np.allclose(file["sigma"], np.cov(rows, rowvar=False))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (np.zeros((10, 3), np.float32), "10×3"),
        (np.zeros((1, 64), np.float32), "1×64"),
        (np.zeros((10, 64), np.int64), "int64"),
        (np.full((10, 64), np.nan, np.float32), "not finite"),
        ({"mu": np.zeros(3), "sigma": np.zeros((3, 3))}, "64 dimensions"),
        ({"mu": np.zeros(64)}, "mu and sigma"),
        (b"nothing", "no file of statistics"),
        (b"PK\x03\x04broken", "no file of statistics"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_is_not_of_these_statistics_is_refused_in_a_sentence(arrays, message, tmp_path):
    path = tmp_path / "real.npz"
    if isinstance(arrays, dict):
        np.savez(path, **arrays)
    elif isinstance(arrays, bytes):
        path.write_bytes(arrays)
    elif arrays is not None:
        path = tmp_path / "real.npy"
        np.save(path, arrays)
    with pytest.raises(StatisticsError, match=message) as caught:
        read_statistics(path, 64)
    assert str(path) in str(caught.value)


def test_moments_without_features_do_not_allow_kid(real, digits, extractor, tmp_path):
    features = extractor.features(digits.test.images)
    write_statistics(tmp_path / "real.npz", None, Moments.of(features))
    given = RealImages(digits, extractor, tmp_path, read_statistics(tmp_path / "real.npz", extractor.dims))
    with pytest.raises(RecipeError, match="only their mean and covariance"):
        measured(drawings(digits, 50), given, also=["kid"])


def test_a_protocol_without_these_parts_keeps_its_id(real, digits):
    detail = measured(digits.train.images[:50], real).scores[0].protocol.detail()
    assert not {"batch_norm", "stretched", "statistics"} & detail.keys()


def test_resizing_for_inception_is_of_no_other_extractor():
    with pytest.raises(RecipeError, match=r"evaluate\.resize"):
        load("digits-unet", ["evaluate.extractor=digits-cnn", "evaluate.resize=half-pixel"])
