"""Statistics and features of real images under an extractor, computed once per content and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from engine.data.dataset import Dataset, Split
from engine.evaluation.agreement import agreement
from engine.evaluation.extractors import Extractor
from engine.evaluation.frechet import Moments
from engine.runs.directory import DIR_MODE, write_atomically
from engine.runs.paths import cache_dir

T = TypeVar("T")
PREPROCESSING = 1
"""Raise when extractors treat the same images and weights differently: old cache entries are then unused."""
MOST_ROWS = 10_000
"""Features kept of one split: what kid and prc are measured on. Of larger splits a fixed choice."""

Arrays = dict[str, np.ndarray]
Progress = Callable[[int], None]
"""Called with the number of images just embedded; what it raises ends the work."""


@dataclass(frozen=True)
class RealStatistics:
    """Moments of one split; ``accuracy`` of the extractor on its labels, None when it cannot classify them."""

    moments: Moments
    accuracy: float | None

    @property
    def count(self) -> int:
        return self.moments.count


@dataclass(frozen=True)
class RealFeatures:
    """Of ``chosen_rows`` of one split, in their order: features float32 n,d, logits float32 n,K or None."""

    features: Tensor
    logits: Tensor | None


def cache_folder() -> Path:
    """Where they are kept when nobody says where."""
    return cache_dir("statistics")


def cache_path(
    dataset: Dataset, split: str, extractor: Extractor, folder: Path | None = None, *what: str | int
) -> Path:
    """Where the statistics of these images under this extractor are kept: the name is a hash of both, and of
    ``what`` is kept when it is not the statistics of the whole split."""
    key = json.dumps([dataset.fingerprint, split, extractor.name, extractor.hash, PREPROCESSING, *what])
    return (folder or cache_folder()) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"


class RealImages:
    """A data set's real images as an extractor sees them. What is asked for is computed once and kept, here and
    on the disk. ``folder``: another place than the cache.

    A damaged file is made anew, to the last bit as it was; a full or read-only disk costs time, not the score.
    """

    def __init__(self, dataset: Dataset, extractor: Extractor, folder: Path | None = None):
        self.dataset, self.extractor, self.folder = dataset, extractor, folder
        self._known: dict[Path | str, Any] = {}

    def statistics(
        self, split: str, label: int | None = None, progress: Progress | None = None
    ) -> RealStatistics:
        """Of a split, or of its images of one class."""
        what = () if label is None else ("class", label)

        def compute() -> Arrays:
            chosen = self.dataset.split(split)
            if label is not None:
                assert chosen.labels is not None
                chosen = chosen.take(chosen.labels == label)
            return _moments(chosen, self.dataset, self.extractor, progress)

        def unpack(tensors: Arrays) -> RealStatistics:
            if tensors["covariance"].shape != (self.extractor.dims,) * 2:
                raise ValueError("of another extractor")
            moments = Moments.from_statistics(tensors["mean"], tensors["covariance"], int(tensors["count"][0]))
            accuracy = float(tensors["accuracy"][0])
            return RealStatistics(moments, None if np.isnan(accuracy) else accuracy)

        return self._kept(self._path(split, *what), compute, unpack)

    def features(self, split: str, progress: Progress | None = None) -> RealFeatures:
        """Of every image, or of the rows chosen from a large split; with logits where they are of classes."""
        chosen = self.dataset.split(split).images[chosen_rows(len(self.dataset.split(split)))]

        def compute() -> Arrays:
            features, logits = [], []
            for batch in chosen.split(self.extractor.batch):
                if self.extractor.tells_classes:
                    seen, said = self.extractor.features_and_logits(batch)
                    logits.append(said.cpu())
                else:
                    seen = self.extractor.features(batch)
                features.append(seen.cpu())
                if progress is not None:
                    progress(len(batch))
            found = {"features": features} | ({"logits": logits} if logits else {})
            return {name: torch.cat(parts).float().numpy() for name, parts in found.items()}

        def unpack(tensors: Arrays) -> RealFeatures:
            if tensors["features"].shape != (len(chosen), self.extractor.dims):
                raise ValueError("of other images")
            logits = torch.from_numpy(tensors["logits"]) if self.extractor.tells_classes else None
            return RealFeatures(torch.from_numpy(tensors["features"]), logits)

        return self._kept(self._path(split, "features", MOST_ROWS), compute, unpack)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """What ``compute`` gave when it was first asked for under that name."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    def lacks_statistics(self, split: str, label: int | None = None) -> bool:
        """Whether they are still to be computed."""
        return self._lacks(self._path(split, *(() if label is None else ("class", label))))

    def lacks_features(self, split: str) -> bool:
        """Whether they are still to be computed."""
        return self._lacks(self._path(split, "features", MOST_ROWS))

    def _path(self, split: str, *what: str | int) -> Path:
        return cache_path(self.dataset, split, self.extractor, self.folder, *what)

    def _lacks(self, path: Path) -> bool:
        return path not in self._known and not path.is_file()

    def _kept(self, path: Path, compute: Callable[[], Arrays], unpack: Callable[[Arrays], T]) -> T:
        if path in self._known:
            return self._known[path]
        try:
            found = unpack(_read(path))
        except (OSError, SafetensorError, KeyError, IndexError, ValueError, TypeError):
            tensors = compute()
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
                write_atomically(path, save(tensors, metadata={"checksum": _checksum(tensors)}))
            found = unpack(tensors)
        self._known[path] = found
        return found


def chosen_rows(count: int) -> Tensor:
    """Which images of a split of ``count`` the features are of: all, or a fixed choice of them, in order."""
    if count <= MOST_ROWS:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:MOST_ROWS].sort().values


def can_classify(extractor: Extractor, dataset: Dataset) -> bool:
    """Whether the extractor's logits are about this data set's labels."""
    predicted = extractor.classes or extractor.attributes
    return extractor.classifies == dataset.name and predicted == (dataset.classes or dataset.attributes)


def _moments(split: Split, dataset: Dataset, extractor: Extractor, progress: Progress | None) -> Arrays:
    moments = Moments(extractor.dims)
    images, labels = split.images, split.labels
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


def _read(path: Path) -> Arrays:
    """What is kept there. Raises ValueError, or whatever a file that is none raises."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        expected = (file.metadata() or {}).get("checksum")
    if _checksum(tensors) != expected:
        raise ValueError("it is damaged")
    return tensors


def _checksum(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
