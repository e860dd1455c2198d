"""Digits blended over photographs, as MNIST-M is made of MNIST (Ganin et al. 2016, arXiv 1505.07818)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data import digits
from engine.data.dataset import Dataset, Progress, Split, resize
from engine.data.photographs import photographs
from engine.settings.datasets.embedded import Digits, DigitsM


def load(settings: DigitsM, progress: Progress | None = None) -> Dataset:
    """Load 1,437 training and 360 test images, uint8 N,3,28,28: the digits of ``digits``, in the same splits."""
    plain = digits.load(Digits.model_validate({}))
    _, height, width = settings.shape
    above, left = (height - settings.digit) // 2, (width - settings.digit) // 2
    margins = (left, width - settings.digit - left, above, height - settings.digit - above)

    def blended(split: Split) -> Split:
        figures = F.pad(resize(split.images, (settings.digit, settings.digit)), margins)
        return Split(blend(figures, photographs()), split.labels)

    return replace(plain, name=settings.dataset, train=blended(plain.train), test=blended(plain.test))


def blend(figures: Tensor, photos: Sequence[np.ndarray]) -> Tensor:
    """Blend grey figures over patches of photographs, |patch − figure|: uint8 N,1,H,W → N,3,H,W.

    The hash of a figure's content chooses its photograph and patch. ``photos``: uint8 H,W,3 each.
    """
    height, width = figures.shape[-2:]
    made = np.empty((len(figures), 3, height, width), np.uint8)
    for i, figure in enumerate(figures.numpy()):
        digest = hashlib.blake2b(figure.tobytes(), digest_size=24, person=b"patch").digest()
        which, row, column = (int.from_bytes(digest[k : k + 8], "big") for k in (0, 8, 16))
        photo = photos[which % len(photos)]
        row, column = row % (photo.shape[0] - height + 1), column % (photo.shape[1] - width + 1)
        patch = photo[row : row + height, column : column + width].transpose(2, 0, 1)
        made[i] = np.abs(patch.astype(np.int16) - figure)
    return torch.from_numpy(made)
