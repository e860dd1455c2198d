"""USPS, read from LIBSVM's two bz2 files of text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.data.dataset import Dataset, Progress, Split, damaged_file, require_file, require_folder
from engine.data.folders import load_digit_folder
from engine.settings.datasets.published import USPS
from engine.settings.datasets.published_files import open_content

_LIMIT = 1 << 28  # bytes of text; the training file unpacks to some 30 MB


def load(settings: USPS, progress: Progress | None = None) -> Dataset:
    """Load 7,291 training and 2,007 test images, uint8 N,1,16,16. Raises DataError."""
    if settings.path is not None:
        return load_digit_folder(settings, progress)
    folder, warnings = require_folder(settings), list[str]()
    return Dataset(
        name=settings.dataset,
        train=read_file(require_file(settings, folder, "usps.bz2", warnings), settings.dataset),
        test=read_file(require_file(settings, folder, "usps.t.bz2", warnings), settings.dataset),
        classes=settings.classes,
        warnings=tuple(warnings),
    )


def read_file(path: Path, dataset: str = "usps") -> Split:
    """Read lines of ``label 1:value … 256:value``: labels 1…10 for the digits 0…9, pixels in [-1, 1].

    Pixels that a line leaves out are 0, mid-grey. Raises DataError.
    """
    try:
        with open_content(path) as file:
            text = file.read(_LIMIT + 1)
        if len(text) > _LIMIT:
            raise ValueError("it is far too long")
        lines = [line.split() for line in text.split(b"\n") if line.strip()]
        pixels = np.zeros((len(lines), 256), np.float32)
        for row, (_, *pairs) in zip(pixels, lines, strict=True):
            numbers = np.array(b":".join(pairs).split(b":"), dtype=np.float32).reshape(-1, 2)
            places = numbers[:, 0].astype(np.int64) - 1
            if len(places) and (places.min() < 0 or places.max() > 255):
                raise ValueError("it names pixels beyond 1…256")
            row[places] = numbers[:, 1]
        labels = np.array([int(float(line[0])) for line in lines], np.int64) - 1
    except (OSError, EOFError, ValueError) as error:
        raise damaged_file(path, str(error) or type(error).__name__, dataset) from error
    if not len(labels) or labels.min() < 0 or labels.max() > 9:
        raise damaged_file(path, "it holds no images, or labels beyond 1…10", dataset)
    if not np.isfinite(pixels).all() or np.abs(pixels).max() > 1:
        raise damaged_file(path, "its pixels are not within -1…1", dataset)
    images = np.round((pixels + 1) * 127.5).astype(np.uint8).reshape(-1, 1, 16, 16)
    return Split(torch.from_numpy(images), torch.from_numpy(labels))
