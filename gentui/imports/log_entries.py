"""What a log tells, one thing after another, whatever its format; and the errors of a log that cannot be read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.runs.directory import Status


class Unusable(Exception):
    """The path holds nothing that can be imported; the message says what, where and how to mend it."""


class NoSuchPath(Unusable):
    """There is nothing at the path."""


class MissingLibrary(Unusable):
    """The package that reads the format is not installed."""


@dataclass(slots=True)
class MetricPoint:
    """Values logged at one step. ``t``: unix seconds, None where the log does not say."""

    step: int
    t: float | None
    values: dict[str, float]


@dataclass(slots=True)
class SystemSample:
    """What the machine did at a moment, by the logger's own names."""

    t: float | None
    values: dict[str, float]


@dataclass(slots=True)
class ImageEntry:
    """An image file's bytes, as they were logged under ``key``."""

    step: int
    t: float | None
    key: str
    caption: str
    data: bytes


@dataclass(slots=True)
class ConsoleText:
    """Console output, as it came: any number of lines, or a part of one."""

    text: str


@dataclass(slots=True)
class RunInfo:
    """What is told of the run as a whole. Told again, what is not empty replaces what was known.

    ``config`` holds the settings that are new or changed, nested as they were logged; None: one that was taken away.
    """

    id: str = ""
    name: str = ""
    title: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    started_at: float | None = None
    host: str = ""
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
    """Something that was not taken: ``what`` in the plural, as a sentence counts it."""

    what: str
    n: int = 1


Entry = MetricPoint | SystemSample | ImageEntry | ConsoleText | RunInfo | Ended | Skipped


class Source(ABC):
    """One run's log. ``path`` and ``format`` say which, always the same for the same log."""

    format: ClassVar[str]
    default_end: ClassVar[tuple[Status, str]]
    """How a run stands whose log tells no end, and why."""
    is_live: ClassVar[bool] = False
    """Whether it can only be followed."""

    def __init__(self, path: str, name: str):
        self.path, self.name = path, name
        self.is_over = False
        """Whether nothing more can come."""

    @property
    def modified_at(self) -> float:
        """When the log was written last: the time of what has none."""
        return time.time()

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """All that is new since the last call. Raises Unusable or OSError when the log cannot be read on."""

    def last_entries(self) -> Iterator[Entry]:
        """What remains when nothing more is waited for: a line without its end, a record that is torn."""
        return iter(())

    def wait(self, seconds: float) -> None:
        """Until there may be more, at most so long."""
        time.sleep(seconds)

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Let go of files."""
