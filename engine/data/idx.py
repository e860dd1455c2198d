"""MNIST and Fashion-MNIST, read from their four IDX files, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress, Split, damaged_file, require_folder
from engine.settings.datasets.base import Data
from engine.settings.datasets.published import IDX_FILES


def load(settings: Data, progress: Progress | None = None) -> Dataset:
    """Load 60,000 training and 10,000 test images, uint8 N,1,28,28, in the published order. Raises DataError."""
    folder = require_folder(settings)
    return Dataset(
        name=settings.dataset,
        train=read_split(folder, "train", settings),
        test=read_split(folder, "test", settings),
        classes=settings.classes,
    )


def read_split(folder: Path, split: str, settings: Data) -> Split:
    """Read one split from its two IDX files. Raises DataError naming the damaged file."""
    _, height, width = settings.shape
    image_path = _find(folder, IDX_FILES[f"{split}_images"])
    label_path = _find(folder, IDX_FILES[f"{split}_labels"])
    try:
        images = read_idx(image_path, dimensions=3)
        if tuple(images.shape[1:]) != (height, width):
            raise _Malformed(f"its images are {images.shape[1]}×{images.shape[2]}, not {height}×{width}")
    except _Malformed as error:
        raise damaged_file(image_path, str(error), settings.dataset) from error
    try:
        labels = read_idx(label_path, dimensions=1)
        if len(labels) != len(images):
            raise _Malformed(f"it labels {len(labels)} images where there are {len(images)}")
        if int(labels.max()) >= len(settings.classes):
            raise _Malformed(f"label {int(labels.max())} is not one of the {len(settings.classes)} classes")
    except _Malformed as error:
        raise damaged_file(label_path, str(error), settings.dataset) from error
    return Split(images.unsqueeze(1), labels.to(torch.int64))


class _Malformed(Exception):
    """A malformed file. The message says what is wrong with it."""


def read_idx(path: Path, dimensions: int, limit: int = 1 << 30) -> Tensor:
    """Read an IDX file of bytes (gzipped if named .gz): uint8, ``dimensions`` axes, at most ``limit`` elements."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, 8, dimensions)):
                raise _Malformed(f"it is not an IDX file of bytes with {dimensions} axes")
            shape = np.frombuffer(header, ">u4", offset=4).astype(int).tolist()
            expected = int(np.prod(shape, dtype=object))
            if not expected:
                raise _Malformed("it holds no images or labels")
            if expected > limit:
                raise _Malformed(f"its header promises {expected:,} bytes")
            content = file.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _Malformed(str(error) or type(error).__name__) from error
    if len(content) != expected:
        held = "more than" if len(content) > expected else f"{len(content):,} of"
        raise _Malformed(f"it holds {held} the {expected:,} bytes its header promises")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"
