"""Real images beside the generated ones: some of those trained on, and the nearest of them to what is generated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from engine.data.conditions import Conditions
from engine.data.dataset import Split, to_uint8
from engine.figures import Occasion, Picture
from engine.figures.grid import save_grid
from engine.health.signals import thumbnails
from engine.methods import Generates
from engine.methods.sampling import GRID_SEED, Noise, Progress
from engine.settings.figures import Neighbours, Real

MOST = 60_000  # training images that neighbours are looked for among
CHUNK = 4096


def real(settings: Real, occasion: Occasion) -> Iterator[Picture]:
    """Training images laid out as the sample grid, a row for each class where there are classes; drawn once."""
    picture = Picture("real", lambda path: None, "", replaces=True)
    if (occasion.run.path / picture.path(occasion.step)).exists():
        return
    split, sample = occasion.dataset.train, occasion.recipe.sample
    classes = len(occasion.dataset.classes)
    if classes and split.labels is not None:
        found = [_spread(split, sample.columns, label) for label in range(min(sample.rows, classes))]
        images, caption = torch.cat(found), "training images, one row for each class"
    else:
        images, caption = _spread(split, sample.rows * sample.columns), "training images"
    save = partial(save_grid, images, columns=sample.columns)
    yield Picture("real", save, caption, replaces=True)


def _spread(split: Split, count: int, label: int | None = None) -> Tensor:
    """``count`` images evenly spread over those of a label, or over all; fewer are gone through again."""
    chosen = torch.arange(len(split))
    if label is not None and split.labels is not None:
        chosen = torch.nonzero(split.labels == label).flatten()
    if not len(chosen):
        return torch.zeros(count, *split.images.shape[1:], dtype=torch.uint8)
    places = torch.arange(count) * max(len(chosen), count) // count
    return split.images[chosen[places % len(chosen)]]


def neighbours(settings: Neighbours, occasion: Occasion) -> Iterator[Picture]:
    """Each row a sample, then the training images nearest to it in pixels; at the end of training."""
    method = occasion.method
    if occasion.step < occasion.total_steps:
        return
    assert isinstance(method, Generates)
    noise = Noise(method, GRID_SEED + occasion.recipe.train.seed).draw(settings.images).to(occasion.device)
    labels = None
    if method.conditional:
        rows = Conditions.of(occasion.dataset).grid_rows(settings.images)
        labels = rows[torch.arange(settings.images) % len(rows)].to(occasion.device)

    def trace(step: int, total: int, images: Tensor) -> None:
        occasion.progress(step, total)

    made = to_uint8(method.sample(occasion.recipe.sample, noise, labels, trace=trace)).cpu()
    train = occasion.dataset.train.images
    found, among = nearest(made, train, settings.neighbours, occasion.progress)
    caption = f"left a sample, then the nearest of {among}, in pixels"
    save = partial(save_grid, beside(made, train, found), columns=1 + found.shape[1])
    yield Picture("neighbours", save, caption)


def beside(made: Tensor, train: Tensor, found: Tensor) -> Tensor:
    """Each image followed by its neighbours: uint8 N·(1 + count),C,H,W."""
    return torch.cat([torch.cat([image[None], train[near]]) for image, near in zip(made, found, strict=True)])


def nearest(made: Tensor, train: Tensor, count: int, progress: Progress) -> tuple[Tensor, str]:
    """Indices of the ``count`` images of ``train`` nearest in pixels to each image, the nearest first: int64 N,count;
    and among how many they were looked for, in words."""
    among = torch.arange(min(len(train), MOST)) * len(train) // min(len(train), MOST)
    wanted = thumbnails(made)
    best = torch.full((len(made), 0), torch.inf)
    found = torch.zeros((len(made), 0), dtype=torch.int64)
    for done, chunk in enumerate(among.split(CHUNK)):
        progress(done * CHUNK, len(among))
        best = torch.cat([best, torch.cdist(wanted, thumbnails(train[chunk]))], 1)
        found = torch.cat([found, chunk.expand(len(made), -1)], 1)
        best, order = best.topk(min(count, best.shape[1]), largest=False)
        found = found.gather(1, order)
    some = f"{len(among):,} of {len(train):,} training images"
    return found, some if len(among) < len(train) else "the training images"
