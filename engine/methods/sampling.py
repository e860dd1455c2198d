"""Seeded noise for sampling: single batches, the sample grid, and the strip from noise to image."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import to_uint8
from engine.methods import Generates
from engine.settings.samplers import Sample

GRID_SEED = 1_000_003
EVALUATION_SEED = 2_000_003
"""Seed of the noise that checkpoints are selected and examined on."""
REPORT_SEED = 7_000_003
"""Seed of the first noise of a report."""


class Noise:
    """Noise drawn on the CPU, image by image: the same for every device and batch size."""

    def __init__(self, method: Generates, seed: int):
        self._shape = method.noise_shape(1)[1:]
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, n: int) -> Tensor:
        """The next ``n`` standard normal tensors: n,*shape."""
        return torch.stack([torch.randn(self._shape, generator=self._generator) for _ in range(n)])


def grid_inputs(
    method: Generates, settings: Sample, conditions: Conditions, seed: int
) -> tuple[int, int, Tensor, Tensor | None]:
    """Rows, columns, noise and labels of the sample grid.

    A conditional method has a row for each class or set of attributes (at most ``settings.rows``), with the same
    noise in every row, so that the images of a column differ in their label alone.
    """
    columns = settings.columns
    noise = Noise(method, seed)
    if not method.conditional:
        return settings.rows, columns, noise.draw(settings.rows * columns), None
    labels = conditions.grid_rows(settings.rows)
    drawn = noise.draw(columns)
    return (
        len(labels),
        columns,
        drawn.repeat(len(labels), *[1] * (drawn.dim() - 1)),
        labels.repeat_interleave(columns, dim=0),
    )


class StripRecorder:
    """A ``Trace`` that keeps ``count`` evenly spaced intermediate states of the first ``images`` images: ``frames``,
    and after how many ``steps`` of sampling each was so."""

    def __init__(self, count: int, images: int = 1):
        self._count, self._images = count, images
        self.frames: list[Tensor] = []
        self.steps: list[int] = []

    def __call__(self, step: int, total: int, images: Tensor) -> None:
        if step in {round(i * total / (self._count - 1)) for i in range(self._count)}:
            self.frames.append(to_uint8(images[: self._images]).cpu())
            self.steps.append(step)
