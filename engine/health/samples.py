"""Health examinations: signals that compare generated images with real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress, to_uint8
from engine.evaluation import fidelity
from engine.evaluation.agreement import agreement
from engine.evaluation.drawing import SampleSet
from engine.evaluation.extractors import Extractor
from engine.evaluation.label_law import label_law
from engine.evaluation.statistics import can_classify
from engine.health import Values, signals
from engine.methods import Generates
from engine.methods.sampling import EVALUATION_SEED, Noise
from engine.settings.evaluation import AS_IN_DATA
from engine.settings.samplers import Sample

IMAGES = 128
"""Number of images drawn for an examination when none have just been drawn for scores."""
REAL_IMAGES = 512
"""Number of real images that samples are compared with."""
NEIGHBOURS_AMONG = 10_000
"""Number of training images among which the nearest to each sample is searched."""


def draw_samples(
    method: Generates, sampling: Sample, dataset: Dataset, device: torch.device, progress: Progress
) -> SampleSet:
    """Draw a few images, with labels as in the data, without features. ``progress`` counts steps of the sampler."""
    noise = Noise(method, EVALUATION_SEED).draw(IMAGES).to(device)
    labels = label_law(AS_IN_DATA, dataset).draw(IMAGES).to(device) if method.conditional else None
    images = method.sample(sampling, noise, labels, trace=lambda step, steps, _: progress(step, steps))
    return SampleSet(to_uint8(images).cpu(), None, None, None if labels is None else labels.cpu())


class Examination:
    """Compares samples with real images. Its signals are about 1 for a perfect model:

    - ``diversity``, ``pixel_spread``: spread of the samples relative to real images, in features and in pixels;
      within the requested labels, where these are classes.
    - ``contrast``: contrast of the samples' pixels relative to real images.
    - ``precision``, ``recall``: as in Kynkäänniemi et al. 2019, 0…1.
    - ``label``: agreement with the requested label, scaled to 0 at chance and to 1 for real test images.
    - ``label_told``: fraction of variance between the labels, relative to real images.
    - ``nearest``: distance to the nearest training image, relative to that of held-out images, or to that among
      training images if it is smaller.
    """

    def __init__(self, dataset: Dataset, device: torch.device, extractor: Extractor | None):
        """Features are used when there is an ``extractor`` that is quick on ``device``; else pixels alone."""
        self.dataset, self.device = dataset, device
        self.extractor = extractor if extractor and (extractor.quick or device.type != "cpu") else None

    def signals(self, samples: SampleSet) -> Values:
        """The signals of ``samples`` by metric name, ``health/…``."""
        samples = self._embedded(samples)
        pixels, labels = signals.thumbnails(samples.images), samples.labels
        values = self._pixel_signals(pixels, _classes(labels))
        real, vectors = self._real_pixels, pixels
        if samples.features is not None and self._real_features is not None:
            real, vectors = self._real_features, samples.features
            values |= self._feature_signals(samples.features, real, _classes(labels))
        if labels is not None:
            values["health/label_told"] = real.relative_label_variance(vectors, labels, self.dataset.groups)
            if (value := self._label_agreement(samples)) is not None:
                values["health/label"] = value
        return values

    def _pixel_signals(self, pixels: Tensor, classes: Tensor | None) -> Values:
        real = self._real_pixels
        distance = float(signals.nearest(pixels, self._training_pixels).median())
        return {
            "health/pixel_spread": signals.ratio(
                signals.spread(pixels, classes), real.spread(within_labels=classes is not None)
            ),
            "health/contrast": signals.ratio(signals.contrast(pixels), signals.contrast(real.vectors)),
            "health/nearest": signals.ratio(distance, self._usual_distance),
        }

    def _feature_signals(self, features: Tensor, real: _RealVectors, classes: Tensor | None) -> Values:
        spread = signals.spread(features, classes)
        values = {"health/diversity": signals.ratio(spread, real.spread(within_labels=classes is not None))}
        compared = real.vectors[: len(features)]
        if min(len(compared), len(features)) > fidelity.NEIGHBOURS:
            precision, recall = fidelity.precision_recall(features, compared)
            values |= {"health/precision": precision, "health/recall": recall}
        return values

    def _label_agreement(self, samples: SampleSet) -> float | None:
        """Agreement with the requested labels: 0 at chance, 1 for real images. None when it cannot be determined."""
        is_recognised = self.extractor is not None and can_classify(self.extractor, self.dataset)
        if not is_recognised or samples.labels is None or samples.logits is None:
            return None
        value = float(agreement(samples.logits, samples.labels, self.dataset.groups).mean())
        return (value - self._chance_agreement) / max(self._real_agreement - self._chance_agreement, 1e-6)

    # -- features and logits of the extractor, on the CPU ------------------------------------------------

    def _embedded(self, samples: SampleSet) -> SampleSet:
        """The samples with features, and with logits where their labels can be recognised, in one forward pass."""
        extractor = self.extractor
        if samples.features is not None or extractor is None:
            return samples
        if samples.labels is None or not can_classify(extractor, self.dataset):
            return replace(samples, features=self._embed(samples.images))
        parts = [extractor.features_and_logits(chunk) for chunk in samples.images.split(extractor.batch)]
        features, logits = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
        return replace(samples, features=features, logits=logits)

    def _embed(self, images: Tensor) -> Tensor:
        assert self.extractor is not None
        return torch.cat([self.extractor.features(chunk).cpu() for chunk in images.split(self.extractor.batch)])

    def _logits(self, images: Tensor) -> Tensor:
        assert self.extractor is not None
        return torch.cat([self.extractor.logits(chunk).cpu() for chunk in images.split(self.extractor.batch)])

    # -- real images to compare with, each computed once -------------------------------------------------

    @cached_property
    def _real_pixels(self) -> _RealVectors:
        split = self.dataset.train.take(_evenly_spaced(len(self.dataset.train), REAL_IMAGES))
        return _RealVectors(signals.thumbnails(split.images), split.labels)

    @cached_property
    def _real_features(self) -> _RealVectors | None:
        if self.extractor is None:
            return None
        split = self.dataset.train.take(_evenly_spaced(len(self.dataset.train), REAL_IMAGES))
        return _RealVectors(self._embed(split.images), split.labels)

    @cached_property
    def _training_pixels(self) -> Tensor:
        chosen = _evenly_spaced(len(self.dataset.train), NEIGHBOURS_AMONG)
        return signals.thumbnails(self.dataset.train.images[chosen])

    @cached_property
    def _usual_distance(self) -> float:
        """Median distance to the nearest training image, of held-out images or among training images.

        The smaller of the two, since training images may overlap as crops of one photograph do.
        """
        held_out = self.dataset.validation or self.dataset.test
        training = self._training_pixels
        among = float(signals.nearest_other(training[:2000]).median()) if len(training) > 1 else 0.0
        if len(held_out) < 8:
            return among
        pixels = signals.thumbnails(held_out.images[_evenly_spaced(len(held_out), REAL_IMAGES)])
        return min(among, float(signals.nearest(pixels, training).median()))

    @cached_property
    def _labelled_test_images(self) -> tuple[Tensor, Tensor]:
        """Test images with their labels; images of another split if test images have none."""
        splits = (self.dataset.test, self.dataset.validation, self.dataset.train)
        labelled = next(split for split in splits if split is not None and split.labels is not None)
        some = labelled.take(_evenly_spaced(len(labelled), REAL_IMAGES))
        assert some.labels is not None
        return some.images, some.labels

    @cached_property
    def _real_agreement(self) -> float:
        """Agreement of the extractor's predictions for real test images with their labels."""
        images, labels = self._labelled_test_images
        return float(agreement(self._logits(images), labels, self.dataset.groups).mean())

    @cached_property
    def _chance_agreement(self) -> float:
        """Expected agreement with the label of another, random image."""
        if self.dataset.classes:
            return 1 / len(self.dataset.classes)
        labels = self._labelled_test_images[1].double()
        return float((labels.mean(0).square() + (1 - labels.mean(0)).square()).mean())


