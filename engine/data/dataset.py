"""Data sets as splits of uint8 images, and the only conversions between uint8 and [-1, 1]."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.recipes.recipe import MissingData
from engine.settings import registry
from engine.settings.datasets.base import Data
from engine.settings.datasets.published_files import Finding, examine, find_file

Progress = Callable[[int, int], None]
"""Called with (done, total) during long work, counted in images or steps; may raise to abandon the work."""


class DataError(Exception):
    """Data that cannot be read. The message is one sentence: which file, what is wrong, the remedy."""


def printable(text: object, limit: int = 1000) -> str:
    """A name or path from outside, safe to print: at most ``limit`` characters, control characters replaced."""
    return "".join(c if c.isprintable() else "�" for c in str(text)[:limit])


def damaged_file(path: Path, what: str, dataset: str) -> DataError:
    """The error for a damaged file of a published data set: ``what`` is wrong with it."""
    return DataError(
        f"{printable(path)} cannot be used ({what}): remove it and run `gentui data fetch {dataset}`, or reinstall the "
        "package it came from"
    )


def accept(found: Finding, dataset: str, warnings: list[str]) -> None:
    """Accept a file of a published data set as it was found, with a warning if it is not quite what was published.

    Raises DataError for one that must not be read.
    """
    if found.refused:
        other = f", or choose data.dataset={found.dataset}" if found.dataset not in ("", dataset) else ""
        raise DataError(f"{printable(found.problem)}: remove it and run `gentui data fetch {dataset}`{other}")
    if found.problem:
        warnings.append(f"{printable(found.problem)}: it is read as it is.")


@dataclass(frozen=True)
class Split:
    """One split: ``images`` uint8 N,C,H,W on the CPU; ``labels`` int64 N (classes), uint8 N,A of 0 and 1 (attributes),
    or None."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, chosen: Tensor) -> Split:
        """The images selected by ``chosen`` (indices, or a boolean per image), with their labels."""
        return Split(self.images[chosen], None if self.labels is None else self.labels[chosen])


@dataclass(frozen=True)
class Dataset:
    """A data set: its splits and the meaning of their labels.

    - ``groups``: sizes of the one-hot groups of ``attributes``, in order; () if attributes are independent.
    - ``validation``: held out of ``train``; None if nothing is held out.
    - ``target``: the target domain of a pair. Its images may be trained on; its labels only serve for scores.
    - ``fingerprint``: sha256 (hex) of all pixels and labels after resizing.
    - ``border``: black pixels added on each side since.
    - ``warnings``: sentences about images that could not be used, and data that is not what it should be.
    - ``notes``: sentences about what else was found, for the log.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    validation: Split | None = None
    target: Dataset | None = None
    fingerprint: str = ""
    border: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """C, H, W."""
        c, h, w = self.train.images.shape[1:]
        return c, h, w

    def split(self, name: str) -> Split:
        """The split ``train``, ``test`` or ``validation``. Raises KeyError if there is no such split."""
        split = self.splits.get(name)
        if split is None:
            raise KeyError(f"{self.name} has no split called {name!r}")
        return split

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name."""
        named = {"train": self.train, "test": self.test, "validation": self.validation}
        return {name: split for name, split in named.items() if split is not None}


def open_dataset(settings: Data, progress: Progress | None = None) -> Dataset:
    """Read the data set that ``settings`` describe, hold out its validation split, resize and pad its images.

    Raises DataError for damaged files, and MissingData if the data set is not on this machine.
    """
    return finish(read_dataset(settings, progress), settings)


def read_dataset(settings: Data, progress: Progress | None = None) -> Dataset:
    """Read the data set that ``settings`` describe, as its loader returns it: ``open_dataset`` without ``finish``."""
    return registry.build(settings, Dataset, progress)


def require_folder(settings: Data) -> Path:
    """The folder that ``settings`` read from. Raises MissingData, with the remedy, if it is not on this machine."""
    folder = settings.location()
    if folder is None:
        raise MissingData(settings.missing_message())
    return folder


def require_file(settings: Data, folder: Path, name: str, warnings: list[str]) -> Path:
    """A file of a published data set in its folder, whose content is compared with what was published.

    Adds to ``warnings`` if it differs; raises DataError if it is another set's.
    """
    path = find_file(folder, name) or folder / name
    if published := next((file for file in settings.files if file.name == name), None):
        accept(examine(path, published), settings.dataset, warnings)
    return path


