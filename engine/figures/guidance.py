"""What guidance does: the same noises and labels with more and more of it (Ho & Salimans 2022, figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from engine.data.conditions import Conditions
from engine.data.dataset import to_uint8
from engine.figures import Occasion, Picture
from engine.figures.grid import save_grid
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, Noise
from engine.settings.figures import Guidance


def draw(settings: Guidance, occasion: Occasion) -> Iterator[Picture]:
    """A row for each guidance, a column for each class; one noise a column."""
    method, recipe = occasion.method, occasion.recipe
    assert isinstance(method, Generates) and hasattr(recipe.sample, "guidance")
    labels = Conditions.of(occasion.dataset).grid_rows(settings.columns)
    noise = Noise(method, GRID_SEED + recipe.train.seed).draw(len(labels)).to(occasion.device)
    rows = []
    for number, weight in enumerate(settings.weights):
        sample = recipe.sample.model_copy(update={"guidance": weight})

        def trace(step: int, total: int, images: torch.Tensor, number: int = number) -> None:
            occasion.progress(number * total + step, len(settings.weights) * total)

        rows.append(to_uint8(method.sample(sample, noise, labels.to(occasion.device), trace=trace)).cpu())
    caption = "guidance " + ", ".join(f"{weight:g}" for weight in settings.weights) + " from top to bottom"
    yield Picture("guidance", partial(save_grid, torch.cat(rows), columns=len(labels)), caption)
