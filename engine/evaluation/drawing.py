"""Drawing the generated images of an evaluation, and embedding them as they are drawn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from engine.data.dataset import Progress, stretched, to_levels, to_uint8
from engine.devices import send
from engine.evaluation import fidelity
from engine.evaluation.agreement import agreement
from engine.evaluation.frechet import Moments
from engine.evaluation.label_law import LabelLaw
from engine.evaluation.statistics import MOST_ROWS, RealImages, can_classify
from engine.ranks.sharing import ALONE, Share
from engine.settings.evaluation import FID

MOST_SAMPLES = 512
"""Size of the ``SampleSet`` of an evaluation at most."""

FEATURES_KEPT = {
    "kid": MOST_ROWS, "isc": 0, "prc": MOST_ROWS, "intra_fid": 0, "fid_inf": fidelity.FID_INF_ROWS,
}  # fmt: skip
"""Number of feature vectors that each metric needs at most; the moments are kept of all images."""

Generate = Callable[[int, Tensor | None], Tensor]
"""``generate(count, labels)`` returns ``count`` images N,C,H,W: float in [-1, 1], or uint8. ``labels`` is int64 N or
float32 N,A on the extractor's device, or None for an unconditional model."""


@dataclass(frozen=True)
class SampleSet:
    """Some generated images in the order they were drawn, with their features, logits and labels; on the CPU.

    ``images``: uint8 N,C,H,W. ``features``: float32 N,d, or None when no extractor has seen the images. ``logits``:
    float32 N,K, or None when the extractor does not predict the labels of this data set. ``labels``: the requested
    labels, int64 N or float32 N,A, or None for an unconditional model.
    """

    images: Tensor
    features: Tensor | None
    logits: Tensor | None
    labels: Tensor | None


@dataclass
class Drawn:
    """What is known of all images drawn.

    ``moments``: of all features; ``class_moments``: of each class, for intra_fid. ``features`` and ``logits``: of the
    first images, on the CPU, as many as any metric needs. ``matches``: the sum over the images of the agreement
    between predicted and requested labels, None when it cannot be determined. ``finite``: whether all pixels are.
    """

    moments: Moments
    class_moments: list[Moments]
    features: Tensor
    logits: Tensor | None
    matches: Tensor | None
    finite: Tensor
    samples: SampleSet


@dataclass
class ProgressCounter:
    """Counts images and reports (images so far, total) to ``report``."""

    total: int
    report: Progress | None
    done: int = 0

    def add(self, images: int) -> None:
        """Count ``images`` more. Raises what ``report`` raises."""
        self.done += images
        if self.report is not None:
            self.report(min(self.done, self.total), self.total)


class Skippable(Protocol):
    """A ``Generate`` that can leave out images which another process draws."""

    def __call__(self, count: int, labels: Tensor | None) -> Tensor: ...

    def skip(self, count: int) -> None:
        """Leave out the next ``count`` images."""
        ...


Divide = Callable[[Callable[[Share], "Collected"]], Sequence["Collected"]]
"""Calls its argument here, and what corresponds to it on the other ranks, each with its share of the batches."""


@torch.no_grad()
def draw(
    generate: Generate,
    real: RealImages,
    settings: FID,
    law: LabelLaw | None,
    counter: ProgressCounter,
    divide: Divide | None = None,
) -> Drawn:
    """Draw ``settings.samples`` images in batches, with labels by ``law`` (None: without), and embed them.

    ``divide`` shares the batches between ranks; ``generate`` must be ``Skippable`` then. The device is not
    synchronised until all are drawn, except by the caller's progress. Raises ValueError when the generator returns
    another shape than that of the data set's images.
    """
    if divide is None:
        return collect(generate, real, settings, law, counter).drawn()
    first, *others = divide(partial(collect, generate, real, settings, law, counter))
    for other in others:
        first.merge(other)
    return first.drawn()


@torch.no_grad()
def collect(
    generate: Generate | Skippable,
    real: RealImages,
    settings: FID,
    law: LabelLaw | None,
    counter: ProgressCounter,
    share: Share = ALONE,
) -> Collected:
    """Draw and embed every ``share.size``-th batch, from that of number ``share.rank`` on; see ``draw``."""
    collected = Collected(real, settings, is_conditional=law is not None)
    requested = None if law is None else law.draw(settings.samples)
    shape = real.dataset.image_shape
    size = settings.batch_norm or settings.batch_size  # its batches are part of the protocol
    for number, start in enumerate(range(0, settings.samples, size)):
        count = min(size, settings.samples - start)
        if number % share.size != share.rank:
            generate.skip(count)  # type: ignore[union-attr]
            continue
        labels = None if requested is None else requested[start : start + count]
        images = generate(count, None if labels is None else send(labels, real.extractor.device))
        if tuple(images.shape) != (count, *shape):
            raise ValueError(
                f"asked for images of shape {(count, *shape)}, the generator made {tuple(images.shape)}"
            )
        collected.add(real, start, images, labels)
        counter.add(min(count * share.size, settings.samples - start))
    return collected


