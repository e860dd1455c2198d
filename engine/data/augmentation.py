"""Augmentation of a whole batch on the device: an own draw for each image, determined by (seed, step)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data.dataset import to_float
from engine.data.seeding import generator
from engine.devices import send
from engine.ranks.sharing import ALONE, Share
from engine.settings.datasets.base import Data

PADDING = {"reflect": "reflection", "border": "border", "black": "zeros"}


def augment(images: Tensor, settings: Data | None, key: tuple[int, ...], share: Share = ALONE) -> Tensor:
    """Shift, mirror, rotate and crop images as ``settings`` say: uint8 N,C,H,W → float32 N,C,H,W in [-1, 1].

    ``key`` determines every draw, on every device alike. Of a batch shared between ranks, ``images`` are the rows of
    this ``share``.
    """
    if settings is None or not (
        settings.flip or settings.crop or settings.rotation or settings.resized_crop < 1
    ):
        return to_float(images)
    draws = _draw(len(images), settings, key, images.device, share)
    if settings.flip or settings.crop:
        images = move(images, draws.moves, draws.flips)
    floats = to_float(images)
    if settings.rotation:
        floats = rotate(floats, draws.angles, settings.rotation_fill)
    return floats if draws.boxes is None else enlarge(floats, draws.boxes)


@dataclass(frozen=True)
class _Draws:
    """Flips bool N; shifts int64 2,N, pixels; angles float32 N, radians; crops float32 4,N for ``enlarge``, if any."""

    flips: Tensor
    moves: Tensor
    angles: Tensor
    boxes: Tensor | None


def _draw(n: int, settings: Data, key: tuple[int, ...], device: torch.device, share: Share = ALONE) -> _Draws:
    source = generator(np.random.SeedSequence(key))

    def draw() -> Tensor:
        return share.rows(torch.rand(4, n * share.size, generator=source, dtype=torch.float64).T).T

    uniform = send(draw(), device)
    boxes = None
    if settings.resized_crop < 1:
        boxes = _boxes(draw(), settings.resized_crop)
    return _Draws(
        flips=(uniform[0] < 0.5) & settings.flip,
        moves=(uniform[1:3] * (2 * settings.crop + 1)).long() - settings.crop,
        angles=((2 * uniform[3] - 1) * math.radians(settings.rotation)).float(),
        boxes=None if boxes is None else send(boxes.float(), device),
    )


def _boxes(uniform: Tensor, least: float) -> Tensor:
    """Crops of an area uniform in [least, 1] and a ratio log-uniform in [3/4, 4/3], anywhere: from 4,N draws, 4,N.

    As torchvision's RandomResizedCrop (Szegedy et al. 2015), but to fractions of a pixel; sides end at the image's.
    """
    area = least + (1 - least) * uniform[0]
    ratio = ((2 * uniform[1] - 1) * math.log(4 / 3)).exp()
    width, height = ((area * r).sqrt().clamp(max=1) for r in (ratio, 1 / ratio))
    return torch.stack([uniform[2] * (1 - height), uniform[3] * (1 - width), height, width])


def enlarge(images: Tensor, boxes: Tensor) -> Tensor:
    """Crop each image and resize the crop to the whole size, bilinearly: float N,C,H,W.

    ``boxes`` 4,N are top, left, height and width, as parts of the image.
    """
    top, left, height, width = boxes
    zero = torch.zeros_like(top)
    rows = [width, zero, 2 * left + width - 1, zero, height, 2 * top + height - 1]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def move(images: Tensor, moves: Tensor, flips: Tensor) -> Tensor:
    """Shift each image by ``moves`` (2,N: down, right; in pixels) with reflected edges, and mirror it if ``flips``.

    The same as reflection padding, cropping and flipping; pixel values are never interpolated.
    """
    height, width = images.shape[-2:]
    rows = _reflect(torch.arange(height, device=images.device) - moves[0][:, None], height)
    columns = _reflect(torch.arange(width, device=images.device) - moves[1][:, None], width)
    columns = torch.where(flips[:, None], columns.flip(1), columns)
    index = torch.arange(len(images), device=images.device)[:, None, None]
    return images[index, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def _reflect(index: Tensor, size: int) -> Tensor:
    """Fold indices beyond the edges back into 0…size−1, without repeating the edge itself."""
    if size == 1:
        return torch.zeros_like(index)
    folded = index % (2 * size - 2)
    return torch.where(folded < size, folded, 2 * size - 2 - folded)


def rotate(images: Tensor, angles: Tensor, fill: str) -> Tensor:
    """Rotate each image about its centre by its angle (radians, counter-clockwise): float N,C,H,W in [-1, 1]."""
    height, width = images.shape[-2:]
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    theta = torch.stack([cos, -sin * height / width, zero, sin * width / height, cos, zero], dim=1).view(
        -1, 2, 3
    )
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    # grid_sample pads with 0, and black is -1.
    turned = F.grid_sample(images + 1, grid, mode="bilinear", padding_mode=PADDING[fill], align_corners=False)
    return turned.sub_(1).clamp_(-1, 1)
