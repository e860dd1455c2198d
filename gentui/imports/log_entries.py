"""Entries of a log, independent of its format, and the errors of logs that cannot be read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.runs.directory import Status
from gentui.text.sanitize import clean

_MOST_KINDS = 20  # of what was skipped
_LONGEST_EXAMPLE = 120


class Unusable(Exception):
    """Nothing at the path can be imported; the message says why and what to do."""


class NoSuchPath(Unusable):
    """There is nothing at the path."""


class MissingLibrary(Unusable):
    """The package that reads the format is not installed."""


class StartOver(Exception):
    """What was read earlier no longer holds; the next call of ``entries`` begins at the log's start."""


@dataclass(slots=True)
class MetricPoint:
    """Values logged at one step. ``t``: unix seconds, or None if the log has no time."""

    step: int
    t: float | None
    values: dict[str, float]


@dataclass(slots=True)
class SystemSample:
    """System metrics at one time, under the logger's names."""

    t: float | None
    values: dict[str, float]


@dataclass(slots=True)
class ImageEntry:
    """An image file logged under ``key``."""

    step: int
    t: float | None
    key: str
    caption: str
    data: bytes


@dataclass(slots=True)
class ConsoleText:
    """Console output: any number of lines, or part of one."""

    text: str


@dataclass(slots=True)
class RunInfo:
    """Facts about the run as a whole. A later one replaces the fields that it sets, and adds its ``versions``.

    ``config`` holds new and changed settings, nested as logged; None removes a setting. ``machine``: what the host is,
    in words.
    """

    id: str = ""
    name: str = ""
    title: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    started_at: float | None = None
    host: str = ""
    machine: str = ""
    device: str = ""
    git: str = ""
    command: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Ended:
    """The script's own end, with its exit code."""

    code: int


@dataclass(slots=True)
class Skipped:
    """Something not imported: ``what`` in the plural, for the summary, with an example such as ``line 3: n/a``."""

    what: str
    n: int = 1
    example: str = ""


class Skips(Counter[str]):
    """How often what was skipped, with the first example of each."""

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, str] = {}

    @classmethod
    def of(cls, several: Iterable[Skipped]) -> Skips:
        skips = cls()
        for one in several:
            skips.add(one)
        return skips

    def add(self, skipped: Skipped) -> None:
        """Count it. Beyond a number of kinds all are ``others``."""
        if skipped.n:
            what = clean(skipped.what, 100)
            what = what if what in self or len(self) < _MOST_KINDS else "others"
            self[what] += skipped.n
            if skipped.example and what not in self.examples:
                self.examples[what] = clean(skipped.example, _LONGEST_EXAMPLE)

    def __str__(self) -> str:
        """One line, as in ``skipped: texts (3; line 2: note ok)``; empty if nothing was."""
        each = (
            f"{what} ({'; '.join(filter(None, (f'{n:,}', self.examples.get(what))))})"
            for what, n in self.items()
        )
        return f"skipped: {', '.join(each)}" if self else ""


@dataclass(slots=True)
class Note:
    """A sentence, without a full stop, about how the log was understood."""

    text: str


Entry = MetricPoint | SystemSample | ImageEntry | ConsoleText | RunInfo | Ended | Skipped | Note


class Source(ABC):
    """One run's log, identified by ``path`` and ``format``."""

    format: ClassVar[str]
    default_end: ClassVar[tuple[Status, str]]
    """Status and reason of a run whose log does not record its end."""
    is_live: ClassVar[bool] = False
    """Whether the log can only be followed."""

    def __init__(self, path: str, name: str):
        self.path, self.name = path, name
        self.is_over = False
        """Whether nothing more can follow."""

    @property
    def modified_at(self) -> float:
        """When the log was last written: the time of entries without one."""
        return time.time()

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """The entries that are new since the last call.

        Raises StartOver, after which all entries come again, Unusable or OSError if the log can no longer be read.
        """

    def last_entries(self) -> Iterator[Entry]:
        """Entries that remain at the end: an unfinished line, a torn record. Raises StartOver as ``entries``."""
        return iter(())

    def wait(self, seconds: float) -> None:
        """Wait up to ``seconds`` for more."""
        time.sleep(seconds)

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close files."""
