"""The distance is the textbook's, torch-fidelity's, and right where covariances are singular."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from engine.evaluation.frechet import Moments, distance, frechet_distance, trace_sqrt_product
from engine.methods.lazy_dynamo import import_on_demand


def features(count: int, dims: int, seed: int = 0, rank: int | None = None) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    rank = rank or dims
    mixing = rng.normal(size=(rank, dims)) * np.logspace(0, -1, rank)[:, None]
    return torch.from_numpy(rng.normal(size=(count, rank)) @ mixing + rng.normal(size=dims))


def statistics(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    return x.numpy().mean(axis=0), np.cov(x.numpy(), rowvar=False)


def published(x: torch.Tensor, y: torch.Tensor) -> float:
    import_on_demand()
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    (mu1, sigma1), (mu2, sigma2) = statistics(x), statistics(y)
    stats = {"mu": mu1, "sigma": sigma1}, {"mu": mu2, "sigma": sigma2}
    return fid_statistics_to_metric(*stats, verbose=False)[KEY_METRIC_FID]


@pytest.mark.parametrize("dims", [1, 2, 17, 128])
def test_it_equals_torch_fidelity(dims):
    x, y = features(500, dims, 1), features(400, dims, 2)
    if dims == 1:
        gap, roots = x.mean() - y.mean(), x.var() ** 0.5 - y.var() ** 0.5
        expected = float(gap**2 + roots**2)
    else:
        expected = published(x, y)
    assert distance(Moments.of(x), Moments.of(y)) == pytest.approx(expected, rel=1e-6)


def test_two_gaussians_with_diagonal_covariances_have_the_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    got = frechet_distance(np.zeros(3), np.diag(a), np.array([1.0, 2.0, 2.0]), np.diag(b))
    assert got == pytest.approx(9.0 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)


def test_it_is_symmetric_and_zero_for_the_same_images():
    x, y = Moments.of(features(300, 20, 1)), Moments.of(features(300, 20, 2))
    assert distance(x, y) == pytest.approx(distance(y, x), rel=1e-9)
    assert 0 <= distance(x, x) < 1e-5


@pytest.mark.parametrize("rank1", [3, 32])
@pytest.mark.parametrize("rank2", [2, 32])
def test_singular_covariances_have_their_exact_trace(rank1, rank2):
    (_, s1), (_, s2) = statistics(features(200, 32, 1, rank1)), statistics(features(200, 32, 2, rank2))
    a, b = scipy.linalg.sqrtm(s1).real, scipy.linalg.sqrtm(s2).real
    expected = scipy.linalg.svdvals(a @ b).sum()
    assert trace_sqrt_product(s1, s2) == pytest.approx(expected, rel=1e-6)


def test_a_covariance_of_zeros_is_no_accident():
    zero, one = np.zeros((4, 4)), np.eye(4)
    assert frechet_distance(np.zeros(4), zero, np.zeros(4), one) == 4.0
    assert frechet_distance(np.zeros(4), zero, np.ones(4), zero) == 4.0


def test_a_large_mean_costs_no_digits():
    x = features(300, 4) + 1e6
    np.testing.assert_allclose(Moments.of(x.split(50)).covariance, np.cov(x.numpy(), rowvar=False), rtol=1e-9)


def test_statistics_go_through_the_cache_form_and_back():
    x, y = Moments.of(features(300, 8, 1)), Moments.of(features(300, 8, 2))
    again = Moments.from_statistics(x.mean, x.covariance, x.count)
    assert distance(again, y) == pytest.approx(distance(x, y), rel=1e-12)
    again.update(features(20, 8, 3))
    assert again.count == 320


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Moments(8).update(torch.zeros(3, 7))
    with pytest.raises(ValueError, match="do not belong together"):
        frechet_distance(np.zeros(3), np.eye(3), np.zeros(3), np.eye(4))
    with pytest.raises(ValueError, match="at least 2"):
        _ = Moments.of(torch.zeros(1, 8)).covariance


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_moments_on_a_gpu_are_the_same():
    x, y = features(300, 64, 1), features(40, 64, 2)
    expected = distance(Moments.of(x), Moments.of(y))
    assert distance(Moments.of(x.cuda()), Moments.of(y.cuda())) == pytest.approx(expected, rel=1e-9)
