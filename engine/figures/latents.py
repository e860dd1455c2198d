"""What a latent space shows: images given back, and the way from one image to another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, to_float, to_uint8
from engine.figures import Occasion, Picture
from engine.figures.grid import save_grid
from engine.methods import Generates, Reconstructs
from engine.methods.sampling import GRID_SEED, Noise
from engine.settings.figures import Interpolation, Reconstructions

INTERPOLATION_SEED = GRID_SEED + 1


def reconstructions(settings: Reconstructions, occasion: Occasion) -> Iterator[Picture]:
    """Images that are not trained on, and below each what the method makes of it."""
    method = occasion.method
    assert isinstance(method, Reconstructs), "a method with reconstructions encodes and decodes"
    originals = held_out_images(occasion.dataset, settings.images)
    made = to_uint8(method.reconstruct(to_float(originals.to(occasion.device)))).cpu()
    images = torch.cat([originals, made])
    caption = f"{_source(occasion.dataset)} images above, their reconstructions below"
    yield Picture("reconstructions", partial(save_grid, images, columns=len(originals)), caption)


def interpolation(settings: Interpolation, occasion: Occasion) -> Iterator[Picture]:
    """Rows of images whose latents lie between two: encodings of held-out images (linearly), or noises (on the
    sphere) where the method does not encode. A conditional method has one label for each row."""
    method, sample = occasion.method, occasion.recipe.sample
    assert isinstance(method, Generates) and sample.steps == 1, "latents are those of a single pass"
    rows, columns, device = settings.rows, settings.columns, occasion.device
    weights = torch.linspace(0, 1, columns)
    if isinstance(method, Reconstructs):
        images = held_out_images(occasion.dataset, 2 * rows)
        rows = len(images) // 2
        ends = method.encode(to_float(images[: 2 * rows].to(device))).cpu()
        latents = torch.stack(
            [torch.lerp(a, b, w) for a, b in zip(ends[::2], ends[1::2], strict=True) for w in weights]
        )
        caption = f"each row from one encoded {_source(occasion.dataset)} image to another, linearly"
    else:
        ends = Noise(method, INTERPOLATION_SEED).draw(2 * rows)
        latents = torch.stack(
            [slerp(a, b, float(w)) for a, b in zip(ends[::2], ends[1::2], strict=True) for w in weights]
        )
        caption = "each row from one noise to another, on the sphere"
    labels = None
    if method.conditional:
        labels = Conditions.of(occasion.dataset).grid_rows(rows)
        labels = labels[torch.arange(rows) % len(labels)].repeat_interleave(columns, dim=0).to(device)
        caption += "; one label for each row"
    images = to_uint8(method.sample(sample, latents.to(device), labels)).cpu()
    yield Picture("interpolation", partial(save_grid, images, columns=columns), caption)


def slerp(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Between two Gaussian noises of one shape along the great circle, so that the length stays likely
    (White 2016, arXiv 1609.04468); linearly where they are all but parallel."""
    cosine = torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if float(angle.sin()) < 1e-4:
        return torch.lerp(a, b, weight)
    return (a * torch.sin((1 - weight) * angle) + b * torch.sin(weight * angle)) / angle.sin()


def held_out_images(dataset: Dataset, count: int) -> Tensor:
    """``count`` images of the validation split, or of the test split where there is none, evenly spread over it
    and always the same: uint8 N,C,H,W."""
    images = (dataset.validation or dataset.test).images
    count = min(count, len(images))
    return images[torch.arange(count) * len(images) // count]


def _source(dataset: Dataset) -> str:
    return "test" if dataset.validation is None else "validation"
