"""Fréchet distance at 2048 dimensions against torch-fidelity's own function, in one process, interleaved."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

from engine.evaluation.frechet import frechet_distance


def features(rng: np.random.Generator, count: int, dims: int) -> np.ndarray:
    """Like Inception's: correlated, variances over four decades, not centred."""
    mixing = rng.normal(size=(dims, dims)) * np.logspace(0, -2, dims)
    return rng.normal(size=(count, dims)) @ mixing / np.sqrt(dims) + rng.random(dims)


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[float, float, float]:
    """Best seconds of each, taken in turns, and how far the values are apart, relatively."""
    seconds: tuple[list[float], list[float]] = [], []
    values = [0.0, 0.0]
    for _ in range(rounds):
        for which, function in enumerate((ours, theirs)):
            start = time.perf_counter()
            values[which] = function()
            seconds[which].append(time.perf_counter() - start)
    return min(seconds[0]), min(seconds[1]), abs(values[0] - values[1]) / abs(values[1])


def main(dims: int = 2048, rounds: int = 3) -> int:
    rng = np.random.default_rng(0)
    real, generated = features(rng, 2 * dims, dims), features(rng, 2 * dims, dims)
    mu1, sigma1 = real.mean(axis=0), np.cov(real, rowvar=False)
    mu2, sigma2 = generated.mean(axis=0), np.cov(generated, rowvar=False)
    fast, slow, difference = interleaved(
        lambda: frechet_distance(mu1, sigma1, mu2, sigma2),
        lambda: fid_statistics_to_metric(
            {"mu": mu1, "sigma": sigma1}, {"mu": mu2, "sigma": sigma2}, verbose=False
        )[KEY_METRIC_FID],
        rounds,
    )
    print(
        f"frechet_{dims}: {slow / fast:.2f}x torch-fidelity ({fast:.2f} s against {slow:.2f} s, need 2.0x), "
        f"relative difference {difference:.1e} (need 1e-6)"
    )
    return 0 if slow / fast >= 2.0 and difference <= 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
