"""Which image files a folder holds, however it is nested. Torch-free: the app asks whether they lie by class."""

from __future__ import annotations

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
_PULSE = 5000  # files between two signs of life


@dataclass(frozen=True)
class ImageFile:
    """An image file. ``name`` is its path below the folder searched, ``top_folder`` its first part ("" for a file
    that lies in the folder itself), ``split`` the split whose sub-folder it lies in."""

    path: str
    name: str
    size: int
    mtime_ns: int
    top_folder: str = ""
    split: str | None = None


@dataclass
class ImageListing:
    """All image files below a folder, in the order of their names. ``unreadable``: sub-folders nobody may read."""

    folder: Path
    files: list[ImageFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def list_images(folder: Path, alive: Callable[[], None] = lambda: None) -> ImageListing:
    """Hidden files are left out; links are followed, each folder being visited once. ``alive`` is called now and
    then. Sub-folders named train and test are splits (val too; without test it is taken for it)."""
    listing = ImageListing(folder)
    splits = split_folders(folder)
    if splits is None:
        listing.files += _images(folder, None, listing.unreadable, alive)
    else:
        for split, place in splits.items():
            listing.files += _images(place, split, listing.unreadable, alive)
    listing.files.sort(key=lambda found: os.fsencode(found.path))
    return listing


def unclassed_reason(folder: Path, fewest: int) -> str:
    """Why the images do not fall into classes of at least ``fewest`` each, by sub-folder; "" where they do.

    Looks into no sub-folder further than it must, and into no file.
    """
    counts = Counter[str]()
    for place in (split_folders(folder) or {"": folder}).values():
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                found = _images(Path(entry.path), None, [], lambda: None)
                counts[entry.name] += sum(1 for _ in islice(found, fewest))
            elif entry.name.lower().endswith(SUFFIXES):
                return "its images do not all lie in sub-folders, one for each class"
    return too_few_reason({name: count for name, count in counts.items() if count}, fewest)


def too_few_reason(counts: Mapping[str, int], fewest: int) -> str:
    """Why images that are so many of each class are too few to learn the classes from; "" where they are not."""
    if len(counts) < 2:
        return "its images do not fall into two classes or more"
    least = min(counts, key=lambda name: (counts[name], name))
    if counts[least] < fewest:
        return f"its class {quoted(least)} has {counts[least]} images, fewer than {fewest}"
    return ""


def split_folders(folder: Path) -> dict[str, Path] | None:
    """Sub-folders that are splits, by split; None where the folder has none."""
    try:
        inside = {entry.name.lower(): Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()}
    except OSError:
        return None
    found = {s: inside[name] for s, names in _SPLITS.items() for name in names if name in inside}
    if "train" not in found or len(found) == 1:
        return None
    if "test" not in found:
        found["test"] = found.pop("validation")
    return found


def _images(
    folder: Path, split: str | None, closed: list[str], alive: Callable[[], None]
) -> Iterator[ImageFile]:
    root, seen, count = str(folder), set[tuple[int, int]](), 0
    waiting, linked = [root], list[str]()  # links are followed last, so that what is here goes by its own name
    while waiting or linked:
        place = waiting.pop() if waiting else linked.pop()
        try:
            here = os.stat(place)  # noqa: PTH116
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            entries = sorted(os.scandir(place), key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError:
            closed.append(place)
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            count += 1
            if count % _PULSE == 0:
                alive()
            try:
                facts = entry.stat()
            except OSError:  # a link to nowhere, or around in a circle
                continue
            if stat.S_ISDIR(facts.st_mode):
                (linked if entry.is_symlink() else waiting).append(entry.path)
            elif stat.S_ISREG(facts.st_mode) and entry.name.lower().endswith(SUFFIXES):
                name = os.path.relpath(entry.path, root)
                first, separator, _ = name.partition(os.sep)
                yield ImageFile(
                    entry.path, name, facts.st_size, facts.st_mtime_ns, first if separator else "", split
                )
