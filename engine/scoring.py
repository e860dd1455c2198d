"""Scores of a method: the recipe's evaluation, with its extractor found beforehand."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data import Dataset
from engine.evaluation.evaluate import Score, evaluate
from engine.evaluation.extractors import Extractor, load_extractor
from engine.methods import Method
from engine.recipe import Recipe
from engine.sampling import EVALUATION_SEED, Noise, Progress


class Scorer:
    """Loads the extractor when it is made, so that a missing one is known before training begins.

    A recipe that asks for no scores (``evaluate.times = 0``) needs none.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.recipe, self.dataset, self.device = recipe, dataset, device
        wanted = getattr(recipe.evaluate, "times", 0) > 0
        self._extractor: Extractor | None = load_extractor(recipe.extractor(), device) if wanted else None

    def score(self, method: Method, progress: Progress | None = None) -> list[Score]:
        """Generate from a fixed seed and score. ``progress`` is called often and may raise to abandon."""
        extractor = self._extractor or load_extractor(self.recipe.extractor(), self.device)
        settings, sampling = self.recipe.evaluate, self.recipe.sample
        noise = Noise(method, EVALUATION_SEED)
        done, outer = 0, progress or (lambda done, total: None)
        samples: int = settings.samples  # type: ignore[attr-defined]

        def generate(count: int, labels: Tensor | None) -> Tensor:
            nonlocal done

            def trace(step: int, steps: int, images: Tensor) -> None:
                outer(done + count * step // steps, samples)

            images = method.sample(
                sampling,
                noise.draw(count).to(self.device),
                labels,
                ema=settings.ema,  # type: ignore[attr-defined]
                trace=trace,
            )
            done += count
            return images

        return evaluate(
            generate,
            self.dataset,
            settings,  # type: ignore[arg-type]
            extractor,
            sampler=sampling.sampler,
            steps=sampling.steps,
            conditional=method.conditional,
            ema=settings.ema and method.averages,  # type: ignore[attr-defined]
            progress=outer if progress else None,
        )
