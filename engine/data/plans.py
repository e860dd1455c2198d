"""Plans of data sets: which image files are used, in which split, with which labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.data.attribute_files import read_attributes
from engine.data.dataset import DataError, printable
from engine.settings.datasets.image_files import ImageFile, ImageListing, read_labels
from engine.settings.diagnostics import quoted

NAMED = 3
"""Images that a warning lists by name."""


@dataclass(frozen=True)
class LabelledImage:
    """An image file with its label: a class, a byte per attribute, or None. ``split`` None: its content decides."""

    path: str
    name: str
    split: str | None = None
    label: int | bytes | None = None


@dataclass(frozen=True)
class Plan:
    """The images of a data set, and the meaning of their labels."""

    pictures: Sequence[LabelledImage]
    classes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def unlabelled(files: Sequence[ImageFile]) -> list[LabelledImage]:
    """The images without labels."""
    return [LabelledImage(f.path, f.name, f.split) for f in files]


def by_class(files: Sequence[ImageFile]) -> Plan:
    """Images labelled by their top-level sub-folders, if there are several and no image lies outside them."""
    within = sorted({f.top_folder for f in files}, key=os.fsencode)
    if "" in within or len(within) < 2:
        return Plan(unlabelled(files))
    number = {name: i for i, name in enumerate(within)}
    classes = tuple(printable(name, 80) for name in within)
    return Plan([LabelledImage(f.path, f.name, f.split, number[f.top_folder]) for f in files], classes)


def by_label_files(listing: ImageListing, files: Mapping[str, Path], classes: tuple[str, ...] = ()) -> Plan:
    """Images labelled by CSV files, one for each split or one for all.

    ``classes`` are the labels that may occur; by default those that do, numbers in their order. A file of test images
    none of which is here is ignored; without test images, validation images are the test images. Raises DataError.
    """
    by_name = {name: f for f in listing.files for name in (os.path.basename(f.name), f.name)}  # noqa: PTH119
    found: dict[str, list[tuple[ImageFile, str]]] = {}
    absent = 0
    for split, path in files.items():
        try:
            given = read_labels(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{printable(path)} cannot be used: {printable(error)}") from error
        rows = [(by_name[name], label) for name, label in given.items() if name in by_name]
        if rows:
            found[split] = rows
        if rows or split != "test":
            absent += len(given) - len(rows)
    if "train" in found and "test" not in found and "validation" in found:
        found["test"] = found.pop("validation")
    used = {label for rows in found.values() for _, label in rows}
    if not used:
        raise DataError(
            f"{printable(next(iter(files.values())))} names none of the {len(listing.files):,} images"
        )
    if classes and used - {*classes}:
        unknown = sorted(used - {*classes})[0]
        raise DataError(
            f"{printable(listing.folder)} has the label {quoted(unknown)}: one of {', '.join(classes)}"
        )
    names = classes or tuple(
        sorted(used, key=lambda label: (not label.isdigit(), int(label) if label.isdigit() else 0, label))
    )
    number = {name: place for place, name in enumerate(names)}
    pictures = [
        LabelledImage(f.path, f.name, split or f.split, number[label])
        for split, rows in found.items()
        for f, label in rows
    ]
    warnings = []
    if absent:
        warnings.append(f"{absent:,} images that the CSV files name are not in the folder.")
    if (unnamed := len(listing.files) - len(pictures)) > 0:
        warnings.append(f"{images_were(unnamed)} left out for having no label in the CSV files.")
    return Plan(pictures, tuple(printable(name, 80) for name in names), (), tuple(warnings))


def by_attributes(files: Sequence[ImageFile], file: Path, groups: tuple[int, ...]) -> Plan:
    """Images labelled by a file of attributes. Raises DataError if file, groups and images do not match."""
    given = read_attributes(file)
    if groups and sum(groups) != len(given.names):
        raise DataError(
            f"{printable(file)} names {len(given.names)} attributes and data.one_hot groups {sum(groups)}: "
            "they must agree"
        )
    edges = np.cumsum([0, *groups])
    pictures, undescribed, inconsistent = [], [], []
    for f in files:
        base = os.path.basename(f.name)  # noqa: PTH119
        names = (f.name, base, os.path.splitext(base)[0])  # noqa: PTH122
        row = next((given.rows[name] for name in names if name in given.rows), None)
        if row is None:
            undescribed.append(f.name)
        elif any(sum(row[a:b]) != 1 for a, b in pairwise(edges)):
            inconsistent.append(f.name)
        else:
            pictures.append(LabelledImage(f.path, f.name, f.split, row))
    if not pictures:
        raise DataError(
            f"{printable(file)} describes none of the {len(files):,} images (for example {quoted(files[0].name)})"
        )
    warnings = []
    if undescribed:
        warnings.append(
            f"{images_were(len(undescribed))} not described in {printable(file)} and left out ({some_of(undescribed)})."
        )
    if inconsistent:
        warnings.append(
            f"{images_were(len(inconsistent))} left out for not having exactly one of each group "
            f"({some_of(inconsistent)})."
        )
    absent = len(given.rows) - len(pictures) - len(inconsistent)
    if absent > 0:
        warnings.append(f"{printable(file)} describes {absent:,} images that are not in the folder.")
    return Plan(pictures, (), given.names, tuple(warnings))


def images_were(count: int) -> str:
    """The beginning of a sentence about so many images."""
    return f"{count:,} images were" if count > 1 else "1 image was"


def some_of(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(quoted(name) for name in names[:NAMED]) + more
