"""Features of real images and their statistics, computed once per data set and extractor and kept in a cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from engine.data.dataset import Dataset, Split
from engine.data.store import exclusive_build
from engine.devices import send
from engine.evaluation.agreement import agreement
from engine.evaluation.extractors import Extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.statistics_file import GivenStatistics
from engine.runs.files import private_folder, write_atomically
from engine.runs.paths import cache_dir

T = TypeVar("T")
PREPROCESSING = 1
"""Version of the extractors' preprocessing: increase it when the same images and weights give other features."""
MOST_ROWS = 10_000
"""Feature vectors kept of one split, on which kid and prc are measured; of larger splits, a fixed random choice."""

PATIENCE = 600.0
"""Seconds that a process waits for another that computes the same."""

Arrays = dict[str, np.ndarray]
Advance = Callable[[int], None]
"""Called with the number of images just embedded, and with 0 while another process embeds them; may raise to abandon
the work."""


@dataclass(frozen=True)
class RealStatistics:
    """``moments`` of the features of one split; ``accuracy`` (0…1) of the extractor on its labels, None when it does
    not predict them."""

    moments: Moments
    accuracy: float | None

    @property
    def count(self) -> int:
        return self.moments.count


@dataclass(frozen=True)
class RealFeatures:
    """Features float32 n,d of the images ``chosen_rows`` of one split, and logits float32 n,K of a classifier."""

    features: Tensor
    logits: Tensor | None

    def take(self, rows: Tensor) -> RealFeatures:
        """Those of these rows: their numbers, or a bool for each of all."""
        return RealFeatures(self.features[rows], None if self.logits is None else self.logits[rows])


def cache_folder() -> Path:
    """Default cache location."""
    return cache_dir("statistics")


def cache_path(
    dataset: Dataset, split: str, extractor: Extractor, folder: Path | None = None, *what: str | int
) -> Path:
    """File of the statistics of one split under this extractor, or of ``what`` else is cached of it.

    Its name is a hash of the images, the extractor's weights, the preprocessing and ``what``.
    """
    variant = [extractor.variant] if extractor.variant else []
    key = json.dumps(
        [dataset.fingerprint, split, extractor.name, extractor.hash, PREPROCESSING, *variant, *what]
    )
    return (folder or cache_folder()) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"


