"""Read untrusted logs: growing files, lines of any length, numbers of any kind, and optional libraries."""

from __future__ import annotations

import errno
import importlib
import math
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from engine.runs.files import NotAPlainFile, open_plain_file
from gentui.imports.log_entries import MissingLibrary, NoSuchPath, Unusable

Opener = partial[Any]  # of a Source
"""Opens one run's log. Raises Unusable or OSError."""

CHUNK = 1 << 20
LONGEST_LINE = 4 << 20  # bytes
LARGEST_PICTURE = 64 << 20  # bytes
MOST_STEPS = 2**48  # as the index has it
DEEPEST = 32  # levels of nested objects
STEPS = (
    "global_step", "trainer/global_step", "_step", "step", "steps", "time/total_timesteps", "iteration", "iter",
)  # fmt: skip
"""Names of the step, those of a whole run before those that may begin again within it."""
TIMES = ("_timestamp", "timestamp", "wall_time", "wall time", "time")
TEXTS, TOO_LARGE, NO_STEP = "texts", "numbers too large", "rows whose step is not a whole number from 0 on"
TOO_LONG = "lines too long"
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
)


def library(module: str, package: str, format: str) -> Any:
    """Import a format's own library. Raises MissingLibrary with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        raise MissingLibrary(
            f"reading {format} needs the package {package}, which cannot be imported here{why}:"
            f" `pip install {package}` installs it"
        ) from None


class GrowingFile:
    """A plain file that is read in steps while it grows. Raises NoSuchPath, Unusable or OSError."""

    def __init__(self, path: Path):
        self.path, self.offset = path, 0
        try:
            self._fd = open_plain_file(path)
        except FileNotFoundError:
            raise NoSuchPath(f"there is no file {path}") from None
        except NotAPlainFile as error:
            if error.errno == errno.ELOOP:
                raise Unusable(f"{path} is a link, and links are not followed") from None
            raise Unusable(
                f"{path} is not a plain file; what comes through a pipe is read by `gentui import -`"
            ) from None

    @property
    def modified_at(self) -> float:
        return os.fstat(self._fd).st_mtime

    @property
    def unread(self) -> int:
        """Number of bytes after the offset. Raises Unusable if the file has shrunk below it."""
        more = os.fstat(self._fd).st_size - self.offset
        if more < 0:
            raise Unusable(f"{self.path} became shorter while it was read: import it again")
        return more

    def peek(self, size: int, skip: int = 0) -> bytes:
        """Up to ``size`` bytes from ``skip`` bytes after the offset, without moving it."""
        return os.pread(self._fd, size, self.offset + skip)

    def open_again(self) -> None:
        """Read the file that the path names now; what is open already, if that is gone or no plain file."""
        try:
            other = GrowingFile(self.path)
        except Exception:
            return
        os.dup2(other._fd, self._fd, inheritable=False)
        other.close()

    def close(self) -> None:
        os.close(self._fd)


def number_of(value: object) -> float | None:
    """A JSON value as a float, including NaN and infinities by name; None if it is not a number.

    Raises OverflowError for an integer too large for a float.
    """
    if isinstance(value, float | int):
        return float(value)
    return _WORDS.get(value.lower()) if isinstance(value, str) and len(value) < 10 else None


def step_of(value: object) -> int | None:
    """The value as a step, a non-negative integer; None if it is not one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < MOST_STEPS else None


def moment(value: object) -> float | None:
    """The value as plausible unix seconds (1973 to 5138); None if it is not."""
    return float(value) if isinstance(value, float | int) and 1e8 <= value < 1e11 else None


def flat(value: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf of nested objects."""
    for key, inner in value.items():
        if isinstance(inner, dict) and depth < DEEPEST:
            yield from flat(inner, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", inner


def step_name(names: Iterable[str]) -> str:
    """The name among these that holds the step, by ``STEPS``; "" if there is none."""
    return min(
        (name for name in names if name.lower() in STEPS), key=lambda n: STEPS.index(n.lower()), default=""
    )


def picture_suffix(data: bytes) -> str | None:
    """File suffix of an image, by its first bytes; None if it is not a supported format."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _PICTURES if data.startswith(magic)), None)
