"""Which sub-folders of a folder of images are classes. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from engine.settings.datasets.image_types import is_image
from engine.settings.datasets.image_walk import LeftOut, images_below, is_junk, split_folders

FEW = 3
_LEVELS = 8

Counts = Mapping[str, int]
"""Images by the first part of their path below the folder of their split: "" for those directly in it."""


def are_few(outside: int, inside: int) -> bool:
    """Whether so many images beside class folders that hold ``inside`` images are strays: not enough to doubt that the
    folders are classes. At most one for ten inside, or three."""
    return outside * 10 <= inside or (outside <= FEW and outside < inside)


@dataclass(frozen=True)
class ClassFolders:
    """``names`` are the folders that are classes, () if there are none. The images of the splits ``unlabelled`` have no
    class. Where images beside the folders prevent classes, ``prevented_by`` is their split and their number."""

    names: tuple[str, ...] = ()
    unlabelled: frozenset[str | None] = frozenset()
    prevented_by: tuple[str | None, int] | None = None


def class_folders(counts: Mapping[str | None, Counts]) -> ClassFolders:
    """The class folders of a set with so many images in each, by split (None: there are no splits).

    Two folders or more are classes, in spite of a few images beside them. The training images decide: another split
    whose images lie in none of their folders has no labels.
    """
    main = "train" if "train" in counts else None
    folders = {split: {name: n for name, n in each.items() if name and n} for split, each in counts.items()}
    learned = folders.get(main, {})
    labelled = set[str | None]()
    for split, inside in folders.items():
        outside = counts[split].get("", 0)
        if (
            inside
            and are_few(outside, sum(inside.values()))
            and (split == main or inside.keys() & learned.keys())
        ):
            labelled.add(split)
    names = {name for split in labelled for name in folders[split]} if main in labelled else set()
    if len(names) >= 2:
        ordered = tuple(sorted(names, key=os.fsencode))
        return ClassFolders(ordered, frozenset(counts.keys() - labelled))
    outside = counts.get(main, {}).get("", 0)
    return ClassFolders(prevented_by=(main, outside) if outside and learned and main not in labelled else None)


def descended(folder: Path) -> Path:
    """The folder whose sub-folders are splits or classes: ``folder`` itself or, where a single sub-folder holds all
    images but a few, that one or one further down."""
    here = folder
    for _ in range(_LEVELS):
        if split_folders(here) is not None:
            return here
        outside = sum(1 for _ in islice(direct_images(here), FEW + 1))
        if here is folder and outside > FEW:
            return folder
        holding = list(islice(holding_folders(here), 2))
        if len(holding) == 2:
            return here if outside <= FEW else folder
        if not holding or outside > FEW:
            return folder
        here = holding[0]
    return folder


def direct_images(folder: Path) -> Iterator[str]:
    """The names of the images directly in a folder, in any order; none of a folder that cannot be opened."""
    try:
        entries = [*os.scandir(folder)]
    except OSError:
        return
    for entry in entries:
        try:
            if not is_junk(entry.name) and entry.is_file() and is_image(entry.path):
                yield entry.name
        except OSError:  # closed to this user
            continue


def holding_folders(folder: Path) -> Iterator[Path]:
    """The sub-folders with an image in them or below, sorted by name; none of a folder that cannot be opened."""
    try:
        found = [entry.path for entry in os.scandir(folder) if not is_junk(entry.name) and entry.is_dir()]
    except OSError:
        return
    for path in sorted(found, key=os.fsencode):
        if next(images_below(Path(path), None, LeftOut()), None) is not None:
            yield Path(path)
