"""Effect of guidance: the same noise and labels at increasing guidance weights (Ho & Salimans 2022, figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from engine.data.conditions import Conditions
from engine.data.dataset import to_uint8
from engine.figures import FigureContext, Picture
from engine.figures.grid import save_grid
from engine.figures.samples import rows_are
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, Noise
from engine.settings.figures import Guidance


def draw(settings: Guidance, context: FigureContext) -> Iterator[Picture]:
    """A grid with a row for each guidance weight and a column for each class; each column has its own noise."""
    method, recipe = context.method, context.recipe
    assert isinstance(method, Generates) and hasattr(recipe.sample, "guidance")
    conditions = Conditions.of(context.dataset)
    labels = conditions.grid_rows(settings.columns)
    noise = Noise(method, GRID_SEED + recipe.train.seed).draw(len(labels)).to(context.device)
    rows = []
    for number, weight in enumerate(settings.weights):
        sample = recipe.sample.model_copy(update={"guidance": weight})

        def trace(step: int, total: int, images: torch.Tensor, number: int = number) -> None:
            context.progress(number * total + step, len(settings.weights) * total)

        rows.append(to_uint8(method.sample(sample, noise, labels.to(context.device), trace=trace)).cpu())
    caption = "guidance " + ", ".join(f"{weight:g}" for weight in settings.weights) + " from top to bottom"
    yield Picture(
        "guidance", partial(save_grid, torch.cat(rows), columns=len(labels)), caption, rows=len(rows),
        columns=len(labels), rows_are="weights of guidance", columns_are=rows_are(conditions),
        row_names=[f"{weight:g}" for weight in settings.weights],
        column_names=[conditions.describe(label) for label in labels],
    )  # fmt: skip
