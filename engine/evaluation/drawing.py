"""Drawing the generated images of an evaluation, and embedding them as they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.dataset import Progress, stretched, to_levels, to_uint8
from engine.devices import send
from engine.evaluation import fidelity
from engine.evaluation.agreement import agreement
from engine.evaluation.frechet import Moments
from engine.evaluation.label_law import LabelLaw
from engine.evaluation.statistics import MOST_ROWS, RealImages, can_classify
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


@torch.no_grad()
def draw(
    generate: Generate, real: RealImages, settings: FID, law: LabelLaw | None, counter: ProgressCounter
) -> Drawn:
    """Draw ``settings.samples`` images in batches, with labels by ``law`` (None: without), and embed them.

    The device is not synchronised until all are drawn, except by the caller's progress. Raises ValueError when the
    generator returns another shape than that of the data set's images.
    """
    collector = _Collector(real, settings, conditional=law is not None)
    requested = None if law is None else law.draw(settings.samples)
    shape = real.dataset.image_shape
    size = settings.batch_norm or settings.batch_size  # its batches are part of the protocol
    for start in range(0, settings.samples, size):
        count = min(size, settings.samples - start)
        labels = None if requested is None else requested[start : start + count]
        images = generate(count, None if labels is None else send(labels, real.extractor.device))
        if tuple(images.shape) != (count, *shape):
            raise ValueError(
                f"asked for images of shape {(count, *shape)}, the generator made {tuple(images.shape)}"
            )
        collector.add(images, labels)
        counter.add(count)
    return collector.result()


class _Collector:
    """Embeds batches of generated images and accumulates what ``Drawn`` holds."""

    def __init__(self, real: RealImages, settings: FID, conditional: bool):
        self._dataset, self._extractor = real.dataset, real.extractor
        further, device = settings.extra_metrics, real.extractor.device
        self._classify = can_classify(real.extractor, real.dataset)
        self._needs_logits = self._classify or "isc" in further
        self._stretch, self._quantise = settings.stretch, settings.quantise
        self._conditional = conditional
        self._matches = None
        if self._classify and conditional:
            self._matches = torch.zeros((), dtype=torch.float64, device=device)
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._moments = Moments(real.extractor.dims)
        classes = real.dataset.classes if "intra_fid" in further else ()
        self._class_moments = [Moments(real.extractor.dims) for _ in classes]
        self._images, self._labels = _FirstRows(MOST_SAMPLES), _FirstRows(MOST_SAMPLES)
        self._features = _FirstRows(max([MOST_SAMPLES, *(FEATURES_KEPT[name] for name in further)]))
        self._logits = _FirstRows(fidelity.ISC_ROWS if "isc" in further else MOST_SAMPLES)

    def add(self, images: Tensor, labels: Tensor | None) -> None:
        """Take in a batch and the labels it was drawn with, on the CPU."""
        quantised = images
        if images.is_floating_point():
            self._finite &= images.isfinite().all().to(self._finite.device)
            images = stretched(images) if self._stretch else images
            quantised = to_uint8(images)
            images = quantised if self._quantise else to_levels(images)
        if self._needs_logits:
            features, logits = self._extractor.features_and_logits(images)
            self._logits.add(logits)
            if self._matches is not None and labels is not None:
                self._matches += agreement(logits, send(labels, logits.device), self._dataset.groups).sum()
        else:
            features = self._extractor.features(images)
        self._moments.update(features)
        for label, moments in enumerate(self._class_moments):
            if labels is not None and len(rows := (labels == label).nonzero()[:, 0]):
                moments.update(features[send(rows, features.device)])
        self._images.add(quantised)
        self._features.add(features)
        if labels is not None:
            self._labels.add(labels)

    def result(self) -> Drawn:
        features, logits = self._features.all(), self._logits.all() if self._needs_logits else None
        samples = SampleSet(
            images=self._images.all(),
            features=features[:MOST_SAMPLES],
            logits=logits[:MOST_SAMPLES] if self._classify and logits is not None else None,
            labels=self._labels.all() if self._conditional else None,
        )
        return Drawn(self._moments, self._class_moments, features, logits, self._matches, self._finite, samples)


class _FirstRows:
    """The first ``limit`` rows of a stream of tensors, kept on the device until all are asked for."""

    def __init__(self, limit: int):
        self._missing, self._parts = limit, list[Tensor]()

    def add(self, rows: Tensor) -> None:
        if self._missing > 0:
            self._parts.append(rows[: self._missing].clone())
            self._missing -= len(self._parts[-1])

    def all(self) -> Tensor:
        """The rows, on the CPU."""
        return torch.cat(self._parts).cpu()
