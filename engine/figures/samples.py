"""The sample grid with its fixed noise and, from the same noises, the strip from noise to image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import to_uint8
from engine.figures import Occasion, Picture
from engine.figures.grid import save_grid
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, StripRecorder, grid_inputs
from engine.settings.figures import Grid


def draw(settings: Grid, occasion: Occasion) -> Iterator[Picture]:
    """The grid; and the strip where the sampler takes more than one step."""
    method, sample = occasion.method, occasion.recipe.sample
    assert isinstance(method, Generates), "a method with grids makes images"
    conditions = Conditions.of(occasion.dataset)
    rows, columns, noise, labels = grid_inputs(
        method, sample, conditions, GRID_SEED + occasion.recipe.train.seed
    )
    strip = StripRecorder(sample.strip)

    def trace(step: int, total: int, images: Tensor) -> None:
        occasion.progress(step, total)
        strip(step, total, images)

    device = occasion.device
    given = labels.to(device) if labels is not None else None
    images = to_uint8(method.sample(sample, noise.to(device), given, trace=trace)).cpu()
    if labels is None:
        caption = "fixed noises"
    elif conditions.classes:
        caption = "one row for each class, one column for each noise"
    else:
        wanted = [conditions.describe(row) for row in labels[::columns]]
        caption = "one row for each set of attributes, one column for each noise: " + "; ".join(wanted)
    yield Picture(
        "grid", partial(save_grid, images, columns=columns), caption, kind="sample", rows=rows, columns=columns
    )
    if sample.steps > 1:
        frames = torch.cat(strip.frames)
        yield Picture("strip", partial(save_grid, frames, columns=len(frames)), "from noise to image")
