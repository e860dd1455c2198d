"""SVHN's cropped digits, read from its two MATLAB files."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import torch

from engine.data.dataset import Dataset, Progress, Split, damaged_file, require_file, require_folder
from engine.data.folders import load_digit_folder
from engine.settings.datasets.published import SVHN


def load(settings: SVHN, progress: Progress | None = None) -> Dataset:
    """Load 73,257 training and 26,032 test images, uint8 N,3,32,32. Raises DataError."""
    if settings.path is not None:
        return load_digit_folder(settings, progress)
    folder, warnings = require_folder(settings), list[str]()
    return Dataset(
        name=settings.dataset,
        train=read_file(require_file(settings, folder, "train_32x32.mat", warnings), settings.dataset),
        test=read_file(require_file(settings, folder, "test_32x32.mat", warnings), settings.dataset),
        classes=settings.classes,
        warnings=tuple(warnings),
    )


def read_file(path: Path, dataset: str = "svhn") -> Split:
    """Read ``X`` 32,32,3,N and ``y`` N,1 (10 is the digit 0) of a MATLAB file. Raises DataError."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=("X", "y"))
        images, labels = content["X"], content["y"].astype(np.int64).ravel() % 10
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (32, 32, 3):
            raise ValueError(f"its X is {images.dtype} {images.shape}, not uint8 (32, 32, 3, N)")
        if not len(labels) or len(labels) != images.shape[3]:
            raise ValueError(f"it labels {len(labels)} images where there are {images.shape[3]}")
    except KeyError as error:
        raise damaged_file(path, f"it has no {error}", dataset) from error
    except (OSError, EOFError, ValueError, TypeError, NotImplementedError, MatReadError, zlib.error) as error:
        raise damaged_file(path, " ".join(str(error).split()) or type(error).__name__, dataset) from error
    return Split(torch.from_numpy(np.ascontiguousarray(images.transpose(3, 2, 0, 1))), torch.from_numpy(labels))
