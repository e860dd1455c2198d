"""The end of a text file that may grow while it is read."""

from __future__ import annotations

import os
from pathlib import Path

from engine.runs.files import open_plain_file
from gentui.text.sanitize import clean_lines

CUT = "…"
"""The first line, if earlier text was skipped."""


class Tail:
    """The last lines of a growing file: at most ``keep`` of them. A file of any size costs one read of ``chunk`` bytes.

    A subclass overrides ``parse`` to read something else than plain text.
    """

    def __init__(self, path: Path | None, keep: int = 2000, chunk: int = 256 << 10):
        self.path = path
        self._keep = keep
        self._chunk = chunk
        self._offset = 0
        self._partial = b""
        self._lines: list[str] = []

    def stamp(self) -> object:
        """A value that changes when there may be something new to read; None if there is no file."""
        try:
            stat = self.path.stat() if self.path is not None else None
        except OSError:
            return None
        return None if stat is None else (stat.st_size, stat.st_mtime_ns)

    def read(self) -> tuple[str, ...]:
        """The last lines now, sanitised. A missing file has none."""
        if self.path is None:
            return ()
        try:
            with os.fdopen(open_plain_file(self.path), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._offset:
                    self.restart()
                if size - self._offset > self._chunk:  # far behind: start again near the end
                    self.restart(size - self._chunk)
                file.seek(self._offset)
                data = file.read(self._chunk)
        except OSError:
            return ()
        self._offset += len(data)
        whole, newline, partial = (self._partial + data).rpartition(b"\n")
        self._partial = partial[-self._chunk :]
        if newline:
            self._lines += self.parse(whole)
            del self._lines[: -self._keep]
        return tuple(self._lines + self.parse_partial(self._partial))

    def restart(self, offset: int = 0) -> None:
        """Forget what was read and continue at ``offset``."""
        self._offset, self._partial, self._lines = offset, b"", [CUT] if offset else []

    def parse(self, whole: bytes) -> list[str]:
        """Lines to show for complete lines of the file, without the newline of the last."""
        return clean_lines(whole.decode("utf-8", "replace"))

    def parse_partial(self, partial: bytes) -> list[str]:
        """Lines to show for a last line that has no newline yet."""
        return clean_lines(partial.decode("utf-8", "replace")) if partial else []
