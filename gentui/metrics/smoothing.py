"""Smoothing of a logged metric, over its values and not over what a chart has room for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

REACH = 8
"""An exponential average is known from the values of so many of its time constants: what came before weighs 3e-4."""


@dataclass(frozen=True, slots=True)
class Smoothing:
    """``weight`` is that of the average, from 0 (none) to below 1; ``kind`` is ``ema``, an exponential average, or
    ``window``, a centred moving mean that smooths as much."""

    weight: float = 0.0
    kind: str = "ema"

    def __bool__(self) -> bool:
        return self.weight > 0

    @property
    def width(self) -> int:
        """How many values the moving mean takes."""
        return max(1, round((1 + self.weight) / (1 - self.weight)))

    @property
    def reach(self) -> tuple[int, int]:
        """How many values before and after a stretch its smoothed values depend on."""
        if not self:
            return 0, 0
        half = self.width // 2 + 1
        return (half, half) if self.kind == "window" else (math.ceil(REACH / (1 - self.weight)), 0)

    def grain(self) -> int:
        """How many consecutive values may stand together as their mean, where these lie outside of what is drawn."""
        return max(1, self.width // 8)


NO_SMOOTHING = Smoothing()


def smooth(means: np.ndarray, counts: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Return the mean of the smoothed values in each group of consecutive values; NaN in a group without any.

    ``means`` and ``counts`` (one length) are the mean and number of the finite values of each group. With one value to
    a group the result is exact; in larger groups the values count as if all of them were the mean. The exponential
    average is corrected for its bias towards zero at the beginning, as Adam's moments are (Kingma and Ba, 2015).
    """
    result = np.full(len(means), np.nan)
    used = counts > 0
    if not smoothing:
        result[used] = means[used]
    elif used.any():
        of = _moving_mean if smoothing.kind == "window" else _exponential
        result[used] = of(means[used], counts[used], smoothing)
    return result


def _exponential(means: np.ndarray, counts: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    weight = smoothing.weight
    lasting = weight / (1 - weight)
    result = np.empty(len(means))
    average = correction = 0.0
    kept = (weight**counts).tolist()  # what is left of the average after each group
    for i, (mean, count, keep) in enumerate(zip(means.tolist(), counts.tolist(), kept, strict=True)):
        after, corrected = keep * average + (1 - keep) * mean, keep * correction + (1 - keep)
        # the sum of a geometric series, for s(i) = weight s(i-1) + (1 - weight) value(i)
        total = mean + lasting * (average - after) / count
        result[i] = total / (1 + lasting * (correction - corrected) / count)
        average, correction = after, corrected
    return result


def _moving_mean(means: np.ndarray, counts: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    scale = float(np.abs(means).max()) or 1.0  # keeps sums of huge values finite
    edges = np.concatenate(([0.0], np.cumsum(counts)))
    sums = np.concatenate(([0.0], np.cumsum(means / scale * counts)))
    middle = (edges[:-1] + edges[1:]) / 2
    left = np.maximum(middle - smoothing.width / 2, 0.0)
    right = np.minimum(middle + smoothing.width / 2, edges[-1])
    return (np.interp(right, edges, sums) - np.interp(left, edges, sums)) / (right - left) * scale


def last_of(means: np.ndarray, counts: np.ndarray, smoothing: Smoothing) -> float:
    """Return the smoothed value at the last of the values; NaN if there is none. Groups are as for ``smooth``."""
    used = np.flatnonzero(counts > 0)
    if not len(used):
        return math.nan
    return float(smooth(means[used], counts[used], smoothing)[-1])
