"""Sample grid from fixed noise, and the strip that shows its first image emerge from noise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import to_uint8
from engine.figures import FigureContext, Picture
from engine.figures.grid import save_grid
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, StripRecorder, grid_inputs
from engine.settings.figures import Grid


def draw(settings: Grid, context: FigureContext) -> Iterator[Picture]:
    """The grid, and the strip if the sampler takes more than one step."""
    method, sample = context.method, context.recipe.sample
    assert isinstance(method, Generates), "a method with grids makes images"
    conditions = Conditions.of(context.dataset)
    rows, columns, noise, labels = grid_inputs(
        method, sample, conditions, GRID_SEED + context.recipe.train.seed
    )
    strip = StripRecorder(sample.strip)

    def trace(step: int, total: int, images: Tensor) -> None:
        context.progress(step, total)
        strip(step, total, images)

    device = context.device
    requested = labels.to(device) if labels is not None else None
    images = to_uint8(method.sample(sample, noise.to(device), requested, trace=trace)).cpu()
    if labels is None:
        caption = "fixed noises"
    elif conditions.classes:
        caption = "one row for each class, one column for each noise"
    else:
        rows_in_words = [conditions.describe(row) for row in labels[::columns]]
        caption = "one row for each set of attributes, one column for each noise: " + "; ".join(rows_in_words)
    yield Picture(
        "grid", partial(save_grid, images, columns=columns), caption, kind="sample", rows=rows, columns=columns
    )
    if sample.steps > 1:
        frames = torch.cat(strip.frames)
        yield Picture("strip", partial(save_grid, frames, columns=len(frames)), "from noise to image")
