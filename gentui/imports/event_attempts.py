"""Which values of a TensorBoard log belong to an attempt that a restart replaces.

A restart opens another event file in the same directory. Where that one has a tag again, TensorBoard hides the values
of earlier files from its first step on. A ``SessionLog`` of the status START, which ``SummaryWriter(purge_step=...)``
writes, hides all values before it from its step on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from gentui.imports.row_order import Places


@dataclass(slots=True)
class _File:
    """What is known of one event file: how many records were observed, and the steps of its values."""

    records: int = 0
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    starts: list[tuple[int, int]] = field(default_factory=list)
    """(number of the record, step) of each START that hides what comes before."""


class Attempts:
    """Follows the event files of a directory, by their names in order.

    Every record is observed once, in any order of the files; what is hidden depends only on all files together.
    """

    def __init__(self) -> None:
        self._files: defaultdict[str, _File] = defaultdict(_File)
        self._hidden_from: dict[tuple[str, str], int | None] = {}
        self._places: defaultdict[tuple[str, str], Places] = defaultdict(Places)
        self._repeats: set[tuple[str, int, str]] = set()

    def is_new(self, name: str, record: int) -> bool:
        """Whether the record, numbered from 1 on within its file, was not observed before."""
        if record <= self._files[name].records:
            return False
        self._files[name].records = record
        return True

    def start(self, name: str, record: int, step: int) -> bool:
        """Observe a START. Returns whether it hides anything that was observed."""
        file = self._files[name]
        earlier = [other for key, other in self._files.items() if key < name]
        if file.starts:  # the first in a file may come after its first values
            earlier.append(file)
        file.starts.append((record if file.starts else 0, step))
        self._hidden_from.clear()
        return any(last >= step for other in earlier for last in other.last.values())

    def value(self, name: str, record: int, tag: str, step: int) -> bool:
        """Observe a value. Returns whether it hides values that were observed."""
        file = self._files[name]
        file.last[tag] = max(file.last.get(tag, step), step)
        if self._places[name, tag].add(step, 1):
            self._repeats.add((name, record, tag))
        first = file.first.get(tag)
        if first is not None and first <= step:
            return False
        file.first[tag] = step
        self._hidden_from.clear()
        return any(key < name and other.last.get(tag, -1) >= step for key, other in self._files.items())

    def is_repeated(self, name: str, record: int, tag: str) -> bool:
        """Whether the file had an earlier value of the tag at the same step."""
        return (name, record, tag) in self._repeats

    def is_hidden(self, name: str, record: int, tag: str, step: int) -> bool:
        """Whether a restart replaces the value."""
        key = (name, tag)
        if key not in self._hidden_from:
            later = [file for other, file in self._files.items() if other > name]
            steps = [file.first[tag] for file in later if tag in file.first]
            steps += [at for file in later for _, at in file.starts]
            self._hidden_from[key] = min(steps, default=None)
        limit = self._hidden_from[key]
        if limit is not None and step >= limit:
            return True
        return any(number > record and step >= at for number, at in self._files[name].starts)