class RealImages:
    """Features and statistics of a data set's real images, cached in memory and in ``folder``.

    ``given`` are statistics from a file, which scores compare with in place of a split's. ``folder`` defaults to
    ``cache_folder()``. A damaged file is computed again, with the same bytes as before. If the
    disk is full or read-only, nothing is cached on it and no error is raised.
    """

    def __init__(
        self,
        dataset: Dataset,
        extractor: Extractor,
        folder: Path | None = None,
        given: GivenStatistics | None = None,
    ):
        self.dataset, self.extractor, self.folder, self.given = dataset, extractor, folder, given
        self.seconds = 0.0
        """Time spent so far on what is computed only once."""
        self._computed: dict[Path, Any] = {}
        self._depth = 0

    def compared_moments(self, split: str) -> Moments:
        """Moments of what scores compare with: a split, or the file of statistics."""
        return self.given.moments if self.given else self.statistics(split).moments

    def compared_features(self, split: str) -> Tensor:
        """Features float32 n,d of what scores compare with, at most ``MOST_ROWS``.

        Raises ValueError where a file has no features.
        """
        if self.given is None:
            return self.features(split).features
        if self.given.features is None:
            raise ValueError(f"{self.given.name} has no features")
        return self.given.features[chosen_rows(self.given.count)]

    def compared_count(self, split: str) -> int:
        """The number of images that scores compare with; 0 where a file of statistics does not tell it."""
        return self.given.count if self.given else len(self.dataset.split(split))

    def statistics(
        self, split: str, label: int | None = None, advance: Advance | None = None
    ) -> RealStatistics:
        """Statistics of a split, or of its images of class number ``label``: of kept features where all of its images
        have them, else of features computed now."""
        what = () if label is None else ("class", label)

        def compute() -> Arrays:
            chosen, kept = self.dataset.split(split), None
            if self.keeps_all_features(split):
                kept = self.features(split)
            if label is not None:
                assert chosen.labels is not None
                rows = chosen.labels == label
                chosen, kept = chosen.take(rows), kept and kept.take(rows)
            return _statistics(chosen, self.dataset, self.extractor, kept, advance)

        def unpack(tensors: Arrays) -> RealStatistics:
            if tensors["covariance"].shape != (self.extractor.dims,) * 2:
                raise ValueError("the covariance is of another extractor")
            moments = Moments.from_statistics(tensors["mean"], tensors["covariance"], int(tensors["count"][0]))
            accuracy = float(tensors["accuracy"][0])
            return RealStatistics(moments, None if np.isnan(accuracy) else accuracy)

        return self._cached(self._path(split, *what), compute, unpack, advance)

    def features(self, split: str, advance: Advance | None = None) -> RealFeatures:
        """Features of the images ``chosen_rows`` of a split; with logits when the extractor is a classifier."""
        chosen = self.dataset.split(split).images[chosen_rows(len(self.dataset.split(split)))]

        def compute() -> Arrays:
            features, logits = [], []
            for batch in chosen.split(self.extractor.batch):
                if self.extractor.tells_labels:
                    embedded, predicted = self.extractor.features_and_logits(batch)
                    logits.append(predicted.cpu())
                else:
                    embedded = self.extractor.features(batch)
                features.append(embedded.cpu())
                if advance is not None:
                    advance(len(batch))
            tensors = {"features": features} | ({"logits": logits} if logits else {})
            return {name: torch.cat(parts).float().numpy() for name, parts in tensors.items()}

        def unpack(tensors: Arrays) -> RealFeatures:
            if tensors["features"].shape != (len(chosen), self.extractor.dims):
                raise ValueError("the features are of other images")
            logits = torch.from_numpy(tensors["logits"]) if self.extractor.tells_labels else None
            return RealFeatures(torch.from_numpy(tensors["features"]), logits)

        return self._cached(self._path(split, "features", MOST_ROWS), compute, unpack, advance)

    def cached(
        self,
        what: tuple[str | int, ...],
        split: str,
        compute: Callable[[], Arrays],
        unpack: Callable[[Arrays], T],
    ) -> T:
        """What ``unpack`` makes of the arrays of ``compute``: computed once for ``what`` of a split, kept on disk."""
        return self._cached(self._path(split, *what), compute, unpack)

    def scarce_classes(self, split: str) -> list[int]:
        """Numbers of the classes with fewer than two images in a split: these have no covariance."""
        labels = self.dataset.split(split).labels
        classes = range(len(self.dataset.classes))
        return [label for label in classes if labels is None or int((labels == label).sum()) < 2]

    def intra_class_distance(self, split: str, generated: Sequence[Moments]) -> float:
        """Mean over the classes of the Fréchet distance to the real images of a split.

        ``generated``: moments of the generated images of each class, in the order of the classes.
        """
        distances = [
            distance(moments, self.statistics(split, label).moments) for label, moments in enumerate(generated)
        ]
        return sum(distances) / len(distances)

    def lacks_statistics(self, split: str, label: int | None = None) -> bool:
        """Whether the statistics are still to be computed."""
        return self._lacks(self._path(split, *(() if label is None else ("class", label))))

    def lacks_features(self, split: str) -> bool:
        """Whether the features are still to be computed."""
        return self._lacks(self._path(split, "features", MOST_ROWS))

    def keeps_all_features(self, split: str) -> bool:
        """Whether every image of a split has features that were computed already."""
        return len(self.dataset.split(split)) <= MOST_ROWS and not self.lacks_features(split)

    def _timed(self, compute: Callable[[], T]) -> T:
        """Add the time that ``compute`` takes to ``seconds``, but once where one computation needs another."""
        start, self._depth = time.monotonic(), self._depth + 1
        try:
            return compute()
        finally:
            self._depth -= 1
            if not self._depth:
                self.seconds += time.monotonic() - start

    def _path(self, split: str, *what: str | int) -> Path:
        return cache_path(self.dataset, split, self.extractor, self.folder, *what)

    def _lacks(self, path: Path) -> bool:
        return path not in self._computed and not path.is_file()

    def _cached(
        self,
        path: Path,
        compute: Callable[[], Arrays],
        unpack: Callable[[Arrays], T],
        advance: Advance | None = None,
    ) -> T:
        if path not in self._computed:
            try:
                value = unpack(_read(path))
            except _NOT_KEPT:
                value = self._timed(lambda: _built(path, compute, unpack, advance or (lambda count: None)))
            self._computed[path] = value
        return self._computed[path]


