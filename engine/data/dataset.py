"""What a data set is: two splits of uint8 images, and the one way between uint8 and [-1, 1]."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from engine import registry
from engine.settings.datasets import Data


class DataError(Exception):
    """Data that cannot be read. The message is one sentence: which file, what is wrong, the remedy."""


@dataclass(frozen=True)
class Split:
    """Images of one split: uint8 N,C,H,W on the CPU; ``labels`` int64 N, or None."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """Both splits. ``fingerprint`` is the sha256 (hex) of the content as it stands here, after resizing."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    fingerprint: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """C, H, W."""
        c, h, w = self.train.images.shape[1:]
        return c, h, w

    def split(self, name: str) -> Split:
        """``train`` or ``test``."""
        return {"train": self.train, "test": self.test}[name]


def open_dataset(settings: Data) -> Dataset:
    """Read the data set ``settings`` describe and resize it as they ask.

    Raises DataError for damaged files and engine.recipe.MissingData when it is not on this machine.
    """
    dataset: Dataset = registry.build(settings)
    if settings.image_size is not None:
        size = (settings.image_size, settings.image_size)
        dataset = replace(
            dataset,
            train=replace(dataset.train, images=resize(dataset.train.images, size)),
            test=replace(dataset.test, images=resize(dataset.test.images, size)),
        )
    return replace(dataset, fingerprint=fingerprint(dataset))


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 N,C,H,W → uint8 N,C,*size: antialiased bilinear, rounded."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    chunks = [
        F.interpolate(chunk.float(), size=size, mode="bilinear", antialias=True)
        .round_()
        .clamp_(0, 255)
        .to(torch.uint8)
        for chunk in images.split(4096)  # bounds the float copy
    ]
    return torch.cat(chunks)


def to_float(images: Tensor) -> Tensor:
    """uint8 0…255 → float32 -1…1."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Float images, -1…1 → uint8, rounded and clipped; non-finite pixels become mid-grey.

    Everything that saves or scores generated images quantises them here, so that a score is the score of
    the saved files.
    """
    scaled = images.float().nan_to_num(nan=0.0).add(1.0).mul_(127.5)
    return scaled.round_().clamp_(0, 255).to(torch.uint8)


def fingerprint(dataset: Dataset) -> str:
    """sha256 (hex) of shapes, pixels and labels of both splits."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.test):
        for tensor in (split.images, split.labels):
            if tensor is None:
                digest.update(b"none")
                continue
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
