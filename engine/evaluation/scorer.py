"""Scorers: what computes the scores that a recipe's [evaluate] table asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress
from engine.evaluation.drawing import Generate, SampleSet
from engine.evaluation.evaluate import evaluate, refuse_unfit
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.reconstruction import reconstruction_score
from engine.evaluation.score import Announce, Score
from engine.evaluation.statistics import RealImages
from engine.methods import Generates, Method, Reconstructs
from engine.methods.sampling import EVALUATION_SEED, Noise
from engine.recipes.recipe import Recipe
from engine.settings import registry
from engine.settings.evaluation import FID
from engine.settings.extractors import PROBE


@runtime_checkable
class Scorer(Protocol):
    """What a recipe's [evaluate] table builds, from (settings, recipe, dataset, device)."""

    metric: str
    """The metric that selects the best checkpoint."""
    samples: SampleSet | None
    """The first images of the newest ``score()``; None before it, and in scorers that draw no images."""

    def score(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Score the method as it is now.

        ``progress(done, total)`` is called often, ``announce`` before work that takes seconds without progress; both
        may raise to abandon the scores.
        """
        ...


def build_scorer(
    recipe: Recipe, dataset: Dataset, device: torch.device, progress: Progress | None = None
) -> Scorer:
    """Build the scorer of a recipe, and first train the probe if its scores need one.

    ``progress`` counts the images the probe is trained on; it may raise to abandon the training. Raises ExtractorError
    when the extractor is not available.
    """
    if recipe.extractor() == PROBE and getattr(recipe.evaluate, "times", 0):
        load_extractor(PROBE, device, dataset=dataset, progress=progress)  # the scorer finds it in the cache
    return registry.build(recipe.evaluate, Scorer, recipe, dataset, device)


class SampleScorer:
    """Compares generated images with real ones and, for methods that reconstruct, reconstructions with originals.

    The extractor is loaded at once, so that missing weights and metrics that cannot be computed here are reported
    before training begins. It is not needed for recipes without scores (``evaluate.times = 0``).
    """

    def __init__(self, settings: FID, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.settings, self.recipe, self.dataset, self.device = settings, recipe, dataset, device
        self.metric = settings.metric
        self.samples: SampleSet | None = None
        self._real: RealImages | None = None
        if settings.times > 0:
            refuse_unfit(settings, self.real, getattr(recipe.model, "conditional", False))

    @property
    def real(self) -> RealImages:
        """The real images with the extractor, loaded at first use. Raises ExtractorError."""
        if self._real is None:
            weights = Path(self.settings.weights) if self.settings.weights else None
            extractor = load_extractor(self.recipe.extractor(), self.device, weights, self.dataset)
            self._real = RealImages(self.dataset, extractor)
        return self._real

    @property
    def extractor(self) -> Extractor | None:
        """The extractor, or None when it has not been loaded."""
        return self._real.extractor if self._real else None

    def score(
        self, method: Method, progress: Progress | None = None, announce: Announce | None = None
    ) -> list[Score]:
        """Score images generated from a fixed seed, as ``evaluate`` does; then ``ssim`` if the method reconstructs.

        The ``seconds`` of each score are those of the whole.
        """
        assert isinstance(method, Generates), "a method scored by its samples makes images"
        start, settings = monotonic(), self.settings
        report = progress or (lambda done, total: None)
        ema = settings.ema and method.has_average
        evaluation = evaluate(
            self._generator(method, report),
            self.real,
            settings,
            sampling=self.recipe.sample.summary,
            conditional=method.conditional,
            ema=ema,
            progress=report if progress else None,
            announce=announce,
        )
        scores, self.samples = evaluation.scores, evaluation.samples
        if isinstance(method, Reconstructs):
            scores.append(
                reconstruction_score(method, self.dataset, self.device, settings.batch_size, ema, report)
            )
        seconds = monotonic() - start
        return [replace(score, seconds=seconds) for score in scores]

    def _generator(self, method: Generates, report: Progress) -> Generate:
        """A function that draws the next images of the fixed seed and reports progress within a batch, too."""
        settings = self.settings
        noise = Noise(method, EVALUATION_SEED)
        done = 0

        def generate(count: int, labels: Tensor | None) -> Tensor:
            nonlocal done

            def trace(step: int, steps: int, images: Tensor) -> None:
                report(done + count * step // steps, settings.samples)

            images = method.sample(
                self.recipe.sample, noise.draw(count).to(self.device), labels, ema=settings.ema, trace=trace
            )
            done += count
            return images

        return generate
