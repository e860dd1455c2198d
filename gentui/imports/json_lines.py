"""JSON lines: one object of numbers per line, from a file or from the standard input of ``gentui import -``."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

from gentui.imports.log_entries import ConsoleText, Entry, MetricPoint, Skipped
from gentui.imports.parsing import CHUNK, LineFile, LineSource, flat, split_row

_MOST_CHUNKS = 16  # read before their content is written, however fast more arrives


class JsonLines:
    """Parses lines of JSON. A line belongs to the step it names, else to the last named, else to its line number."""

    def __init__(self) -> None:
        self._step: int | None = None

    def of(self, number: int, line: bytes | None) -> Iterator[Entry]:
        """The entries of a line. A line that is not an object is ConsoleText."""
        if line is None:
            yield Skipped("lines too long")
            return
        text = line.decode("utf-8", "replace")
        try:
            row = json.loads(text) if text.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            yield ConsoleText(f"{text}\n")
            return
        step, t, values, skipped = split_row(dict(flat(row)))
        self._step = self._step if step is None else step
        yield from skipped
        if values:
            yield MetricPoint(number if self._step is None else self._step, t, values)


class JsonLinesFile(LineFile):
    """A ``.jsonl`` file."""

    format = "jsonl"
    default_end = ("done", "a .jsonl file does not record how its run ended")

    def __init__(self, path: Path, name: str):
        super().__init__(path, name)
        self._rows = JsonLines()

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Entry]:
        for entry in self._rows.of(number, line):
            if not isinstance(entry, ConsoleText):
                yield entry
            elif entry.text.strip():
                yield Skipped("lines that are not objects")


class StandardInput(LineSource):
    """Standard input. Lines that are not objects are console output; entries get the time of their arrival."""

    format = "stdin"
    default_end = ("done", "standard input ended")
    is_live = True

    def __init__(self, name: str):
        super().__init__("-", name)
        self._fd, self._opened_at = 0, time.time()
        self._rows = JsonLines()

    def chunks(self) -> Iterator[bytes]:
        for _ in range(_MOST_CHUNKS):
            if self.is_over or not select.select([self._fd], [], [], 0)[0]:
                return
            data = os.read(self._fd, CHUNK)
            self.is_over = not data
            yield data

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Entry]:
        for entry in self._rows.of(number, line):
            if isinstance(entry, MetricPoint) and entry.t is None:
                entry.t = time.time()
            yield entry

    @property
    def modified_at(self) -> float:
        return self._opened_at

    def wait(self, seconds: float) -> None:
        if not self.is_over:
            select.select([self._fd], [], [], seconds)
