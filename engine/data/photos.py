"""Crops of scikit-learn's two photographs."""

from __future__ import annotations

import numpy as np
import torch

from engine.data.dataset import Dataset, Progress, Split
from engine.data.photographs import photographs
from engine.settings.datasets.embedded import Photos

STRIDE = 3
TEST_FROM = 133  # row (of 213) from which test crops are taken


def load(settings: Photos, progress: Progress | None = None) -> Dataset:
    """Load 64×64 crops at every third position of the photographs at half size, uint8 N,3,64,64.

    Training crops lie entirely in the upper part of the photographs, test crops in the lower.
    """
    size = settings.shape[1]
    halves = [halved(photo) for photo in photographs()]
    return Dataset(
        name=settings.dataset,
        train=Split(torch.from_numpy(np.concatenate([crops(photo[:TEST_FROM], size) for photo in halves]))),
        test=Split(torch.from_numpy(np.concatenate([crops(photo[TEST_FROM:], size) for photo in halves]))),
    )


def halved(photo: np.ndarray) -> np.ndarray:
    """Halve a photograph by averaging 2×2 pixels, rounded: uint8 H,W,3 → H//2,W//2,3."""
    height, width = photo.shape[0] // 2, photo.shape[1] // 2
    fours = photo[: 2 * height, : 2 * width].astype(np.uint16).reshape(height, 2, width, 2, 3)
    return ((fours.sum((1, 3)) + 2) // 4).astype(np.uint8)


def crops(photo: np.ndarray, size: int, stride: int = STRIDE) -> np.ndarray:
    """All windows of ``size`` at every ``stride``-th position, row by row: uint8 H,W,3 → N,3,size,size."""
    planes = np.ascontiguousarray(photo.transpose(2, 0, 1))
    windows = np.lib.stride_tricks.sliding_window_view(planes, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride].transpose(1, 2, 0, 3, 4).reshape(-1, 3, size, size)
