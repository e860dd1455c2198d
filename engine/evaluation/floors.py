"""Floors: what the real test images score in place of generated ones, against the training images."""

from __future__ import annotations

from engine.evaluation import fidelity
from engine.evaluation.frechet import distance
from engine.evaluation.score import Announce
from engine.evaluation.statistics import RealImages
from engine.settings.evaluation import MIN_SAMPLES

SLOW = ("kid", "isc", "precision", "intra_fid", "fid_inf")
"""Metrics whose floors take seconds; recall is computed together with precision."""


def floor(real: RealImages, metric: str, announce: Announce) -> float | None:
    """The floor of ``metric``, computed once per ``RealImages``; None where there are too few images for it."""

    def compute() -> float | None:
        if metric in SLOW:
            announce(f"computing the floor of {metric}, of test images")
        return _compute(real, metric)

    return real.once(f"floor of {metric}", compute)


def _compute(real: RealImages, metric: str) -> float | None:
    fewest = min(len(real.dataset.test), len(real.dataset.train))
    if fewest < 2:
        return None
    match metric:
        case "fid":
            return distance(real.statistics("train").moments, real.statistics("test").moments)
        case "label_accuracy" | "attribute_accuracy":
            return real.statistics("test").accuracy
        case "intra_fid":
            return _intra_fid(real)
    if fewest < MIN_SAMPLES:
        return None
    match metric:
        case "kid":
            return fidelity.kid(real.features("test").features, real.features("train").features)[0]
        case "isc":
            logits = real.features("test").logits
            return None if logits is None else fidelity.isc(logits)[0]
        case "fid_inf":
            return fidelity.fid_infinity(real.features("test").features, real.statistics("train").moments)
        case "precision":
            return _precision_recall(real)[0]
        case "recall":
            return _precision_recall(real)[1]
    raise ValueError(f"no floor is defined for {metric}")


def _intra_fid(real: RealImages) -> float | None:
    if real.scarce_classes("train") or real.scarce_classes("test"):
        return None
    labels = range(len(real.dataset.classes))
    return real.intra_class_distance("train", [real.statistics("test", label).moments for label in labels])


def _precision_recall(real: RealImages) -> tuple[float, float]:
    return real.once(
        "floors of precision and recall",
        lambda: fidelity.precision_recall(real.features("test").features, real.features("train").features),
    )
