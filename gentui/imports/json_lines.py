"""JSON lines: one object of numbers per line, from a file or from the standard input of ``gentui import -``."""

from __future__ import annotations

import json
import os
import select
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gentui.imports.log_entries import ConsoleText, Entry, Skipped
from gentui.imports.parsing import (
    CHUNK,
    NO_STEP,
    TEXTS,
    TIMES,
    TOO_LARGE,
    TOO_LONG,
    flat,
    moment,
    number_of,
    step_name,
    step_of,
)
from gentui.imports.row_order import Row
from gentui.imports.row_source import RowFile, RowSource
from gentui.imports.text_lines import decoded

_MOST_CHUNKS = 16  # read before their content is written, however fast more arrives


def parse(number: int, line: bytes | None) -> Iterator[Row | Entry]:
    """The row of a line of JSON; ``number`` is its step if no line before names one. Other lines are ConsoleText."""
    if line is None:
        yield Skipped(TOO_LONG, example=f"line {number:,}")
        return
    text = decoded(line)
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        yield ConsoleText(f"{text}\n")
        return
    values = dict(flat(found))
    row = Row(number, number, None, step_name(values), None, {})
    yield from _fill(row, values)
    if row.step is not None or row.values:
        yield row


def _fill(row: Row, values: dict[str, Any]) -> list[Entry]:
    """Put a line's values into its row. Returns what was skipped; a row whose step is not valid is."""
    skipped: list[Entry] = []
    for name, value in values.items():
        if value is None:
            continue
        if name == row.step_name:
            if (step := step_of(value)) is None:
                row.values.clear()
                return [Skipped(NO_STEP, example=f"line {row.line:,}: {name} {value!s:.80}")]
            row.step = step
            continue
        try:
            number = number_of(value)
        except OverflowError:
            skipped.append(Skipped(TOO_LARGE, example=f"line {row.line:,}: {name}"))
            continue
        if name.lower() in TIMES and row.t is None and (t := moment(value)) is not None:
            row.t = t
        elif number is None:
            skipped.append(Skipped(TEXTS, example=f"line {row.line:,}: {name} {value!s:.80}"))
        else:
            row.values[name] = number
    return skipped


class JsonLinesFile(RowFile):
    """A ``.jsonl`` file."""

    format = "jsonl"
    default_end = ("done", "a .jsonl file does not record how its run ended")

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Row | Entry]:
        for item in parse(number, line):
            if not isinstance(item, ConsoleText):
                yield item
            elif item.text.strip():
                yield Skipped("lines that are not objects", example=f"line {number:,}: {item.text.strip()}")


class StandardInput(RowSource):
    """Standard input. Lines that are not objects are console output; entries get the time of their arrival.

    What came is kept in a temporary file, to be read again where later lines change the steps of earlier ones. Without
    room for that file, earlier lines stay as they were understood at first.
    """

    format = "stdin"
    default_end = ("done", "standard input ended")
    is_live = True

    def __init__(self, name: str):
        super().__init__("-", name)
        self._fd, self._opened_at = 0, time.time()
        self._kept: Any = None
        with suppress(OSError):  # without room for a temporary file, as if it were full
            self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - closed in ``close``
        self._arrivals = array("d")
        self._again: int | None = None

    @property
    def is_repeatable(self) -> bool:
        return self._kept is not None

    def rewind(self) -> None:
        super().rewind()
        self._again = 0

    def pieces(self) -> Iterator[bytes]:
        yield from self._kept_pieces()
        for _ in range(_MOST_CHUNKS):
            if self.is_over or not select.select([self._fd], [], [], 0)[0]:
                return
            data = os.read(self._fd, CHUNK)
            self.is_over = not data
            self._keep(data)
            yield data

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Row | Entry]:
        if number > len(self._arrivals):
            self._arrivals.append(time.time())
        for item in parse(number, line):
            if isinstance(item, Row) and item.t is None:
                item.t = self._arrivals[number - 1]
            yield item

    @property
    def modified_at(self) -> float:
        return self._opened_at

    def wait(self, seconds: float) -> None:
        if not self.is_over:
            select.select([self._fd], [], [], seconds)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def _keep(self, data: bytes) -> None:
        if self._kept is not None:
            try:
                self._kept.seek(0, os.SEEK_END)
                self._kept.write(data)
                self._kept.flush()
            except OSError:
                self._kept = None

    def _kept_pieces(self) -> Iterator[bytes]:
        """What came before, after ``rewind``."""
        while self._again is not None and self._kept is not None:
            self._kept.seek(self._again)
            if not (data := self._kept.read(CHUNK)):
                self._again = None
                return
            self._again += len(data)
            yield data
