"""Fashion-MNIST, read from its four IDX files, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import DataError, Dataset, Progress, Split
from engine.recipe import MissingData
from engine.settings.datasets import FASHION_FILES, FashionMNIST

_REMEDY = "remove it and run `gentui data fetch fashion-mnist`, or reinstall the package it came from"


def load(settings: FashionMNIST, progress: Progress | None = None) -> Dataset:
    """60,000 training and 10,000 test images, uint8 N,1,28,28, in the published order."""
    folder = type(settings).locate()
    if folder is None:
        raise MissingData(type(settings).remedy())
    _, height, width = settings.shape
    return Dataset(
        name=settings.dataset,
        train=read_split(folder, "train", (height, width), len(settings.classes)),
        test=read_split(folder, "test", (height, width), len(settings.classes)),
        classes=settings.classes,
    )


def read_split(folder: Path, split: str, size: tuple[int, int], classes: int) -> Split:
    """One split from its two IDX files. Raises DataError naming the file that is damaged."""
    image_path = _find(folder, FASHION_FILES[f"{split}_images"])
    label_path = _find(folder, FASHION_FILES[f"{split}_labels"])
    images = read_idx(image_path, dimensions=3)
    labels = read_idx(label_path, dimensions=1)
    if tuple(images.shape[1:]) != size:
        raise _damaged(
            image_path, f"its images are {images.shape[1]}×{images.shape[2]}, not {size[0]}×{size[1]}"
        )
    if len(labels) != len(images):
        raise _damaged(label_path, f"it labels {len(labels)} images where there are {len(images)}")
    if int(labels.max()) >= classes:
        raise _damaged(label_path, f"label {int(labels.max())} is not one of the {classes} classes")
    return Split(images.unsqueeze(1), labels.to(torch.int64))


def read_idx(path: Path, dimensions: int, limit: int = 1 << 30) -> Tensor:
    """An IDX file of bytes as a uint8 tensor of ``dimensions`` axes, 1 to ``limit`` elements."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, 8, dimensions)):
                raise _damaged(path, f"it is not an IDX file of bytes with {dimensions} axes")
            shape = np.frombuffer(header, ">u4", offset=4).astype(int).tolist()
            expected = int(np.prod(shape, dtype=object))
            if not expected:
                raise _damaged(path, "it holds no images or labels")
            if expected > limit:
                raise _damaged(path, f"its header promises {expected:,} bytes")
            content = file.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if len(content) != expected:
        held = "more than" if len(content) > expected else f"{len(content):,} of"
        raise _damaged(path, f"it holds {held} the {expected:,} bytes its header promises")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path} cannot be used ({what}): {_REMEDY}")
