"""Grids, strips and animations of images."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

LEAST_SIDE = 32  # smaller images are enlarged by whole factors, so that a person can see them
GAP = 2


def tile(images: Tensor, columns: int) -> np.ndarray:
    """uint8 N,C,H,W -> one picture H',W',C filled row by row."""
    array = images.permute(0, 2, 3, 1).numpy()
    n, h, w, c = array.shape
    factor = max(1, -(-LEAST_SIDE // min(h, w)))
    array = array.repeat(factor, axis=1).repeat(factor, axis=2)
    h, w, rows = h * factor, w * factor, -(-n // columns)
    canvas = np.full((rows * (h + GAP) + GAP, columns * (w + GAP) + GAP, c), 128, dtype=np.uint8)
    for i, image in enumerate(array):
        top, left = GAP + i // columns * (h + GAP), GAP + i % columns * (w + GAP)
        canvas[top : top + h, left : left + w] = image
    return canvas


def picture(images: Tensor, columns: int) -> Image.Image:
    canvas = tile(images, columns)
    return Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)


def save_grid(images: Tensor, path: Path, columns: int) -> None:
    """A PNG grid of uint8 N,C,H,W images, written whole or not at all."""
    save_whole(picture(images, columns), path)


def save_gif(frames: Sequence[Tensor], path: Path, columns: int, milliseconds: int = 120) -> None:
    """An animation: one grid per frame, each uint8 N,C,H,W; the last frame stays longer."""
    pictures = [picture(frame, columns) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [milliseconds * 10]
    save_whole(pictures[0], path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def save_whole(image: Image.Image, path: Path, **options: Any) -> None:
    """Save under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix, delete=False
    ) as file:
        temporary = Path(file.name)
    try:
        image.save(temporary, **options)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