def finish(dataset: Dataset, settings: Data) -> Dataset:
    """Hold out the validation split, resize, convert to grey, fingerprint and pad a data set that was read.

    Raises DataError if all training images would be held out.
    """
    if settings.holds_out and dataset.validation is None:
        held = validation_mask(dataset.train.images, settings.validation, settings.validation_images)
        if held.all():
            raise DataError(
                f"{dataset.name} has too few training images ({len(held):,}) to hold so many of them out: lower "
                "data.validation or data.validation_images"
            )
        dataset = replace(dataset, train=dataset.train.take(~held), validation=dataset.train.take(held))
    if settings.image_size is not None:
        size = (settings.image_size, settings.image_size)
        dataset = with_images(dataset, lambda images: resize(images, size))
    if settings.grey and dataset.image_shape[0] == 3:
        known = dataset.fingerprint
        dataset = with_images(dataset, grey)
        dataset = replace(
            dataset, fingerprint=hashlib.sha256(f"{known} grey".encode()).hexdigest() if known else ""
        )
    if dataset.target is not None:
        dataset = replace(dataset, target=finish(dataset.target, settings))
    return padded(replace(dataset, fingerprint=dataset.fingerprint or fingerprint(dataset)), settings.pad)


def padded(dataset: Dataset, border: int) -> Dataset:
    """The data set with black borders of that many pixels; with a negative number, without as many of those it has."""
    if not border:
        return dataset
    dataset = with_images(dataset, lambda images: F.pad(images, (border,) * 4))
    return replace(dataset, border=dataset.border + border)


def with_images(dataset: Dataset, change: Callable[[Tensor], Tensor]) -> Dataset:
    """The data set with the images of each split changed: uint8 N,C,H,W to uint8 N,C,H',W'."""
    return replace(dataset, **{name: replace(s, images=change(s.images)) for name, s in dataset.splits.items()})


def grey(images: Tensor) -> Tensor:
    """Colour images uint8 N,3,H,W to their luma, uint8 N,1,H,W (ITU-R 601-2, rounded as Pillow does)."""
    weights = torch.tensor((19595, 38470, 7471), dtype=torch.int32).view(1, 3, 1, 1)
    chunks = [
        ((chunk.int() * weights).sum(1, keepdim=True) + 0x8000 >> 16).to(torch.uint8)
        for chunk in images.split(4096)  # bounds the copy in 32 bits
    ]
    return torch.cat(chunks)


def validation_mask(images: Tensor, fraction: float, count: int = 0) -> Tensor:
    """Which images belong to the validation split: bool N, a ``fraction`` of them and at least one, or ``count``.

    Each image's content decides, so that the split depends neither on the order nor on other images, and equal
    images are in the same split, but for those at the border of an exact ``count``.
    """
    contents = (image.tobytes() for image in images.contiguous().numpy())
    places = torch.tensor(
        [content_fraction(content, "validation") for content in contents], dtype=torch.float64
    )
    if count:
        held = torch.zeros(len(places), dtype=torch.bool)
        held[places.argsort(stable=True)[:count]] = True
        return held
    return (places < fraction) | (places == places.min())


def content_fraction(content: bytes, purpose: str) -> float:
    """A number in [0, 1), a hash of ``content``; numbers for different purposes are independent."""
    digest = hashlib.blake2b(content, digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest, "big") / 2**64


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize uint8 N,C,H,W to uint8 N,C,*size: antialiased bilinear, rounded."""
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
    """uint8 images to float32 in [-1, 1]."""
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Float images in [-1, 1] to uint8, rounded and clipped; NaN becomes mid-grey.

    Whatever saves or scores generated images quantises them here, so that a score is that of the saved files.
    """
    return to_levels(images).round_().to(torch.uint8)


def to_levels(images: Tensor) -> Tensor:
    """Float images in [-1, 1] to float32 from 0 to 255, clipped but not rounded; NaN becomes mid-grey."""
    return images.float().nan_to_num(nan=0.0).add(1.0).mul_(127.5).clamp_(0, 255)


def stretched(images: Tensor) -> Tensor:
    """Each of the images N,C,H,W stretched from its own minimum and maximum to [-1, 1], as torchvision's
    ``save_image(normalize=True)`` does; float32."""
    rows = images.float().flatten(1)
    least, most = (extreme[:, None, None, None] for extreme in (rows.amin(1), rows.amax(1)))
    return (images.float() - least) / (most - least).clamp_min(1e-5) * 2 - 1


def fingerprint(dataset: Dataset) -> str:
    """sha256 (hex) of shapes, pixels and labels of all splits, and of the target domain's fingerprint."""
    digest = hashlib.sha256()
    for split in dataset.splits.values():
        for tensor in (split.images, split.labels):
            if tensor is None:
                digest.update(b"none")
                continue
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().numpy().data)
    if dataset.target is not None:
        digest.update(f"target {dataset.target.fingerprint}\n".encode())
    return digest.hexdigest()
