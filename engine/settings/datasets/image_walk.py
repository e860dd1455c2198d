"""The image files below a folder, one by one, and what was left out. Torch-free."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.settings.datasets.image_types import is_image
from engine.settings.diagnostics import NAMED, some_of

SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}
"""The names of a split's folder or CSV file, by split."""

_JUNK = frozenset(
    (
        "__macosx", "__pycache__", "lost+found", "thumbs.db", "desktop.ini", "$recycle.bin", "icon\r",
        "system volume information", "network trash folder", "temporary items",
        "@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb",
    )
)  # fmt: skip
_HEARTBEAT_FILES = 5000  # files between two calls of a heartbeat

NO_IMAGE, BROKEN_LINK, CLOSED, NO_FILE, BESIDE = (
    "no image", "a link that leads nowhere", "closed to you", "no plain file", "beside the folder of all others",
)  # fmt: skip
"""Why an entry of a folder was left out."""


def is_junk(name: str) -> bool:
    """Whether an entry of a folder is hidden, or of those that systems, archives and NAS boxes leave everywhere."""
    return name.startswith(".") or name.lower() in _JUNK


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
class LeftOut:
    """What was left out of a listing: how many entries for each reason, and the names of the first few."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    """Folders that could not be opened."""

    def add(self, reason: str, name: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        first = self.names.setdefault(reason, [])
        if len(first) < NAMED or os.fsencode(name) < os.fsencode(first[-1]):
            self.names[reason] = sorted([*first, name], key=os.fsencode)[:NAMED]

    def sentence(self, *reasons: str) -> str:
        """A sentence about what was left out for one of ``reasons``; "" if nothing was."""
        here = [reason for reason in reasons if reason in self.counts]
        count = sum(self.counts[reason] for reason in here)
        if not count:
            return ""
        parts = (f"{self.counts[r]:,} {r} ({some_of(self.names[r], self.counts[r])})" for r in here)
        return f"{count:,} {'files were' if count > 1 else 'file was'} left out: {', '.join(parts)}."


def images_below(
    folder: Path, split: str | None, left_out: LeftOut, heartbeat: Callable[[], None] = lambda: None
) -> Iterator[ImageFile]:
    """The images below a folder; links are followed, each folder visited once. ``heartbeat`` is called repeatedly."""
    root, seen, count = os.path.join(folder, ""), set[tuple[int, int]](), 0  # noqa: PTH118
    waiting, linked = (
        [str(folder)],
        list[str](),
    )  # links are followed last, so that files here keep their own names
    while waiting or linked:
        place = waiting.pop() if waiting else linked.pop()
        try:
            here = os.stat(place)  # noqa: PTH116
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            entries = sorted(os.scandir(place), key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError:
            left_out.folders.append(place)
            continue
        for entry in entries:
            if is_junk(entry.name):
                continue
            count += 1
            if count % _HEARTBEAT_FILES == 0:
                heartbeat()
            facts, name = _facts(entry), entry.path[len(root) :]
            if facts is not None and stat.S_ISDIR(facts.st_mode):
                (linked if entry.is_symlink() else waiting).append(entry.path)
            elif why := _why_not(entry, facts):
                left_out.add(why, name)
            elif facts is not None:
                first, separator, _ = name.partition(os.sep)
                top = first if separator else ""
                yield ImageFile(entry.path, name, facts.st_size, facts.st_mtime_ns, top, split)


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What an entry is, links followed; None if that cannot be told."""
    try:
        return entry.stat()
    except OSError:  # a broken or circular link, or a folder without permission
        return None


def _why_not(entry: os.DirEntry[str], facts: os.stat_result | None) -> str:
    """Why an entry that is no folder is left out; "" for an image."""
    if facts is None:
        return BROKEN_LINK if entry.is_symlink() else CLOSED
    if not stat.S_ISREG(facts.st_mode):
        return NO_FILE
    try:
        return "" if is_image(entry.path) else NO_IMAGE
    except OSError:
        return CLOSED


def split_folders(folder: Path) -> dict[str, Path] | None:
    """The sub-folders that are splits, by split; None if there are none. Without a test folder, val is the test
    split."""
    try:
        inside = {entry.name.lower(): Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()}
    except OSError:
        return None
    splits = {s: inside[name] for s, names in SPLITS.items() for name in names if name in inside}
    if "train" not in splits or len(splits) == 1:
        return None
    if "test" not in splits:
        splits["test"] = splits.pop("validation")
    return splits