@dataclass(frozen=True)
class _RealVectors:
    """Vectors N,D of real images, and their labels."""

    vectors: Tensor
    labels: Tensor | None

    def spread(self, within_labels: bool) -> float:
        return signals.spread(self.vectors, self.labels if within_labels else None)

    def relative_label_variance(self, vectors: Tensor, labels: Tensor, groups: tuple[int, ...]) -> float:
        """Between-label variance of other vectors, relative to that of these if they have labels."""
        value = signals.between_label_variance(vectors, _first_label(labels, groups))
        if self.labels is None:
            return value
        real = signals.between_label_variance(self.vectors, _first_label(self.labels, groups))
        return signals.ratio(value, real)


def _classes(labels: Tensor | None) -> Tensor | None:
    """The labels if they are classes, int64 N; None if they are attributes or there are none."""
    return labels if labels is not None and labels.dim() == 1 else None


def _first_label(labels: Tensor, groups: tuple[int, ...]) -> Tensor:
    """One number per image, int64 N: its class, or its attribute in the first one-hot group, or its first attribute."""
    if labels.dim() == 1:
        return labels
    return labels[:, : groups[0]].argmax(1) if groups else labels[:, 0].long()


def _evenly_spaced(count: int, most: int) -> Tensor:
    """At most ``most`` indices, evenly spaced over ``count``: int64."""
    return torch.linspace(0, count - 1, min(count, most)).long()
