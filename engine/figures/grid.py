"""Grids, strips and animations of images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from engine.runs.files import write_atomically

LEAST_SIDE = 32
"""Smallest side of an image in a grid, in pixels; smaller images are enlarged by a whole factor."""
GAP = 2


def tile(images: Tensor, columns: int) -> np.ndarray:
    """Arrange images uint8 N,C,H,W row by row in one picture, uint8 H',W',C."""
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
    """The grid of images uint8 N,C,H,W, with 1 or 3 channels, as a Pillow image."""
    canvas = tile(images, columns)
    return Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)


def save_grid(images: Tensor, path: Path, columns: int) -> None:
    """Save a grid of images uint8 N,C,H,W as PNG. A reader never sees an incomplete file. Raises OSError."""
    save_atomically(picture(images, columns), path)


def save_gif(frames: Sequence[Tensor], path: Path, columns: int, milliseconds: int = 120) -> None:
    """Save an animation with a grid for each frame, uint8 N,C,H,W; the last frame stays ten times longer."""
    pictures = [picture(frame, columns) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [milliseconds * 10]
    save_atomically(pictures[0], path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def save_atomically(image: Image.Image, path: Path, **options: Any) -> None:
    """Save a picture in the format of its suffix, .png or .gif; a reader never sees an incomplete file.

    ``options`` are those of Pillow's ``save``. Raises OSError.
    """
    content = io.BytesIO()
    image.save(content, format=path.suffix[1:], **options)
    write_atomically(path, content.getvalue())
