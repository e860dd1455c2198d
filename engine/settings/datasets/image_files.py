"""Listing the image files of a folder with their splits and classes. Torch-free: the app uses it, too."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from engine.settings.datasets.class_folders import class_folders, descended, direct_images, holding_folders
from engine.settings.datasets.image_types import SUFFIXES
from engine.settings.datasets.image_walk import (
    BESIDE,
    BROKEN_LINK,
    CLOSED,
    NO_FILE,
    NO_IMAGE,
    SPLITS,
    ImageFile,
    LeftOut,
    images_below,
    is_junk,
    split_folders,
)
from engine.settings.diagnostics import NAMED, quoted, some_of


@dataclass
class ImageListing:
    """All image files below a folder, sorted by path, and what is not among them."""

    folder: Path
    files: list[ImageFile] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def warnings(self) -> list[str]:
        """Sentences about files that may be images and cannot be had."""
        closed = [f"The folder {quoted(name)} could not be opened." for name in self.left_out.folders[:NAMED]]
        missing = self.left_out.sentence(BESIDE, BROKEN_LINK, CLOSED)
        return [*closed, *([missing] if missing else [])]

    @property
    def notes(self) -> list[str]:
        """Sentences about other files beside the images."""
        others = self.left_out.sentence(NO_IMAGE, NO_FILE)
        return [others] if others else []


def list_images(
    folder: Path, heartbeat: Callable[[], None] = lambda: None, deeper: bool = False
) -> ImageListing:
    """List all image files below ``folder``, except hidden ones; links are followed, each folder visited once.

    Sub-folders named train and test (and val) are splits; without a test folder, val is the test split. With
    ``deeper``, a single sub-folder that holds all images is the folder itself, and so for each split.
    ``heartbeat`` is called repeatedly; it may raise to abandon the listing.
    """
    listing = ImageListing(folder)
    inner = descended(folder) if deeper else folder
    for parent in inner.parents[: len(inner.parents) - len(folder.parents)]:
        for name in sorted(direct_images(parent), key=os.fsencode):
            listing.left_out.add(BESIDE, name)
    for split, place in _places(inner).items():
        below = descended(place) if deeper else place
        listing.files += images_below(below, split, listing.left_out, heartbeat)
    listing.files.sort(key=lambda file: os.fsencode(file.path))
    return listing


def _places(folder: Path) -> dict[str | None, Path]:
    """The folders of the splits, by split; without splits, that of all images."""
    splits = split_folders(folder)
    return {None: folder} if splits is None else {**splits}


def unclassed_reason(folder: Path, minimum: int) -> str:
    """Why sub-folders do not form classes of at least ``minimum`` images each, as a clause; "" if they do.

    Decodes no image, and stops counting a sub-folder when it knows enough. Where CSV files tell the classes, they are
    read.
    """
    totals = Counter[str]()
    if files := label_files(folder):
        try:
            totals.update(label for file in files.values() for label in read_labels(file).values())
        except (OSError, ValueError):
            return "its CSV file of labels cannot be read"
        return too_few_reason(totals, minimum)
    places = {split: descended(place) for split, place in _places(descended(folder)).items()}
    holding = {split: [*holding_folders(place)] for split, place in places.items()}
    main = "train" if "train" in places else None
    if not holding[main]:
        flat = next(direct_images(places[main]), None) is not None
        return NO_CLASSES if flat else too_few_reason({}, minimum)
    strays = {split: [*direct_images(place)] if holding[split] else [] for split, place in places.items()}
    counts = {split: _counts(holding[split], len(strays[split]), minimum) for split in places}
    found = class_folders(counts)
    if found.prevented_by:
        names = sorted(strays[main], key=os.fsencode)
        return f"{NO_CLASSES}: {len(names):,} lie beside them ({some_of(names)})"
    for split in places.keys() - found.unlabelled:
        totals.update({name: count for name, count in counts[split].items() if name in found.names})
    return too_few_reason(totals, minimum)


NO_CLASSES = "its images do not all lie in sub-folders, one for each class"


def _counts(folders: list[Path], outside: int, minimum: int) -> dict[str, int]:
    """The images of each folder, counted no further than the rules about classes need, and those outside."""
    enough = max(minimum, 10 * outside)
    counted = {f.name: sum(1 for _ in islice(images_below(f, None, LeftOut()), enough)) for f in folders}
    return {**counted, "": outside}


def label_files(folder: Path) -> dict[str, Path]:
    """The CSV files in ``folder`` that tell the labels of images, by split; one file for all images is that of split
    ``""``. Empty if there are none."""
    try:
        found = {
            entry.name[:-4].lower(): Path(entry.path)
            for entry in os.scandir(folder)
            if entry.name.lower().endswith(".csv") and not is_junk(entry.name) and entry.is_file()
        }
    except OSError:
        return {}
    splits = {split: found[name] for split, names in SPLITS.items() for name in names if name in found}
    if "train" in splits:
        return splits
    return {"": next(iter(found.values()))} if len(found) == 1 else {}


def read_labels(path: Path) -> dict[str, str]:
    """The label of each image of a CSV file, by the image's name: the first two columns, or those whose headings are
    ``file`` (or ``image``, ``image_name``, ``filename``, ``name``, ``path``, ``id`` …) and ``label`` (or ``class``).

    Raises ValueError with the first line that cannot be used, OSError where the file cannot be read.
    """
    labels: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream)
        rows = ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
        filled = ((number, cells) for number, cells in rows if any(cells))
        first = list(islice(filled, 2))
        columns = _columns([cells for _, cells in first])
        for number, cells in chain(first if columns is None else first[1:], filled):
            at, label = columns or (0, 1)
            if len(cells) <= max(at, label) or not cells[at] or not cells[label]:
                raise ValueError(f"line {number} has no name and label: {quoted(','.join(cells))}")
            labels[cells[at]] = cells[label]
    return labels


def _columns(first: list[list[str]]) -> tuple[int, int] | None:
    """The columns of name and label if the first of a file's first two rows has headings; None if it has not.

    Names of images without suffix have a number in them, and headings have not.
    """
    if not first or first[0][0].lower().endswith(SUFFIXES):
        return None
    headings = [cell.lower() for cell in first[0]]
    known = {*headings} & {*_NAME_HEADINGS, *_LABEL_HEADINGS}
    suffixed = len(first) > 1 and any(cell.lower().endswith(SUFFIXES) for cell in first[1])
    if not known and not suffixed and any(c.isdigit() for c in headings[0]):
        return None
    return _column(headings, _NAME_HEADINGS, 0), _column(headings, _LABEL_HEADINGS, 1)


def _column(headings: list[str], names: tuple[str, ...], default: int) -> int:
    return next((headings.index(name) for name in names if name in headings), default)


_NAME_HEADINGS = ("file", "image_name", "image", "filename", "file_name", "name", "path", "id", "image_id")
_LABEL_HEADINGS = ("label", "class", "category", "target")


def too_few_reason(counts: Mapping[str, int], minimum: int) -> str:
    """Why so many images per class are too few to learn the classes, as a clause; "" if they are enough."""
    if len(counts) < 2:
        return "its images do not fall into two classes or more"
    least = min(counts, key=lambda name: (counts[name], name))
    if counts[least] < minimum:
        return f"its class {quoted(least)} has {counts[least]} images, fewer than {minimum}"
    return ""
