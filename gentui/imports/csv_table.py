"""Tables of numbers with a header: CSV, or separated by semicolons or tabs."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gentui.imports.log_entries import Entry, MetricPoint, Skipped, Unusable
from gentui.imports.parsing import LineFile, number_of, split_row

_MOST_COLUMNS = 10_000


class CsvTable(LineFile):
    """A CSV file. A row's step is in its step column, else that of the last row with one; else its row number."""

    format = "csv"
    default_end = ("done", "a table does not record how its run ended")

    def __init__(self, path: Path, name: str):
        super().__init__(path, name)
        self._header: list[str] = []
        self._separator = ","
        self._rows = 0
        self._step: int | None = None

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Entry]:
        if line is None:
            yield Skipped("lines too long")
            return
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
        if not text.strip():
            return
        if not self._header:
            self._begin(number, text)
            return
        self._rows += 1
        cells = self._cells(text)
        if len(cells) != len(self._header):
            yield Skipped("rows with another number of columns than the header")
            return
        step, t, values, skipped = split_row(dict(zip(self._header, map(_value, cells), strict=True)))
        self._step = self._step if step is None else step
        yield from skipped
        if values:
            yield MetricPoint(self._rows if self._step is None else self._step, t, values)

    def _begin(self, number: int, text: str) -> None:
        self._separator = max(",;\t", key=text.count)
        header = [cell.strip() for cell in self._cells(text)]
        if (
            not header
            or len(header) > _MOST_COLUMNS
            or all(number_of(_value(cell)) is not None for cell in header)
        ):
            raise Unusable(
                f"line {number} of {self.path} is not a header: it should name the columns, as in step,loss,accuracy"
            )
        self._header = [name or f"column {place}" for place, name in enumerate(header, 1)]

    def _cells(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self._separator), [])
        except csv.Error:
            return []


def _value(cell: str) -> Any:
    """A cell's value: int, float, text, or None if it is empty."""
    cell = cell.strip()
    if not cell:
        return None
    for kind in (int, float):
        try:
            number = kind(cell)
        except ValueError:
            continue
        # a number too large for a float is not infinity
        return cell if number in (math.inf, -math.inf) and "n" not in cell.lower() else number
    return cell
