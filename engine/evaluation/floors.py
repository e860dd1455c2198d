"""Floors: what real images score in place of generated ones.

A Fréchet distance of n images is biased by about c/n, and other metrics depend on n, too, so a floor is of as many real
images as a score has samples. They are drawn several times from the split that the score does not compare with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.evaluation import fidelity
from engine.evaluation.agreement import agreement
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.score import Announce
from engine.evaluation.statistics import Arrays, RealImages, chosen_rows
from engine.settings.evaluation import MIN_SAMPLES

DRAWS, SLOW_DRAWS = 20, 3
"""Draws of real images that a floor is a mean over; the latter for what takes seconds."""
QUICK_DIMS = 512
"""Dimensions of features up to which a Fréchet distance takes milliseconds."""
SEED = 5_000_003
SLOW = ("kid", "isc", "precision", "recall", "intra_fid", "fid_inf")
"""Metrics whose floors take seconds."""


@dataclass(frozen=True)
class Floor:
    """``value`` ± ``std``, its standard deviation over draws of real images; None where it cannot be told."""

    value: float
    std: float | None


def floor(
    real: RealImages,
    metric: str,
    split: str,
    samples: int,
    announce: Announce,
    class_counts: Tensor | None = None,
) -> Floor | None:
    """The floor of ``metric`` for ``samples`` images compared with ``split``; None where there are too few images.

    It is computed once and kept in the cache of real statistics. ``class_counts``: images of each class, for intra_fid.
    """
    others = stand_ins(split)
    fewest = min(len(real.dataset.split(others)), len(real.dataset.split(split)))
    if real.given is not None:
        if metric in ("kid", "precision", "recall") and real.given.features is None:
            return None
        fewest = len(real.dataset.split(others))
    if fewest < (2 if metric in ("fid", "intra_fid", "label_accuracy", "attribute_accuracy") else MIN_SAMPLES):
        return None
    if metric == "intra_fid" and (real.scarce_classes(split) or real.scarce_classes(others)):
        return None
    what = "prc" if metric in ("precision", "recall") else metric
    counts = class_counts.tolist() if what == "intra_fid" and class_counts is not None else []

    def compute() -> Arrays:
        if metric in SLOW:
            announce(f"computing the floor of {metric}, of real images")
        found = _Floors(real, split, samples).of(what, counts)
        return {
            name: np.array([one.value, np.nan if one.std is None else one.std]) for name, one in found.items()
        }

    def unpack(tensors: Arrays) -> dict[str, Floor]:
        pairs = {name: array.tolist() for name, array in tensors.items()}
        return {name: Floor(value, None if math.isnan(std) else std) for name, (value, std) in pairs.items()}

    compared = (real.given.name,) if real.given else ()
    return real.cached(("floor", what, samples, *counts, *compared), split, compute, unpack).get(metric)


def stand_ins(split: str) -> str:
    """The split whose images stand in for generated ones in comparisons with ``split``."""
    return "test" if split == "train" else "train"


class _Floors:
    """Computes floors of ``samples`` images of the other split against ``split``."""

    def __init__(self, real: RealImages, split: str, samples: int):
        self._real, self._split, self._samples = real, split, samples
        self._others = stand_ins(split)
        self._generator = torch.Generator().manual_seed(SEED)

    def of(self, what: str, class_counts: list[int]) -> dict[str, Floor]:
        """The floors of the metrics that are computed together with ``what``; none where they are not defined."""
        if what in ("label_accuracy", "attribute_accuracy"):
            return self._accuracy(what)
        if what == "intra_fid":
            return {what: self._intra_fid(class_counts)} if class_counts else {}
        moments = self._real.compared_moments(self._split)
        count = self._real.compared_count(self._split) or math.inf
        features = self._real.features(self._others).features
        match what:
            case "fid":
                score = lambda drawn: distance(Moments.of(drawn), moments)  # noqa: E731
                return {what: matched_distance(features, self._samples, score, count, self._generator)}
            case "fid_inf":
                return self._over_draws(
                    (what,), features, lambda drawn: [fidelity.fid_infinity(drawn, moments)]
                )
            case "kid":
                return self._over_draws(
                    (what,), features, lambda drawn: [fidelity.kid(drawn, self._compared)[0]]
                )
            case "prc":
                return self._over_draws(
                    ("precision", "recall"),
                    features,
                    lambda drawn: fidelity.precision_recall(drawn, self._compared),
                )
            case "isc":
                logits = self._real.features(self._others).logits
                if logits is None:
                    return {}
                return self._over_draws((what,), logits, lambda drawn: [fidelity.isc(drawn)[0]])
        raise ValueError(f"no floor is defined for {what}")

    @property
    def _compared(self) -> Tensor:
        """Features of the real images that scores compare with."""
        return self._real.compared_features(self._split)

    def _over_draws(
        self, names: Sequence[str], rows: Tensor, score: Callable[[Tensor], Sequence[float]]
    ) -> dict[str, Floor]:
        """Score draws of ``samples`` rows; where there are fewer, all of them, with the deviation of halves."""
        size = self._samples if self._samples < len(rows) else max(MIN_SAMPLES, len(rows) // 2)
        drawn = np.array([score(self._draw(rows, size)) for _ in range(SLOW_DRAWS)])
        means = drawn.mean(0) if size == self._samples else np.array(score(rows))
        spreads = drawn.std(0, ddof=1) * math.sqrt(
            size / min(self._samples, len(rows)) / _freshness(size, len(rows))
        )
        return {name: Floor(float(m), float(s)) for name, m, s in zip(names, means, spreads, strict=True)}

    def _draw(self, rows: Tensor, size: int) -> Tensor:
        return rows[torch.randperm(len(rows), generator=self._generator)[:size]]

    def _labels(self) -> Tensor | None:
        """Labels of the images whose features stand in; None if they have none."""
        others = self._real.dataset.split(self._others)
        return None if others.labels is None else others.labels[chosen_rows(len(others))]

    def _intra_fid(self, class_counts: list[int]) -> Floor:
        labels = self._labels()
        assert labels is not None, "classes without labels are scarce"
        each = []
        for label, count in enumerate(class_counts):
            features = self._real.features(self._others).features[labels == label]
            moments = self._real.statistics(self._split, label).moments
            score = lambda drawn, moments=moments: distance(Moments.of(drawn), moments)  # noqa: E731
            each.append(matched_distance(features, count, score, moments.count, self._generator))
        value = float(np.mean([one.value for one in each]))
        return Floor(value, math.sqrt(sum((one.std or 0.0) ** 2 for one in each)) / len(each))

    def _accuracy(self, name: str) -> dict[str, Floor]:
        """The accuracy of the extractor on real images, ± the standard error of ``samples`` of them."""
        logits, labels = self._real.features(self._others).logits, self._labels()
        if logits is None or labels is None:
            return {}
        each = agreement(logits, labels, self._real.dataset.groups).double()
        error = float(each.std()) / math.sqrt(self._samples) if len(each) > 1 else None
        return {name: Floor(float(each.mean()), error)}


def matched_distance(
    features: Tensor, count: int, score: Callable[[Tensor], float], compared: float, generator: torch.Generator
) -> Floor:
    """The Fréchet distance that ``count`` real images are expected to have, ± its standard deviation over draws.

    ``features`` N,d are those of all real images that can stand in; ``score`` is the distance of some of them to
    ``compared`` = M real images. Draws without replacement are scored where N allows. For more images the distance is
    extrapolated as a + b (1/n + 1/M), a and b ≥ 0, fitted to draws of N/2 to N images: the bias of both covariances is
    linear in 1/n (Chong & Forsyth 2020, arXiv 1911.07023), and a is how far the two splits are apart. The deviation is
    that of draws of at most N/2 images, which overlap little, scaled by 1/n.
    """
    half = max(2, min(count, len(features) // 2))

    def draw(size: int) -> float:
        return score(features[torch.randperm(len(features), generator=generator)[:size]])

    draws = DRAWS if features.shape[1] <= QUICK_DIMS else SLOW_DRAWS
    halves = [draw(half) for _ in range(draws)]
    spread = float(np.std(halves, ddof=1)) / math.sqrt(_freshness(half, len(features))) * half / count
    if count <= len(features):
        values = (
            halves if half == count else [draw(count) for _ in range(draws if count < len(features) else 1)]
        )
        return Floor(float(np.mean(values)), spread)
    from scipy.optimize import nnls  # only few images need it, and it delays the start of a trainer

    between = (half + len(features)) // 2
    sizes = [half] * draws + [between] * draws + [len(features)]
    values = halves + [draw(between) for _ in range(draws)] + [score(features)]
    weights = np.array(sizes, dtype=np.float64)  # deviations fall as 1/n
    bias = 1 / weights + 1 / compared
    (gap, slope), _ = nnls(np.stack([weights, weights * bias], 1), weights * values)
    return Floor(float(gap + slope * (1 / count + 1 / compared)), spread)


def _freshness(size: int, count: int) -> float:
    """Variance of a mean over ``size`` of ``count`` rows, relative to that over independent rows; at least 1/2, since
    larger parts overlap too much to tell."""
    return max(0.5, 1 - size / count)
