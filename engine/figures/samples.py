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
    names = [conditions.describe(row) for row in labels[::columns]] if labels is not None else []
    if labels is None:
        caption = "fixed noises"
    elif conditions.classes:
        caption = "one row for each class, one column for each noise"
    else:
        caption = "one row for each set of attributes, one column for each noise: " + "; ".join(names)
    yield Picture(
        "grid", partial(save_grid, images, columns=columns), caption, kind="sample", rows=rows, columns=columns,
        rows_are=rows_are(conditions) if names else "", columns_are="noises" if names else "", row_names=names,
    )  # fmt: skip
    if sample.steps > 1:
        frames = torch.cat(strip.frames)
        yield Picture(
            "strip", partial(save_grid, frames, columns=len(frames)), "from noise to image", rows=1,
            columns=len(frames), columns_are="sampling steps", column_names=list(map(str, strip.steps)),
        )  # fmt: skip


def rows_are(conditions: Conditions) -> str:
    """What the rows of a grid with a label each are."""
    return "classes" if conditions.classes else "sets of attributes"