_NOT_KEPT = (OSError, SafetensorError, KeyError, IndexError, ValueError, TypeError)
"""What is raised where a file is missing, damaged or of something else."""


class _WaitedLong(Exception):
    pass


def _built(path: Path, compute: Callable[[], Arrays], unpack: Callable[[Arrays], T], advance: Advance) -> T:
    """Compute what is kept in a file, in one process at a time, so that runs started together do it once.

    A process that is suspended is waited for no longer than ``PATIENCE``.
    """
    deadline = time.monotonic() + PATIENCE

    def waiting() -> None:
        advance(0)
        if time.monotonic() > deadline:
            raise _WaitedLong

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(_WaitedLong):
            stack.enter_context(exclusive_build(path, waiting))
        with contextlib.suppress(*_NOT_KEPT):
            return unpack(_read(path))
        tensors = compute()
        with contextlib.suppress(OSError):
            private_folder(path.parent)
            write_atomically(path, save(tensors, metadata={"checksum": _checksum(tensors)}))
        return unpack(tensors)


def chosen_rows(count: int) -> Tensor:
    """Indices of the images of a split of ``count`` whose features are kept, in order: all of them, or a fixed random
    choice of ``MOST_ROWS``."""
    if count <= MOST_ROWS:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:MOST_ROWS].sort().values


def can_classify(extractor: Extractor, dataset: Dataset) -> bool:
    """Whether the extractor's logits predict the labels of this data set."""
    predicted = extractor.classes or extractor.attributes
    return extractor.classifies == dataset.name and predicted == (dataset.classes or dataset.attributes)


def _statistics(
    split: Split, dataset: Dataset, extractor: Extractor, kept: RealFeatures | None, advance: Advance | None
) -> Arrays:
    """Statistics of the features ``kept`` of these images, or of features computed now, which ``advance`` is told."""
    moments = Moments(extractor.dims)
    labels, logits = split.labels, None
    classify = labels is not None and can_classify(extractor, dataset)
    matches = torch.zeros((), dtype=torch.float64, device=extractor.device)
    for start in range(0, len(split), extractor.batch):
        rows = slice(start, start + extractor.batch)
        if kept is not None:
            features = send(kept.features[rows], extractor.device)
            logits = None if kept.logits is None else send(kept.logits[rows], extractor.device)
        elif classify:
            features, logits = extractor.features_and_logits(split.images[rows])
        else:
            features = extractor.features(split.images[rows])
        if classify and labels is not None and logits is not None:
            matches += agreement(logits, send(labels[rows], extractor.device), dataset.groups).sum()
        moments.update(features)
        if kept is None and advance is not None:
            advance(len(features))
    return {
        "mean": moments.mean,
        "covariance": np.ascontiguousarray(moments.covariance),
        "count": np.array([moments.count], dtype=np.int64),
        "accuracy": np.array([float(matches) / len(split) if classify else np.nan]),
    }


def _read(path: Path) -> Arrays:
    """Read a cached file. Raises ValueError when it is damaged, OSError or SafetensorError when it cannot be read."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        expected = (file.metadata() or {}).get("checksum")
    if _checksum(tensors) != expected:
        raise ValueError("the file is damaged")
    return tensors


def _checksum(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
