"""Training images to compare samples with: a grid of them, and the nearest neighbours of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import Progress, Split, to_uint8
from engine.figures import FigureContext, Picture
from engine.figures.grid import save_grid
from engine.health.signals import thumbnails
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, Noise
from engine.settings.figures import Neighbours, Real

NEIGHBOURS_AMONG = 60_000
"""Number of training images among which neighbours are searched at most."""
CHUNK = 4096


def real(settings: Real, context: FigureContext) -> Iterator[Picture]:
    """Grid of training images laid out as the sample grid, with a row per class if there are classes; drawn once."""
    picture = Picture("real", lambda path: None, "", replaces=True)
    if (context.run.path / picture.path(context.step)).exists():
        return
    split, sample = context.dataset.train, context.recipe.sample
    names: Sequence[str] = ()
    if context.dataset.classes and split.labels is not None:
        names = context.dataset.classes[: sample.rows]
        rows = [_evenly_spaced(split, sample.columns, label) for label in range(len(names))]
        images, caption = torch.cat(rows), "training images, one row for each class"
    else:
        images, caption = _evenly_spaced(split, sample.rows * sample.columns), "training images"
    save = partial(save_grid, images, columns=sample.columns)
    yield Picture(
        "real", save, caption, rows=len(names) or sample.rows, columns=sample.columns, row_names=names,
        rows_are="classes" if names else "", columns_are="images" if names else "", replaces=True,
    )  # fmt: skip


def _evenly_spaced(split: Split, count: int, label: int | None = None) -> Tensor:
    """``count`` images, uint8 count,C,H,W, evenly spaced over those of a label, or over all; repeated if too few."""
    chosen = torch.arange(len(split))
    if label is not None and split.labels is not None:
        chosen = torch.nonzero(split.labels == label).flatten()
    if not len(chosen):
        return torch.zeros(count, *split.images.shape[1:], dtype=torch.uint8)
    places = torch.arange(count) * max(len(chosen), count) // count
    return split.images[chosen[places % len(chosen)]]


def neighbours(settings: Neighbours, context: FigureContext) -> Iterator[Picture]:
    """Rows of a sample and the training images nearest to it in pixels; drawn at the end of training."""
    method = context.method
    if context.step < context.total_steps:
        return
    assert isinstance(method, Generates)
    noise = Noise(method, GRID_SEED + context.recipe.train.seed).draw(settings.images).to(context.device)
    labels, names = None, []
    if method.conditional:
        conditions = Conditions.of(context.dataset)
        rows = conditions.grid_rows(settings.images)
        labels = rows[torch.arange(settings.images) % len(rows)]
        names = [conditions.describe(row) for row in labels]
        labels = labels.to(context.device)

    def trace(step: int, total: int, images: Tensor) -> None:
        context.progress(step, total)

    samples = to_uint8(method.sample(context.recipe.sample, noise, labels, trace=trace)).cpu()
    train = context.dataset.train.images
    indices, among = nearest(samples, train, settings.neighbours, context.progress)
    caption = f"sample │ its {settings.neighbours} nearest of {among}, by pixels"
    columns = neighbour_names(indices.shape[1])
    save = partial(save_grid, beside(samples, train, indices), columns=len(columns))
    yield Picture(
        "neighbours", save, caption, rows=len(samples), columns=len(columns), row_names=names,
        column_names=columns,
    )  # fmt: skip


def neighbour_names(count: int) -> list[str]:
    """What the columns of ``beside`` are called: the image, then its ``count`` neighbours."""
    return ["sample", "nearest", *(f"{number}." for number in range(2, count + 1))][: 1 + count]


def beside(images: Tensor, train: Tensor, indices: Tensor) -> Tensor:
    """Each image, followed by its neighbours in ``train``: uint8 N·(1 + K),C,H,W. ``indices``: int64 N,K."""
    rows = [torch.cat([image[None], train[near]]) for image, near in zip(images, indices, strict=True)]
    return torch.cat(rows)


def nearest(images: Tensor, train: Tensor, count: int, progress: Progress) -> tuple[Tensor, str]:
    """(indices, description) of the ``count`` images of ``train`` nearest in pixels to each image, nearest first.

    ``images`` and ``train`` are uint8 N,C,H,W; the indices are int64 N,count. The description says among how many
    training images they were searched.
    """
    candidates = (
        torch.arange(min(len(train), NEIGHBOURS_AMONG)) * len(train) // min(len(train), NEIGHBOURS_AMONG)
    )
    vectors = thumbnails(images)
    distances = torch.full((len(images), 0), torch.inf)
    indices = torch.zeros((len(images), 0), dtype=torch.int64)
    for number, chunk in enumerate(candidates.split(CHUNK)):
        progress(number * CHUNK, len(candidates))
        distances = torch.cat([distances, torch.cdist(vectors, thumbnails(train[chunk]))], 1)
        indices = torch.cat([indices, chunk.expand(len(images), -1)], 1)
        distances, order = distances.topk(min(count, distances.shape[1]), largest=False)
        indices = indices.gather(1, order)
    if len(candidates) == len(train):
        return indices, "the training images"
    return indices, f"{len(candidates):,} of {len(train):,} training images"
