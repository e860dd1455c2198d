"""What lies in a home that gentui does not put there: files of runs that it would not open, and files that others may
read.

A run may hold any number of files, and a home thousands of runs. So no more than ``MOST`` files are looked at, those of
the newest runs first, and ``MOST_OF_ONE`` of each run, beside the top level of its directory.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from engine.runs.directory import RunDir, list_runs

MOST, MOST_OF_ONE = 30_000, 5_000


@dataclass
class Survey:
    """What was found.

    ``odd`` are, by run, the paths that are neither plain files nor real folders nor the run's own links to its
    checkpoints. ``opened`` are the paths that other users may use, with their modes. ``whole`` runs of ``stored`` were
    looked at to the last file.
    """

    odd: dict[str, list[Path]] = field(default_factory=dict)
    opened: list[tuple[Path, int]] = field(default_factory=list)
    whole: int = 0
    stored: int = 0


def survey(home: Path) -> Survey:
    """Look through a home, beside what lies in it directly."""
    found, left, runs = Survey(), MOST, list[RunDir]()
    with suppress(OSError):
        runs = list_runs(home)
    for run in reversed(runs):
        allowed = min(left, MOST_OF_ONE)
        odd, seen = _look(run.path, allowed, found.opened, run.checkpoints)
        if odd:
            found.odd[run.id] = sorted(odd)
        found.stored += 1
        found.whole += seen <= allowed
        left = max(0, left - seen)
    with suppress(OSError), os.scandir(home) as entries:
        others = sorted(e.path for e in entries if e.name != "runs" and e.is_dir(follow_symlinks=False))
        for path in others:
            left = max(0, left - _look(Path(path), left, found.opened)[1])
    found.opened.sort()
    return found


def _look(
    root: Path, allowed: int, opened: list[tuple[Path, int]], checkpoints: Path | None = None
) -> tuple[list[Path], int]:
    """Look at ``allowed`` files of a folder: the odd ones, and how many there were, more than ``allowed`` if some are
    left. Adds to ``opened``. Files come and go meanwhile, and one that is gone is none."""
    odd, seen, folders = list[Path](), 0, [root]
    with suppress(OSError):
        _note(root, root.lstat(), opened)
    while folders:
        folder = folders.pop()
        most = MOST_OF_ONE if folder == root else allowed - seen + 1
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in islice(entries, max(0, most)):
                seen += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    if folder != checkpoints or not _leads_beside_itself(entry.path):
                        odd.append(Path(entry.path))
                    continue
                if seen <= allowed:
                    with suppress(OSError):
                        _note(entry.path, entry.stat(follow_symlinks=False), opened)
        if seen > allowed:
            break
    return odd, seen


def _note(path: str | Path, facts: os.stat_result, opened: list[tuple[Path, int]]) -> None:
    if (mode := stat.S_IMODE(facts.st_mode)) & 0o077:
        opened.append((Path(path), mode))


def _leads_beside_itself(link: str) -> bool:
    """Whether it is a link to something in its own folder, as those to checkpoints are."""
    try:
        target = Path(link).readlink()
    except OSError:
        return False
    return target.parent == Path() and target.name not in ("", "..")
