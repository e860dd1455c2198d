"""Scores of a method that makes images: the recipe's evaluation, with its extractor found beforehand."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from engine import registry
from engine.data import Dataset
from engine.evaluation.evaluate import Score, evaluate
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.reconstruction import reconstruction_score
from engine.methods import Generates, Method, Reconstructs
from engine.recipe import Recipe
from engine.sampling import EVALUATION_SEED, Noise, Progress
from engine.settings.training import FID


class Scorer(Protocol):
    """What a recipe's [evaluate] table builds, from (settings, recipe, dataset, device)."""

    metric: str
    """Of the score that chooses the best checkpoint."""

    def score(self, method: Method, progress: Progress | None = None) -> list[Score]:
        """Every score of the method as it is now. ``progress`` is called often and may raise to abandon."""
        ...


def build_scorer(recipe: Recipe, dataset: Dataset, device: torch.device) -> Scorer:
    """Raises ExtractorError when what scores are made with is not here."""
    return registry.build(recipe.evaluate, recipe, dataset, device)


class SampleScorer:
    """Generated images against real ones; reconstructions against their originals, where a method makes those.

    Loads the extractor when it is made, so that a missing one is known before training begins. A recipe that
    asks for no scores (``evaluate.times = 0``) needs none.
    """

    def __init__(self, settings: FID, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.settings, self.recipe, self.dataset, self.device = settings, recipe, dataset, device
        self.metric = settings.metric
        wanted = settings.times > 0
        self._extractor: Extractor | None = load_extractor(recipe.extractor(), device) if wanted else None

    def score(self, method: Method, progress: Progress | None = None) -> list[Score]:
        """Generate from a fixed seed and score: ``fid``, accuracy where it can be told, ``ssim``."""
        assert isinstance(method, Generates), "a method scored by its samples makes images"
        self._extractor = self._extractor or load_extractor(self.recipe.extractor(), self.device)
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

        ema = settings.ema and method.averages
        scores = evaluate(
            generate,
            self.dataset,
            settings,
            self._extractor,
            sampling=sampling.words,
            conditional=method.conditional,
            ema=ema,
            progress=outer if progress else None,
        )
        if isinstance(method, Reconstructs):
            scores.append(
                reconstruction_score(method, self.dataset, self.device, settings.batch_size, ema, outer)
            )
        return scores
