"""Running out of memory while drawing or scoring: how it shows, and the same work in smaller batches."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from engine.data.dataset import Progress
from engine.evaluation.extractors import Extractor
from engine.methods import Generates, Trace
from engine.settings.samplers import Sample

SMALLEST_BATCH = 8
"""Batches are halved down to this number of images."""


class SampleBatches:
    """Methods that draw the same images in batches of at most ``limit``; None: in one batch, as asked."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._largest = 0

    def of(self, method: Any, progress: Progress) -> Any:
        """``method``, or a shallow copy of it that draws in such batches. ``progress`` counts steps of the sampler.

        A ``trace`` sees all steps of the first batch; those of the others are only counted.
        """
        self._largest = 0
        if not isinstance(method, Generates):
            return method

        def sample(
            settings: Sample,
            noise: Tensor,
            labels: Tensor | None,
            *,
            ema: bool = True,
            trace: Trace | None = None,
        ) -> Tensor:
            size = min(len(noise), self.limit or len(noise))
            self._largest = max(self._largest, size)
            if size == len(noise):
                return method.sample(settings, noise, labels, ema=ema, trace=trace)

            def count(step: int, steps: int, images: Tensor) -> None:
                progress(step, steps)

            parts = []
            for start in range(0, len(noise), size):
                part = slice(start, start + size)
                asked = None if labels is None else labels[part]
                watch = count if start else trace
                parts.append(method.sample(settings, noise[part], asked, ema=ema, trace=watch))
            return torch.cat(parts)

        small = copy.copy(method)
        vars(small)["sample"] = sample
        return small

    @property
    def size(self) -> int | None:
        """The largest number of images drawn at once; None: as many as asked for."""
        return self.limit

    def halve(self) -> bool:
        """Halve the largest batch drawn since ``of``. False when it cannot become smaller."""
        if self._largest <= SMALLEST_BATCH:
            return False
        self.limit = max(SMALLEST_BATCH, self._largest // 2)
        return True


class ScoreBatches:
    """The batch size of a scorer, and of its extractor if it has one."""

    def __init__(self, scorer: Any):
        self._scorer = scorer

    @property
    def size(self) -> int | None:
        """``evaluate.batch_size`` as the scorer uses it; None for one without that setting."""
        return getattr(getattr(self._scorer, "settings", None), "batch_size", None)

    def halve(self) -> bool:
        """Halve both. False when they cannot become smaller."""
        scorer, size = self._scorer, self.size
        if size is None or size <= SMALLEST_BATCH:
            return False
        size = max(SMALLEST_BATCH, size // 2)
        scorer.settings = scorer.settings.model_copy(update={"batch_size": size})
        extractor = getattr(scorer, "extractor", None)
        if extractor is not None and extractor.batch > size:
            extractor.batch = size
        return True


class ExaminationBatches:
    """The batches in which samples are drawn for an examination, and those in which its extractor embeds them."""

    def __init__(self, drawn: SampleBatches, extractor: Extractor | None):
        self._drawn, self._extractor = drawn, extractor

    @property
    def size(self) -> int | None:
        return self._drawn.size or (self._extractor.batch if self._extractor else None)

    def halve(self) -> bool:
        """Halve both. False when neither can become smaller."""
        halved, extractor = self._drawn.halve(), self._extractor
        if extractor is not None and extractor.batch > SMALLEST_BATCH:
            extractor.batch = max(SMALLEST_BATCH, extractor.batch // 2)
            halved = True
        return halved
