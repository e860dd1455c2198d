"""Scores of a method that makes images: the recipe's evaluation, with its extractor found beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from engine.data.dataset import Dataset
from engine.evaluation.evaluate import Doing, Evidence, Score, evaluate, refuse_unfit
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.reconstruction import reconstruction_score
from engine.evaluation.statistics import RealImages
from engine.methods import Generates, Method, Reconstructs
from engine.methods.sampling import EVALUATION_SEED, Noise, Progress
from engine.recipes.recipe import Recipe
from engine.settings import registry
from engine.settings.evaluation import FID
from engine.settings.extractors import PROBE


@runtime_checkable
class Scorer(Protocol):
    """What a recipe's [evaluate] table builds, from (settings, recipe, dataset, device)."""

    metric: str
    """Of the score that chooses the best checkpoint."""
    evidence: Evidence | None
    """Of the last ``score()``; None before it, and of scorers that draw no images."""

    def score(
        self, method: Method, progress: Progress | None = None, doing: Doing | None = None
    ) -> list[Score]:
        """Every score of the method as it is now. ``progress`` is called often, ``doing`` before what takes long;
        either may raise to abandon."""
        ...


def build_scorer(
    recipe: Recipe, dataset: Dataset, device: torch.device, progress: Progress | None = None
) -> Scorer:
    """Raises ExtractorError when what scores are made with is not here. A probe that the recipe's scores need is
    trained now; ``progress`` counts its images and may raise to abandon."""
    if recipe.extractor() == PROBE and getattr(recipe.evaluate, "times", 0):
        load_extractor(PROBE, device, dataset=dataset, progress=progress)  # the scorer finds it in the cache
    return registry.build(recipe.evaluate, Scorer, recipe, dataset, device)


class SampleScorer:
    """Generated images against real ones; reconstructions against their originals, where a method makes those.

    Loads the extractor when it is made, so that one that is missing or damaged, and a metric that it or the data
    cannot give, is known before training begins. A recipe that asks for no scores (``evaluate.times = 0``)
    needs none.
    """

    def __init__(self, settings: FID, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.settings, self.recipe, self.dataset, self.device = settings, recipe, dataset, device
        self.metric = settings.metric
        self.evidence: Evidence | None = None
        self._real: RealImages | None = None
        if settings.times > 0:
            refuse_unfit(settings, self.real, getattr(recipe.model, "conditional", False))

    @property
    def real(self) -> RealImages:
        """The real images as the extractor sees them. Raises ExtractorError."""
        if self._real is None:
            weights = Path(self.settings.weights) if self.settings.weights else None
            extractor = load_extractor(self.recipe.extractor(), self.device, weights, self.dataset)
            self._real = RealImages(self.dataset, extractor)
        return self._real

    @property
    def extractor(self) -> Extractor | None:
        """What scores are made with, when it was loaded."""
        return self._real.extractor if self._real else None

    def score(
        self, method: Method, progress: Progress | None = None, doing: Doing | None = None
    ) -> list[Score]:
        """Generate from a fixed seed and score: ``fid`` and what else is asked for, accuracy where it can be told,
        ``ssim``. All of them tell the seconds of the whole."""
        assert isinstance(method, Generates), "a method scored by its samples makes images"
        begun = monotonic()
        settings, sampling = self.settings, self.recipe.sample
        noise = Noise(method, EVALUATION_SEED)
        done, outer = 0, progress or (lambda done, total: None)

        def generate(count: int, labels: Tensor | None) -> Tensor:
            nonlocal done

            def trace(step: int, steps: int, images: Tensor) -> None:
                outer(done + count * step // steps, settings.samples)

            images = method.sample(
                sampling, noise.draw(count).to(self.device), labels, ema=settings.ema, trace=trace
            )
            done += count
            return images

        ema = settings.ema and method.has_average
        evaluation = evaluate(
            generate,
            self.real,
            settings,
            sampling=sampling.summary,
            conditional=method.conditional,
            ema=ema,
            progress=outer if progress else None,
            doing=doing,
        )
        scores, self.evidence = evaluation.scores, evaluation.evidence
        if isinstance(method, Reconstructs):
            scores.append(
                reconstruction_score(method, self.dataset, self.device, settings.batch_size, ema, outer)
            )
        seconds = monotonic() - begun
        return [replace(score, seconds=seconds) for score in scores]
