"""scikit-learn's digits, split by the hash of their content."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from engine.data.dataset import Dataset, Progress, Split
from engine.data.photographs import sklearn_file
from engine.settings.datasets.embedded import Digits


def load(settings: Digits, progress: Progress | None = None) -> Dataset:
    """Load 1,437 training and 360 test images, uint8 N,1,8,8: values 0…16 scaled to 0…255.

    Images are ordered by the sha256 of their pixels before the split, which so depends on the data alone.
    """
    values, labels = _read()
    pixels = np.round(values * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    order = sorted(range(len(pixels)), key=lambda i: (hashlib.sha256(pixels[i].tobytes()).digest(), labels[i]))
    images, targets = torch.from_numpy(pixels[order]), torch.from_numpy(labels[order].astype(np.int64))
    cut = settings.sizes["train"]
    return Dataset(
        name=settings.dataset,
        train=Split(images[:cut], targets[:cut]),
        test=Split(images[cut:], targets[cut:]),
        classes=settings.classes,
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Read pixels N,64 in 0…16 and labels N from scikit-learn's file: importing scikit-learn takes a second."""
    if path := sklearn_file("data", "digits.csv.gz"):
        table = np.loadtxt(path, delimiter=",")
        return table[:, :64], table[:, 64]
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return np.asarray(pixels), np.asarray(labels)
