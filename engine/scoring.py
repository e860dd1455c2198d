"""Scores of a method in training: the recipe's evaluation, prepared once."""

from __future__ import annotations

import torch

from engine.data import Dataset
from engine.evaluation.extractors import Extractor, load_extractor
from engine.methods import Method
from engine.recipe import Recipe
from engine.sampling import EVALUATION_SEED, Progress, generate


class Scorer:
    """Finds the extractor when it is made, so that a missing one is known before training begins."""

    def __init__(self, recipe: Recipe, dataset: Dataset, device: torch.device):
        self.recipe, self.dataset, self.device = recipe, dataset, device
        self._extractor: Extractor | None = None
        if getattr(recipe.evaluate, "times", 0):
            self._extractor = load_extractor(recipe.extractor(), device)

    def score(self, method: Method, progress: Progress | None = None) -> list:
        raise NotImplementedError
