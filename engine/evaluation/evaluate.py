"""Score a generator: sample, embed, compare with real images, and say under what protocol."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.data import Dataset, to_uint8
from engine.evaluation.agreement import agreement
from engine.evaluation.extractors import Extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.protocol import Protocol
from engine.evaluation.statistics import RealStatistics, can_classify, is_cached, real_statistics
from engine.settings.training import FID

QUANTISATION = "uint8 rounded"

Generate = Callable[[int, Tensor | None], Tensor]
"""``generate(count, labels)`` → that many images N,C,H,W: float in [-1, 1], or uint8 already. ``labels`` is
int64 N or float32 N,A on the extractor's device, or None when the model is unconditional."""


@dataclass(frozen=True)
class Score:
    """One figure and what it means. ``floor`` is what real test images score in place of generated ones.

    The value is NaN when the generator made pixels that are not finite.
    """

    metric: str
    value: float
    lower_is_better: bool
    protocol: Protocol
    floor: float | None
    seconds: float

    def event(self) -> dict[str, Any]:
        """The fields of an ``evaluation`` event, but for ``best``."""
        return {
            "metric": self.metric,
            "value": self.value,
            "lower_is_better": self.lower_is_better,
            "protocol": self.protocol.name,
            "protocol_id": self.protocol.id,
            "protocol_detail": self.protocol.detail(),
            "selected_by": self.protocol.selected_by,
            "floor": self.floor,
            "seconds": self.seconds,
        }


def evaluate(
    generate: Generate,
    dataset: Dataset,
    settings: FID,
    extractor: Extractor,
    *,
    sampling: str,
    conditional: bool = False,
    ema: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
    cache: Path | None = None,
) -> list[Score]:
    """Draw ``settings.samples`` images and score them: ``fid`` first, then ``label_accuracy``, or
    ``attribute_accuracy`` where the data has attributes.

    What is asked for when ``conditional``: see ``requested_labels``. Accuracy is there when the extractor
    classifies this very data set. ``ema``: whether the averaged weights are sampled (default: as settings say).
    ``progress(done, total)`` counts images, real ones still to be embedded among them; what it raises ends the
    evaluation. ``cache``: another folder for real statistics.
    """
    begun = time.monotonic()
    missing = [s for s in {settings.split, "train", "test"} if not is_cached(dataset, s, extractor, cache)]
    count = Count(settings.samples + sum(len(dataset.split(s)) for s in missing), progress)

    def real(split: str) -> RealStatistics:
        return real_statistics(dataset, split, extractor, folder=cache, progress=count.add)

    train, test = real("train"), real("test")
    drawn = _draw(generate, dataset, settings, extractor, conditional, count)
    value = distance(drawn.moments, (train if settings.split == "train" else test).moments)
    height, width = dataset.image_shape[1:]

    def protocol(metric: str) -> Protocol:
        return Protocol(
            metric=metric,
            extractor=extractor.name,
            extractor_hash=extractor.hash,
            dataset=dataset.name,
            dataset_hash=dataset.fingerprint[:8],
            split=settings.split,
            split_size=len(dataset.split(settings.split)),
            samples=settings.samples,
            resize=extractor.resize(height, width),
            quantisation=QUANTISATION,
            sampling=sampling,
            ema=settings.ema if ema is None else ema,
        )

    floor = distance(train.moments, test.moments)
    seconds = time.monotonic() - begun
    finite = bool(drawn.finite)
    scores = [Score("fid", value if finite else float("nan"), True, protocol("fid"), floor, seconds)]
    if drawn.right is not None:
        metric = "attribute_accuracy" if dataset.attributes else "label_accuracy"
        accuracy = float(drawn.right) / settings.samples if finite else float("nan")
        scores.append(Score(metric, accuracy, False, protocol(metric), test.accuracy, seconds))
    return scores


def requested_labels(dataset: Dataset, start: int, count: int, device: torch.device | str = "cpu") -> Tensor:
    """Labels of samples number ``start`` and on.

    Classes: 0, 1, … in turn, int64 N, so that each is asked for equally often. Attributes: those of the
    training images in their order, float32 N,A, so that combinations are as frequent as they are in the data.
    """
    numbers = torch.arange(start, start + count)
    if not dataset.attributes:
        return (numbers % len(dataset.classes)).to(device)
    labels = dataset.train.labels
    assert labels is not None, "data with attributes has labels"
    return labels[numbers % len(labels)].to(device, torch.float32)


@dataclass
class _Drawn:
    moments: Moments
    right: Tensor | None
    finite: Tensor


@dataclass
class Count:
    """Images done, told to a progress that wants (done, total)."""

    total: int
    report: Callable[[int, int], None] | None
    done: int = 0

    def add(self, images: int) -> None:
        self.done += images
        if self.report is not None:
            self.report(min(self.done, self.total), self.total)


@torch.no_grad()
def _draw(
    generate: Generate, dataset: Dataset, settings: FID, extractor: Extractor, conditional: bool, count: Count
) -> _Drawn:
    """Moments of the generated images; nothing here waits for the device but the caller's progress."""
    device, shape = extractor.device, dataset.image_shape
    classify = conditional and can_classify(extractor, dataset)
    right = torch.zeros((), dtype=torch.float64, device=device) if classify else None
    drawn = _Drawn(Moments(extractor.dims), right, torch.ones((), dtype=torch.bool, device=device))
    for start in range(0, settings.samples, settings.batch_size):
        n = min(settings.batch_size, settings.samples - start)
        labels = requested_labels(dataset, start, n, device) if conditional else None
        images = generate(n, labels)
        if tuple(images.shape) != (n, *shape):
            raise ValueError(
                f"asked for images of shape {(n, *shape)}, the generator made {tuple(images.shape)}"
            )
        if images.is_floating_point():
            drawn.finite &= images.isfinite().all().to(device)
            images = to_uint8(images)
        if drawn.right is not None and labels is not None:
            features, logits = extractor.features_and_logits(images)
            drawn.right += agreement(logits, labels, dataset.groups).sum()
        else:
            features = extractor.features(images)
        drawn.moments.update(features)
        count.add(n)
    return drawn
