"""Plans of data sets: which image files are used, in which split, with which labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.data.attribute_files import read_attributes, read_partition
from engine.data.dataset import DataError, printable
from engine.data.matching import match_names
from engine.settings.datasets.class_folders import ClassFolders, class_folders
from engine.settings.datasets.image_files import ImageFile, ImageListing, read_labels
from engine.settings.diagnostics import quoted, some_of


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


def found_classes(files: Sequence[ImageFile]) -> ClassFolders:
    """The top-level sub-folders that are classes."""
    counts: dict[str | None, Counter[str]] = {}
    for (split, top), count in Counter((f.split, f.top_folder) for f in files).items():
        counts.setdefault(split, Counter())[top] = count
    return class_folders(counts)


def by_class(files: Sequence[ImageFile], found: ClassFolders) -> Plan:
    """Images labelled by the folders that are classes. Images in none of them are left out, but for those of splits
    that have no labels."""
    if not found.names:
        return Plan(unlabelled(files))
    number = {name: i for i, name in enumerate(found.names)}
    pictures, strays = [], []
    for f in files:
        label = number.get(f.top_folder)
        if label is None and f.split not in found.unlabelled:
            strays.append(f.name)
        else:
            pictures.append(LabelledImage(f.path, f.name, f.split, label))
    warnings = []
    if strays:
        where = f"lying beside the {len(number):,} folders of classes"
        warnings.append(f"{images_were(len(strays))} left out for {where} ({some_of(strays)}).")
    return Plan(pictures, tuple(printable(name, 80) for name in found.names), (), tuple(warnings))


def by_label_files(listing: ImageListing, files: Mapping[str, Path], classes: tuple[str, ...] = ()) -> Plan:
    """Images labelled by CSV files, one for each split or one for all.

    ``classes`` are the labels that may occur; by default those that do, numbers in their order. A file of test images
    none of which is here is ignored; without test images, validation images are the test images. Raises DataError.
    """
    found: dict[str, list[tuple[ImageFile, str]]] = {}
    absent = 0
    for split, path in files.items():
        try:
            given = read_labels(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{printable(path)} cannot be used: {printable(error)}") from error
        matched = match_names(listing.files, given)
        if matched:
            found[split] = [(listing.files[place], given[name]) for place, name in matched.items()]
        if matched or split != "test":
            absent += len(given) - len({*matched.values()})
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
    used_paths = {picture.path for picture in pictures}
    if unnamed := [f.name for f in listing.files if f.path not in used_paths]:
        warnings.append(
            f"{images_were(len(unnamed))} left out for having no label in the CSV files ({some_of(unnamed)})."
        )
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
    matched = match_names(files, given.rows)
    for place, f in enumerate(files):
        row = given.rows[matched[place]] if place in matched else None
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
    if absent := len(given.rows) - len({*matched.values()}):
        warnings.append(f"{printable(file)} describes {absent:,} images that are not in the folder.")
    return Plan(pictures, (), given.names, tuple(warnings))


def with_partition(plan: Plan, files: Sequence[ImageFile], partition: Path) -> Plan:
    """The plan with the splits of a partition file. Raises DataError if it names none of the images."""
    given = read_partition(partition)
    matched = match_names(files, given)
    if not matched:
        raise DataError(
            f"{printable(partition)} names none of the {len(files):,} images (for example {quoted(files[0].name)})"
        )
    splits = {files[place].path: given[name] for place, name in matched.items()}
    pictures = [replace(p, split=splits.get(p.path, p.split)) for p in plan.pictures]
    warnings = [*plan.warnings]
    if others := [f.name for f in files if f.path not in splits]:
        warnings.append(
            f"{images_were(len(others))} not named in {printable(partition)}, so that their content decides the split "
            f"({some_of(others)})."
        )
    return replace(plan, pictures=pictures, warnings=tuple(warnings))


def images_were(count: int) -> str:
    """The beginning of a sentence about so many images."""
    return f"{count:,} images were" if count > 1 else "1 image was"