class Collected:
    """What is known of the images drawn so far. It can be sent to another process, and merged with what that has."""

    def __init__(self, real: RealImages, settings: FID, is_conditional: bool):
        further, device = settings.extra_metrics, real.extractor.device
        self._classifies = can_classify(real.extractor, real.dataset)
        self._needs_logits = self._classifies or "isc" in further
        self._stretch, self._quantise = settings.stretch, settings.quantise
        self._is_conditional = is_conditional
        self._matches = None
        if self._classifies and is_conditional:
            self._matches = torch.zeros((), dtype=torch.float64, device=device)
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._moments = Moments(real.extractor.dims)
        classes = real.dataset.classes if "intra_fid" in further else ()
        self._class_moments = [Moments(real.extractor.dims) for _ in classes]
        self._images, self._labels = _FirstRows(MOST_SAMPLES), _FirstRows(MOST_SAMPLES)
        self._features = _FirstRows(max([MOST_SAMPLES, *(FEATURES_KEPT[name] for name in further)]))
        self._logits = _FirstRows(fidelity.ISC_ROWS if "isc" in further else MOST_SAMPLES)

    def add(self, real: RealImages, start: int, images: Tensor, labels: Tensor | None) -> None:
        """Embed a batch whose first image is number ``start`` of all. ``labels`` it was drawn with are on the CPU."""
        quantised = images
        if images.is_floating_point():
            self._finite &= images.isfinite().all().to(self._finite.device)
            images = stretched(images) if self._stretch else images
            quantised = to_uint8(images)
            images = quantised if self._quantise else to_levels(images)
        if self._needs_logits:
            features, logits = real.extractor.features_and_logits(images)
            self._logits.add(start, logits)
            if self._matches is not None and labels is not None:
                self._matches += agreement(logits, send(labels, logits.device), real.dataset.groups).sum()
        else:
            features = real.extractor.features(images)
        self._moments.update(features)
        for label, moments in enumerate(self._class_moments):
            if labels is not None and len(rows := (labels == label).nonzero()[:, 0]):
                moments.update(features[send(rows, features.device)])
        self._images.add(start, quantised)
        self._features.add(start, features)
        if labels is not None:
            self._labels.add(start, labels)

    def cpu(self) -> Collected:
        """The same on the CPU, to be sent."""
        copied = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor | Moments | _FirstRows):
                setattr(copied, name, value.cpu())
        copied._class_moments = [moments.cpu() for moments in self._class_moments]
        return copied

    def merge(self, other: Collected) -> None:
        """Take in what ``other`` has collected of other images of the same kind."""
        self._moments.merge(other._moments)
        for moments, more in zip(self._class_moments, other._class_moments, strict=True):
            moments.merge(more)
        for name in ("_images", "_labels", "_features", "_logits"):
            getattr(self, name).merge(getattr(other, name))
        self._finite &= other._finite.to(self._finite.device)
        if self._matches is not None and other._matches is not None:
            self._matches += other._matches.to(self._matches.device)

    def drawn(self) -> Drawn:
        """All of it, when all images have been drawn."""
        features, logits = self._features.all(), self._logits.all() if self._needs_logits else None
        samples = SampleSet(
            images=self._images.all(),
            features=features[:MOST_SAMPLES],
            logits=logits[:MOST_SAMPLES] if self._classifies and logits is not None else None,
            labels=self._labels.all() if self._is_conditional else None,
        )
        return Drawn(self._moments, self._class_moments, features, logits, self._matches, self._finite, samples)


class _FirstRows:
    """The first ``limit`` rows of a stream of tensors, kept on the device until all are asked for.

    Tensors may come in any order, each with the number of its first row.
    """

    def __init__(self, limit: int):
        self._limit, self._parts = limit, dict[int, Tensor]()

    def add(self, start: int, rows: Tensor) -> None:
        if start < self._limit:
            self._parts[start] = rows[: self._limit - start].clone()

    def cpu(self) -> _FirstRows:
        copied = _FirstRows(self._limit)
        copied._parts = {start: rows.cpu() for start, rows in self._parts.items()}
        return copied

    def merge(self, other: _FirstRows) -> None:
        """Take in the rows of another rank, which are on the CPU."""
        self._parts = self.cpu()._parts | other._parts

    def all(self) -> Tensor:
        """The rows in order, on the CPU."""
        parts = [self._parts[start] for start in sorted(self._parts)]
        return torch.cat(parts).cpu()
