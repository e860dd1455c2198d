"""MNIST and Fashion-MNIST, read from their four IDX files, gzipped or not."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Dataset, Progress, Split, accept, damaged_file, require_folder
from engine.settings.datasets.base import Data, File
from engine.settings.datasets.published import IDX_FILES
from engine.settings.datasets.published_files import Finding, find_file, judge, open_content


def load(settings: Data, progress: Progress | None = None) -> Dataset:
    """Load 60,000 training and 10,000 test images, uint8 N,1,28,28, in the published order. Raises DataError."""
    folder, warnings = require_folder(settings), list[str]()
    return Dataset(
        name=settings.dataset,
        train=read_split(folder, "train", settings, warnings),
        test=read_split(folder, "test", settings, warnings),
        classes=settings.classes,
        warnings=tuple(warnings),
    )


def read_split(folder: Path, split: str, settings: Data, warnings: list[str]) -> Split:
    """Read one split from its two IDX files. Adds to ``warnings`` what is not as published.

    Raises DataError naming the file that is damaged or another set's.
    """
    _, height, width = settings.shape
    image_path, label_path = (
        find_file(folder, IDX_FILES[f"{split}_{what}"]) or folder / IDX_FILES[f"{split}_{what}"]
        for what in ("images", "labels")
    )
    known = {file.name: file for file in settings.files}
    try:
        images, found = read_idx(image_path, 3, known.get(IDX_FILES[f"{split}_images"]))
        if tuple(images.shape[1:]) != (height, width):
            raise _Malformed(f"its images are {images.shape[1]}×{images.shape[2]}, not {height}×{width}")
    except _Malformed as error:
        raise damaged_file(image_path, str(error), settings.dataset) from error
    try:
        accept(found, settings.dataset, warnings)
        labels, found = read_idx(label_path, 1, known.get(IDX_FILES[f"{split}_labels"]))
        if len(labels) != len(images):
            raise _Malformed(f"it labels {len(labels)} images where there are {len(images)}")
        if int(labels.max()) >= len(settings.classes):
            raise _Malformed(f"label {int(labels.max())} is not one of the {len(settings.classes)} classes")
    except _Malformed as error:
        raise damaged_file(label_path, str(error), settings.dataset) from error
    accept(found, settings.dataset, warnings)
    return Split(images.unsqueeze(1), labels.to(torch.int64))


class _Malformed(Exception):
    """A malformed file. The message says what is wrong with it."""


def read_idx(
    path: Path, dimensions: int, published: File | None = None, limit: int = 1 << 30
) -> tuple[Tensor, Finding]:
    """Read an IDX file of bytes, packed or not: uint8, ``dimensions`` axes, at most ``limit`` elements; and how it
    compares with the file that was ``published``."""
    try:
        with open_content(path) as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, 8, dimensions)):
                packed = ", packed by gzip or not" if path.suffix == ".gz" else ""
                raise _Malformed(f"it is not an IDX file of bytes with {dimensions} axes{packed}")
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
    tensor = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(shape)
    if published is None:
        return tensor, Finding()
    digest = hashlib.sha256(header)
    digest.update(content)
    return tensor, judge(path, published, digest.hexdigest(), len(header) + len(content))
