"""Listing the image files of a folder with their splits and classes. Torch-free: the app uses it, too."""

from __future__ import annotations

import csv
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from engine.settings.diagnostics import quoted

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}
_HEARTBEAT_FILES = 5000  # files between two calls of a heartbeat


@dataclass(frozen=True)
class ImageFile:
    """An image file. ``name`` is its path relative to the folder of its split, ``top_folder`` the first part of that
    path ("" for a file directly in it), ``split`` the split whose sub-folder it lies in, if any."""

    path: str
    name: str
    size: int
    mtime_ns: int
    top_folder: str = ""
    split: str | None = None


@dataclass
class ImageListing:
    """All image files below a folder, sorted by path. ``unreadable``: sub-folders that could not be opened."""

    folder: Path
    files: list[ImageFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def list_images(folder: Path, heartbeat: Callable[[], None] = lambda: None) -> ImageListing:
    """List all image files below ``folder``, except hidden ones; links are followed, each folder visited once.

    Sub-folders named train and test (and val) are splits; without a test folder, val is the test split.
    ``heartbeat`` is called repeatedly; it may raise to abandon the listing.
    """
    listing = ImageListing(folder)
    splits = split_folders(folder)
    if splits is None:
        listing.files += _images(folder, None, listing.unreadable, heartbeat)
    else:
        for split, place in splits.items():
            listing.files += _images(place, split, listing.unreadable, heartbeat)
    listing.files.sort(key=lambda file: os.fsencode(file.path))
    return listing


def unclassed_reason(folder: Path, minimum: int) -> str:
    """Why sub-folders do not form classes of at least ``minimum`` images each, as a clause; "" if they do.

    Opens no image, and stops counting a sub-folder at ``minimum``. Where CSV files tell the classes, they are read.
    """
    counts = Counter[str]()
    if files := label_files(folder):
        try:
            counts.update(label for file in files.values() for label in read_labels(file).values())
        except (OSError, ValueError):
            return "its CSV file of labels cannot be read"
        return too_few_reason(counts, minimum)
    for place in (split_folders(folder) or {"": folder}).values():
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                images = _images(Path(entry.path), None, [], lambda: None)
                counts[entry.name] += sum(1 for _ in islice(images, minimum))
            elif entry.name.lower().endswith(SUFFIXES):
                return "its images do not all lie in sub-folders, one for each class"
    return too_few_reason({name: count for name, count in counts.items() if count}, minimum)


def label_files(folder: Path) -> dict[str, Path]:
    """The CSV files in ``folder`` that tell the labels of images, by split; one file for all images is that of split
    ``""``. Empty if there are none."""
    try:
        found = {
            entry.name[:-4].lower(): Path(entry.path)
            for entry in os.scandir(folder)
            if entry.is_file() and entry.name.lower().endswith(".csv")
        }
    except OSError:
        return {}
    splits = {split: found[name] for split, names in _SPLITS.items() for name in names if name in found}
    if "train" in splits:
        return splits
    return {"": next(iter(found.values()))} if len(found) == 1 else {}


def read_labels(path: Path) -> dict[str, str]:
    """The label of each image of a CSV file, by the image's name: the first two columns, or those whose headings are
    ``file`` (or ``image``, ``image_name``, ``filename``, ``name``, ``path``) and ``label`` (or ``class``).

    Raises ValueError with the first line that cannot be used, OSError where the file cannot be read.
    """
    labels: dict[str, str] = {}
    columns = (0, 1)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        for row in (reader := csv.reader(stream)):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if reader.line_num == 1 and not cells[0].lower().endswith(SUFFIXES):
                headings = [cell.lower() for cell in cells]
                columns = (_column(headings, _NAME_HEADINGS, 0), _column(headings, _LABEL_HEADINGS, 1))
                continue
            if len(cells) <= max(columns) or not cells[columns[0]] or not cells[columns[1]]:
                raise ValueError(f"line {reader.line_num} has no name and label: {quoted(','.join(row))}")
            labels[cells[columns[0]]] = cells[columns[1]]
    return labels


def _column(headings: list[str], names: tuple[str, ...], default: int) -> int:
    return next((headings.index(name) for name in names if name in headings), default)


_NAME_HEADINGS = ("file", "image_name", "image", "filename", "file_name", "name", "path")
_LABEL_HEADINGS = ("label", "class", "category", "target")


def too_few_reason(counts: Mapping[str, int], minimum: int) -> str:
    """Why so many images per class are too few to learn the classes, as a clause; "" if they are enough."""
    if len(counts) < 2:
        return "its images do not fall into two classes or more"
    least = min(counts, key=lambda name: (counts[name], name))
    if counts[least] < minimum:
        return f"its class {quoted(least)} has {counts[least]} images, fewer than {minimum}"
    return ""


def split_folders(folder: Path) -> dict[str, Path] | None:
    """The sub-folders that are splits, by split; None if there are none."""
    try:
        inside = {entry.name.lower(): Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()}
    except OSError:
        return None
    splits = {s: inside[name] for s, names in _SPLITS.items() for name in names if name in inside}
    if "train" not in splits or len(splits) == 1:
        return None
    if "test" not in splits:
        splits["test"] = splits.pop("validation")
    return splits


def _images(
    folder: Path, split: str | None, unreadable: list[str], heartbeat: Callable[[], None]
) -> Iterator[ImageFile]:
    root, seen, count = str(folder), set[tuple[int, int]](), 0
    waiting, linked = [root], list[str]()  # links are followed last, so that files here keep their own names
    while waiting or linked:
        place = waiting.pop() if waiting else linked.pop()
        try:
            here = os.stat(place)  # noqa: PTH116
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            entries = sorted(os.scandir(place), key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError:
            unreadable.append(place)
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            count += 1
            if count % _HEARTBEAT_FILES == 0:
                heartbeat()
            try:
                facts = entry.stat()
            except OSError:  # a broken or circular link
                continue
            if stat.S_ISDIR(facts.st_mode):
                (linked if entry.is_symlink() else waiting).append(entry.path)
            elif stat.S_ISREG(facts.st_mode) and entry.name.lower().endswith(SUFFIXES):
                name = os.path.relpath(entry.path, root)
                first, separator, _ = name.partition(os.sep)
                yield ImageFile(
                    entry.path, name, facts.st_size, facts.st_mtime_ns, first if separator else "", split
                )
