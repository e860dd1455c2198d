"""Which job directories to look at in a poll, so that a poll costs the same with ten thousand ended jobs as with few.

A job that may change at any moment is looked at every time, and of the others ``LOOKS``, in turn. All are looked at
when their folder has changed: a job has come or gone, or a process of gentui has changed one (``note_change``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

LOOKS = 500
"""Jobs that are looked at in turn in a poll; with a poll a second, all of 5,000 within ten seconds."""
_TICK_NS = 50_000_000  # two changes within one tick of the file system's clock look like one


class Rota:
    """The jobs of one folder, whose ids ``ids()`` lists, oldest first."""

    def __init__(self, folder: Path, ids: Callable[[], list[str]]):
        self._folder = folder
        self._ids = ids
        self._seen: tuple[int, int] | None = None
        self._names: list[str] = []
        self._at = 0

    @property
    def names(self) -> list[str]:
        """All jobs, as of the last look."""
        return self._names

    def look(self, active: Iterable[str], everything: bool = False) -> tuple[list[str], bool]:
        """(the jobs to look at now, oldest first; whether they are all there are). ``active``: those that may change
        at any moment; ``everything``: whether to look at all of them."""
        now = time.time_ns()
        try:
            found = os.stat(self._folder)  # noqa: PTH116 - at every poll
            seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            seen = None
        if everything or seen is None or seen != self._seen:
            self._names = self._ids()
            self._seen = seen if seen is not None and now - seen[0] > _TICK_NS else None
            return self._names, True
        if len(self._names) <= LOOKS:
            return self._names, True
        end = self._at + LOOKS
        due = self._names[self._at : end]
        self._at = end if end < len(self._names) else 0
        return sorted({*due, *active}), False


def note_change(job: Path) -> None:
    """Have every process that polls look at all jobs soon: the files of this one were changed."""
    with suppress(OSError):  # a folder that cannot be written to is looked at in turn
        os.utime(job.parent)
