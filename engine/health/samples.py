"""The examination: what samples look like beside real images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from engine.data.dataset import Dataset, to_uint8
from engine.evaluation.agreement import agreement
from engine.evaluation.evaluate import Evidence, requested_labels
from engine.evaluation.extractors import Extractor
from engine.evaluation.statistics import can_classify
from engine.health import Values
from engine.health import signals as of
from engine.methods import Generates
from engine.methods.sampling import EVALUATION_SEED, Noise, Progress
from engine.settings.samplers import Sample

IMAGES = 128
"""Drawn for an examination where no score has just drawn any."""
REAL = 512  # real images compared with
NEIGHBOURS_AMONG = 10_000  # training images that a sample's nearest is looked for among


def draw(
    method: Generates, sampling: Sample, dataset: Dataset, device: torch.device, progress: Progress
) -> Evidence:
    """A few samples, of every label in turn, without features."""
    noise = Noise(method, EVALUATION_SEED).draw(IMAGES).to(device)
    labels = requested_labels(dataset, 0, IMAGES, device) if method.conditional else None
    images = method.sample(sampling, noise, labels, trace=lambda step, steps, _: progress(step, steps))
    return Evidence(to_uint8(images).cpu(), None, None, None if labels is None else labels.cpu())


class Examination:
    """What samples look like beside real images: signals by name, each of them 1 or near it for a perfect model.

    - ``diversity``, ``pixel_spread``: spread of the samples against real images', in features and in pixels; within
      the labels asked for, where there are classes.
    - ``contrast``: of the samples' pixels, against real images'.
    - ``precision``, ``recall``: as Kynkäänniemi et al. 2019, 0…1.
    - ``label``: how often the label asked for is seen, 0 at chance and 1 where real test images are.
    - ``label_told``: share of the samples' variance that lies between the labels, against real images'.
    - ``nearest``: distance to the nearest training image, against that of held-out images, or of training images to
      one another where that is less.
    """

    def __init__(self, dataset: Dataset, device: torch.device, extractor: Extractor | None):
        self.dataset, self.device = dataset, device
        self.extractor = extractor if extractor and (extractor.quick or device.type != "cpu") else None

    def signals(self, seen: Evidence) -> Values:
        """Of samples just drawn, by name."""
        pixels, labels = of.thumbnails(seen.images), seen.labels
        classes = labels if labels is not None and labels.dim() == 1 else None
        found = {
            "health/pixel_spread": of.share(
                of.spread(pixels, classes), self._pixels.spread(classes is not None)
            ),
            "health/contrast": of.share(of.contrast(pixels), of.contrast(self._pixels.vectors)),
            "health/nearest": self._nearest(pixels),
        }
        features = self._features(seen)
        if features is not None and self._real is not None:
            found["health/diversity"] = of.share(
                of.spread(features, classes), self._real.spread(classes is not None)
            )
            real = self._real.vectors[: len(features)]
            if min(len(real), len(features)) > of.NEIGHBOURS:
                precision, recall = of.precision_and_recall(features, real)
                found |= {"health/precision": precision, "health/recall": recall}
        compared = (self._pixels, pixels) if features is None or self._real is None else (self._real, features)
        if labels is not None:
            found["health/label_told"] = compared[0].told(compared[1], labels, self.dataset.groups)
            if (followed := self._followed(seen)) is not None:
                found["health/label"] = followed
        return found

    def _features(self, seen: Evidence) -> Tensor | None:
        if seen.features is not None:
            return seen.features
        return None if self.extractor is None else self._embed(seen.images)

    def _embed(self, images: Tensor) -> Tensor:
        assert self.extractor is not None
        return torch.cat([self.extractor.features(chunk).cpu() for chunk in images.split(self.extractor.batch)])

    def _logits(self, images: Tensor) -> Tensor:
        assert self.extractor is not None
        return torch.cat([self.extractor.logits(chunk).cpu() for chunk in images.split(self.extractor.batch)])

    def _followed(self, seen: Evidence) -> float | None:
        if self.extractor is None or not can_classify(self.extractor, self.dataset) or seen.labels is None:
            return None
        logits = self._logits(seen.images) if seen.logits is None else seen.logits
        right = float(agreement(logits, seen.labels, self.dataset.groups).mean())
        return (right - self._chance) / max(self._certain - self._chance, 1e-6)

    def _nearest(self, pixels: Tensor) -> float:
        usual = self._usual_distance
        return of.share(float(of.nearest(pixels, self._training).median()), usual)

    @cached_property
    def _pixels(self) -> _Real:
        chosen = _spread_over(len(self.dataset.train), REAL)
        split = self.dataset.train.take(chosen)
        return _Real(of.thumbnails(split.images), split.labels)

    @cached_property
    def _real(self) -> _Real | None:
        if self.extractor is None:
            return None
        split = self.dataset.train.take(_spread_over(len(self.dataset.train), REAL))
        return _Real(self._embed(split.images), split.labels)

    @cached_property
    def _training(self) -> Tensor:
        chosen = _spread_over(len(self.dataset.train), NEIGHBOURS_AMONG)
        return of.thumbnails(self.dataset.train.images[chosen])

    @cached_property
    def _usual_distance(self) -> float:
        """Median distance to the nearest training image, of held-out images or of the training images themselves:
        the smaller, since training images may overlap as crops of one photograph do."""
        held = self.dataset.validation or self.dataset.test
        among = float(of.nearest_other(self._training[:2000]).median()) if len(self._training) > 1 else 0.0
        if len(held) < 8:
            return among
        out = of.thumbnails(held.images[_spread_over(len(held), REAL)])
        return min(among, float(of.nearest(out, self._training).median()))

    @cached_property
    def _held_labelled(self) -> tuple[Tensor, Tensor]:
        test = self.dataset.test.take(_spread_over(len(self.dataset.test), REAL))
        assert test.labels is not None
        return test.images, test.labels

    @cached_property
    def _certain(self) -> float:
        images, labels = self._held_labelled
        return float(agreement(self._logits(images), labels, self.dataset.groups).mean())

    @cached_property
    def _chance(self) -> float:
        """Agreement of labels with those of other images."""
        if self.dataset.classes:
            return 1 / len(self.dataset.classes)
        labels = self._held_labelled[1].double()
        return float((labels.mean(0).square() + (1 - labels.mean(0)).square()).mean())


@dataclass(frozen=True)
class _Real:
    """Real images to compare with: vectors N,D and their labels."""

    vectors: Tensor
    labels: Tensor | None

    def spread(self, within: bool) -> float:
        return of.spread(self.vectors, self.labels if within else None)

    def told(self, vectors: Tensor, labels: Tensor, groups: tuple[int, ...]) -> float:
        """Variance between labels of ``vectors``, against that of the real ones."""
        if self.labels is None:
            return of.told_by_label(vectors, _kinds(labels, groups))
        real = of.told_by_label(self.vectors, _kinds(self.labels, groups))
        return of.share(of.told_by_label(vectors, _kinds(labels, groups)), real)


def _kinds(labels: Tensor, groups: tuple[int, ...]) -> Tensor:
    """One number for each image: its class, or which of the first group of attributes it has."""
    if labels.dim() == 1:
        return labels
    return labels[:, : groups[0]].argmax(1) if groups else labels[:, 0].long()


def _spread_over(count: int, most: int) -> Tensor:
    """At most ``most`` indices, evenly over ``count``."""
    return torch.linspace(0, count - 1, min(count, most)).long()
