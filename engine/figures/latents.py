"""Figures of latent spaces: reconstructions, and interpolations from one image to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, to_float, to_uint8
from engine.figures import FigureContext, Picture
from engine.figures.grid import save_grid
from engine.methods import Generates, Reconstructs
from engine.methods.sampling import GRID_SEED, Noise
from engine.settings.figures import Interpolation, Reconstructions

INTERPOLATION_SEED = GRID_SEED + 1


def reconstructions(settings: Reconstructions, context: FigureContext) -> Iterator[Picture]:
    """Held-out images, and below each its reconstruction."""
    method = context.method
    assert isinstance(method, Reconstructs), "a method with reconstructions encodes and decodes"
    originals = held_out_images(context.dataset, settings.images)
    reconstructed = to_uint8(method.reconstruct(to_float(originals.to(context.device)))).cpu()
    images = torch.cat([originals, reconstructed])
    caption = f"{_source(context.dataset)} images above, their reconstructions below"
    yield Picture(
        "reconstructions", partial(save_grid, images, columns=len(originals)), caption, rows=2,
        columns=len(originals), row_names=("original", "reconstruction"),
    )  # fmt: skip


def interpolation(settings: Interpolation, context: FigureContext) -> Iterator[Picture]:
    """Rows of images whose latents are interpolated between two.

    The two are encodings of held-out images (linearly), or noises (spherically) where the method does not encode. A
    conditional method has one label per row.
    """
    method, sample = context.method, context.recipe.sample
    assert isinstance(method, Generates) and sample.steps == 1, "latents are those of a single pass"
    rows, columns, device = settings.rows, settings.columns, context.device
    if isinstance(method, Reconstructs):
        images = held_out_images(context.dataset, 2 * rows)
        rows = len(images) // 2
        ends = method.encode(to_float(images[: 2 * rows].to(device))).cpu()
        latents = _between(ends, columns, torch.lerp)
        caption = f"each row from one encoded {_source(context.dataset)} image to another, linearly"
    else:
        latents = _between(Noise(method, INTERPOLATION_SEED).draw(2 * rows), columns, slerp)
        caption = "each row from one noise to another, on the sphere"
    labels, names = None, []
    if method.conditional:
        conditions = Conditions.of(context.dataset)
        labels = conditions.grid_rows(rows)
        labels = labels[torch.arange(rows) % len(labels)]
        names = [conditions.describe(label) for label in labels]
        labels = labels.repeat_interleave(columns, dim=0).to(device)
        caption += "; one label for each row"
    images = to_uint8(method.sample(sample, latents.to(device), labels)).cpu()
    yield Picture(
        "interpolation", partial(save_grid, images, columns=columns), caption, rows=rows, columns=columns,
        row_names=names,
    )  # fmt: skip


def _between(ends: Tensor, columns: int, mix: Callable[[Tensor, Tensor, float], Tensor]) -> Tensor:
    """Latents N/2·columns,… between each two successive ones of ``ends`` N,…, both included."""
    weights = torch.linspace(0, 1, columns).tolist()
    return torch.stack([mix(a, b, w) for a, b in zip(ends[::2], ends[1::2], strict=True) for w in weights])


def slerp(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Interpolate spherically between two Gaussian noises of the same shape; ``weight`` goes from 0 (a) to 1 (b).

    The norm of the result is one that Gaussian noise is likely to have (White 2016, arXiv 1609.04468). Almost parallel
    noises are interpolated linearly.
    """
    cosine = torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if float(angle.sin()) < 1e-4:
        return torch.lerp(a, b, weight)
    return (a * torch.sin((1 - weight) * angle) + b * torch.sin(weight * angle)) / angle.sin()


def held_out_images(dataset: Dataset, count: int) -> Tensor:
    """At most ``count`` images of the validation split, or of the test split if there is none: uint8 N,C,H,W.

    They are evenly spaced over the split, and the same at every call.
    """
    images = (dataset.validation or dataset.test).images
    count = min(count, len(images))
    return images[torch.arange(count) * len(images) // count]


def _source(dataset: Dataset) -> str:
    return "test" if dataset.validation is None else "validation"
