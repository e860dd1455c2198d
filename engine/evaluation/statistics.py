"""Statistics of real images under an extractor, computed once per content and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engine.data import Dataset
from engine.evaluation.agreement import agreement
from engine.evaluation.extractors import Extractor
from engine.evaluation.frechet import Moments
from engine.rundir import DIR_MODE, write_atomically

PREPROCESSING = 1
"""Raise when extractors treat the same images and weights differently: old cache entries are then unused."""


@dataclass(frozen=True)
class RealStatistics:
    """Moments of one split; ``accuracy`` of the extractor on its labels, None when it cannot classify them."""

    moments: Moments
    accuracy: float | None

    @property
    def count(self) -> int:
        return self.moments.count


def cache_folder() -> Path:
    """``$GENTUI_HOME/cache/statistics``, or ``statistics`` in the user's cache directory."""
    if home := os.environ.get("GENTUI_HOME"):
        return Path(home).expanduser() / "cache" / "statistics"
    return Path(platformdirs.user_cache_dir("gentui")) / "statistics"


def cache_path(dataset: Dataset, split: str, extractor: Extractor, folder: Path | None = None) -> Path:
    """Where the statistics of these images under this extractor are kept: the name is a hash of both."""
    key = json.dumps([dataset.fingerprint, split, extractor.name, extractor.hash, PREPROCESSING])
    return (folder or cache_folder()) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"


def is_cached(dataset: Dataset, split: str, extractor: Extractor, folder: Path | None = None) -> bool:
    return cache_path(dataset, split, extractor, folder).is_file()


def real_statistics(
    dataset: Dataset,
    split: str,
    extractor: Extractor,
    *,
    folder: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> RealStatistics:
    """Of ``train`` or ``test``, from the cache or computed now. A damaged cache file is made anew.

    Made anew or not, the result is the same to the last bit. ``progress`` is called with the number of images
    just taken in.
    """
    path = cache_path(dataset, split, extractor, folder)
    if (kept := _read(path, extractor.dims)) is not None:
        return kept
    tensors = _compute(dataset, split, extractor, progress)
    with contextlib.suppress(OSError):  # a full or read-only disk costs time, not the score
        path.parent.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
        write_atomically(path, save(tensors, metadata={"checksum": _checksum(tensors)}))
    return _unpack(tensors)


def can_classify(extractor: Extractor, dataset: Dataset) -> bool:
    """Whether the extractor's logits are about this data set's labels."""
    predicted = extractor.classes or extractor.attributes
    return extractor.classifies == dataset.name and predicted == (dataset.classes or dataset.attributes)


def _compute(
    dataset: Dataset, split: str, extractor: Extractor, progress: Callable[[int], None] | None
) -> dict[str, np.ndarray]:
    images, labels = dataset.split(split).images, dataset.split(split).labels
    moments = Moments(extractor.dims)
    classify = labels is not None and can_classify(extractor, dataset)
    right = torch.zeros((), dtype=torch.float64, device=extractor.device)
    for start in range(0, len(images), extractor.batch):
        batch = images[start : start + extractor.batch]
        if classify and labels is not None:
            features, logits = extractor.features_and_logits(batch)
            known = labels[start : start + extractor.batch].to(extractor.device)
            right += agreement(logits, known, dataset.groups).sum()
        else:
            features = extractor.features(batch)
        moments.update(features)
        if progress is not None:
            progress(len(batch))
    return {
        "mean": moments.mean,
        "covariance": np.ascontiguousarray(moments.covariance),
        "count": np.array([moments.count], dtype=np.int64),
        "accuracy": np.array([float(right) / len(images) if classify else np.nan]),
    }


def _unpack(tensors: dict[str, np.ndarray]) -> RealStatistics:
    moments = Moments.from_statistics(tensors["mean"], tensors["covariance"], int(tensors["count"][0]))
    accuracy = float(tensors["accuracy"][0])
    return RealStatistics(moments, None if np.isnan(accuracy) else accuracy)


def _read(path: Path, dims: int) -> RealStatistics | None:
    """The statistics kept there, or None when there are none that can be trusted."""
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            expected = (file.metadata() or {}).get("checksum")
        if _checksum(tensors) != expected or tensors["covariance"].shape != (dims, dims):
            return None
        return _unpack(tensors)
    except (OSError, SafetensorError, KeyError, IndexError, ValueError, TypeError):
        return None


def _checksum(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
