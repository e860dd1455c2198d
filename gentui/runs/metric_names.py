"""What scores are called on screen: FID only for Inception's features. Files and options keep the keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gentui.text.sanitize import clean

INCEPTION = "inception"
_OF_INCEPTION = {
    "fid": "FID", "intra_fid": "intra-class FID", "fid_inf": "FID∞", "kid": "KID", "isc": "Inception Score",
}  # fmt: skip
"""Metrics that have these names only if Inception's features are compared, as in papers."""
_OF_OTHERS = {
    "fid": "FD", "intra_fid": "intra-class FD", "fid_inf": "FD∞", "kid": "kernel distance", "isc": "class score",
    "ssim": "SSIM", "accuracy": "target accuracy",
}  # fmt: skip


def score_name(metric: str, extractor: str) -> str:
    """What a metric in the features of an extractor is called: FID only where they are Inception's."""
    return named(metric, _OF_INCEPTION if extractor == INCEPTION else _OF_OTHERS)


def plain_name(metric: str) -> str:
    """What a metric is called where nothing is known of its features."""
    return named(metric, _OF_OTHERS)


def named(metric: str, names: dict[str, str]) -> str:
    return names.get(metric) or _OF_OTHERS.get(metric) or clean(metric, 60).replace("_", " ")


def is_of_features(metric: str) -> bool:
    """Whether a metric compares features, so that its name depends on whose they are."""
    return metric in _OF_INCEPTION


def published_name(metric: str) -> str:
    """What a published figure is called, in a few characters: as its publication calls it."""
    return score_name(metric, INCEPTION) if is_of_features(metric) else _short(metric)


def short_name(score: Any) -> str:
    """``FD``, ``FID``, ``target acc``: the name of a score, a row with ``metric`` and ``protocol``, in a few
    characters."""
    metric = str(score.metric)
    if is_of_features(metric) and (extractor := _extractor(score)):
        return score_name(metric, extractor)
    return _short(metric)


def _short(metric: str) -> str:
    return clean(metric, 40).replace("accuracy", "acc").replace("_", " ")


def label(score: Any) -> str:
    """``FD · digits-cnn``, ``FID``: the name of a score and whose features it compares, where these are not
    Inception's."""
    metric = str(score.metric)
    if not is_of_features(metric) or not (extractor := _extractor(score)):
        return clean(metric, 60).replace("_", " ")
    name = score_name(metric, extractor)
    return name if extractor == INCEPTION else f"{name} · {clean(extractor, 60)}"


def names_of(scores: Iterable[Any]) -> dict[str, str]:
    """What each metric of some scores is called: as the last of them is."""
    return {str(score.metric): label(score) for score in scores}


def _extractor(score: Any) -> str:
    """Whose features a score compares, by its detail or its protocol ``fid · digits-cnn@432d6de0 · …``; "" if neither
    says."""
    if found := (getattr(score, "detail", None) or {}).get("extractor"):
        return str(found)
    parts = str(score.protocol).split(" · ")
    name, has_hash, _ = parts[1].partition("@") if len(parts) > 1 else ("", "", "")
    return name if has_hash else ""
