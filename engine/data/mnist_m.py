"""MNIST-M, as distributed or made from MNIST and BSDS500 (Ganin et al. 2016, arXiv 1505.07818)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.data import idx
from engine.data.attribute_files import read_words
from engine.data.dataset import DataError, Dataset, Progress, Split, printable
from engine.data.digits_m import blend
from engine.data.folders import list_folder, load_digit_folder, open_images
from engine.data.matching import match_names
from engine.data.plans import LabelledImage, Plan
from engine.data.store import Writer, load_or_build
from engine.recipes.recipe import MissingData
from engine.settings.datasets.image_files import ImageListing
from engine.settings.datasets.published import MNIST, MNISTM
from engine.settings.diagnostics import quoted

_SPLITS = ("train", "test")
_DIGITS = {str(digit): digit for digit in range(10)}


def load(settings: MNISTM, progress: Progress | None = None) -> Dataset:
    """Load 60,000 training and 10,000 test images, uint8 N,3,28,28. Raises MissingData or DataError."""
    if settings.path is not None:
        return load_digit_folder(settings, progress)
    if (folder := settings.ready_made()) is not None:
        return _read(settings, folder, progress)
    photographs, digits = settings.photographs(), MNIST.locate()
    if photographs is None or digits is None:
        raise MissingData(settings.missing_message())
    return _make(settings, photographs, progress)


def _read(settings: MNISTM, folder: Path, progress: Progress | None) -> Dataset:
    """Read the distributed set: ``mnist_m_{split}`` and ``mnist_m_{split}_labels.txt``, a name and a digit per line."""
    listings = {split: list_folder(folder / f"mnist_m_{split}", progress) for split in _SPLITS}
    files = {split: folder / f"mnist_m_{split}_labels.txt" for split in _SPLITS}

    def plan() -> Plan:
        pictures, missing = [], 0
        for split, listing in listings.items():
            labels = read_words(files[split], _DIGITS, "a digit")
            matched = match_names(listing.files, labels)
            missing += len(listing.files) - len(matched)
            for place, name in sorted(matched.items()):
                f = listing.files[place]
                pictures.append(LabelledImage(f.path, f.name, split, labels[name]))
        if not pictures:
            raise DataError(f"{printable(files['train'])} gives no label to any of the images beside it")
        warnings = (f"{missing:,} images have no label and were left out.",) if missing else ()
        return Plan(pictures, settings.classes, (), warnings)

    both = ImageListing(folder, [replace(f, split=s) for s, lst in listings.items() for f in lst.files])
    return open_images(settings, both, plan, progress, files.values())


def _make(settings: MNISTM, photographs: Path, progress: Progress | None) -> Dataset:
    """Blend training digits over BSDS500's training photographs, and test digits over its test photographs."""
    plain = idx.load(MNIST.model_validate({}))
    listings = {split: list_folder(photographs / split, progress) for split in _SPLITS}
    total = sum(len(plain.split(split)) for split in _SPLITS)
    digest = hashlib.sha256(plain.train.images.numpy().data)
    for f in (f for listing in listings.values() for f in listing.files):
        digest.update(os.fsencode(f"{f.name} {f.size} {f.mtime_ns}"))

    def build(writer: Writer) -> None:
        done = 0
        for split, listing in listings.items():
            photos = [_photograph(f.path, settings.shape[1]) for f in listing.files]
            for chunk in plain.split(split).images.split(2000):
                writer.add(blend(chunk, photos).numpy())
                done += len(chunk)
                if progress is not None:
                    progress(done, total)

    stored = load_or_build(
        f"mnist-m-{digest.hexdigest()[:24]}", build, lambda: progress(0, total) if progress else None
    )
    cut = len(plain.train)
    return replace(
        plain,
        name=settings.dataset,
        train=Split(stored.images[:cut], plain.train.labels),
        test=Split(stored.images[cut:], plain.test.labels),
    )


def _photograph(path: str, least: int) -> np.ndarray:
    """Read a photograph of at least ``least`` pixels a side: uint8 H,W,3. Raises DataError."""
    try:
        with Image.open(path) as image:
            photo = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"the photograph {quoted(path)} cannot be read: {error}") from error
    if min(photo.shape[:2]) < least:
        raise DataError(f"the photograph {quoted(path)} is smaller than a digit")
    return photo
