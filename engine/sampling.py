"""Images out of a method: seeded, batched, quantised once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from engine.data import to_uint8
from engine.methods import Method
from engine.settings.samplers import Sample

GRID_SEED = 1_000_003
EVALUATION_SEED = 2_000_003

Progress = Callable[[int, int], None]
"""Called with (done, total); may raise to abandon the work."""


def generate(
    method: Method,
    settings: Sample,
    labels: Tensor | None,
    n: int,
    *,
    device: torch.device,
    seed: int,
    batch_size: int = 256,
    ema: bool = True,
    progress: Progress | None = None,
) -> Iterator[Tensor]:
    """Batches of uint8 images B,C,H,W, ``n`` in all; ``labels`` is int64 n or None.

    The noise is drawn on the CPU from ``seed`` in order, so the same on every device and for every batch size.
    """
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, n, batch_size):
        size = min(batch_size, n - start)
        noise = torch.stack([torch.randn(method.noise_shape(1)[1:], generator=generator) for _ in range(size)])
        chosen = labels[start : start + size].to(device) if labels is not None else None

        def show(step: int, total: int, images: Tensor, start: int = start, size: int = size) -> None:
            if progress is not None:
                progress(start + size * step // total, n)

        images = method.sample(settings, noise.to(device), chosen, ema=ema, trace=show)
        yield to_uint8(images).cpu()


def grid_request(settings: Sample, classes: int, conditional: bool) -> tuple[int, int, Tensor | None]:
    """(rows, columns, labels) of the sample grid: with classes a row for each, else plain rows."""
    if not conditional:
        return settings.rows, settings.columns, None
    rows = min(settings.rows, classes) if settings.rows < classes else classes
    return rows, settings.columns, torch.arange(rows).repeat_interleave(settings.columns)


def grid_noise(method: Method, rows: int, columns: int, seed: int, shared: bool) -> Tensor:
    """Noise of a grid; ``shared``: the same in every row, so that columns differ by their label alone."""
    generator = torch.Generator().manual_seed(seed)
    if shared:
        row = torch.randn(method.noise_shape(columns), generator=generator)
        return row.repeat(rows, *([1] * (row.dim() - 1)))
    return torch.randn(method.noise_shape(rows * columns), generator=generator)


class Strip:
    """Collects some of the pictures on the way from noise to image: ``count`` of them, evenly."""

    def __init__(self, count: int, first: int = 1):
        self.count, self.first = count, first
        self.frames: list[Tensor] = []

    def __call__(self, step: int, total: int, images: Tensor) -> None:
        wanted = {round(i * total / (self.count - 1)) for i in range(self.count)}
        if step in wanted:
            self.frames.append(to_uint8(images[: self.first]).cpu())
