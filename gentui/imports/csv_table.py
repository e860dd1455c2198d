"""Tables of numbers with a header, separated by commas, semicolons, tabs, bars or spaces."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from gentui.imports.cell_numbers import CellNumbers, is_missing
from gentui.imports.log_entries import Entry, RunInfo, Skipped, Unusable
from gentui.imports.parsing import (
    LONGEST_LINE,
    NO_STEP,
    TEXTS,
    TIMES,
    TOO_LARGE,
    TOO_LONG,
    flat,
    moment,
    step_name,
    step_of,
)
from gentui.imports.row_order import Row
from gentui.imports.row_source import RowFile
from gentui.imports.text_lines import decoded

_MOST_COLUMNS = 10_000
_MOST_LINES, _LONGEST_ROW = 1000, 1 << 20  # of a row with quoted line breaks
_SEPARATORS = ",;\t|"
_NAMED = re.compile(r'"?sep=(.|\\t)"?', re.IGNORECASE)
_BETWEEN = re.compile(r"[,;|\s]+")
_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
COMMENTS, UNCLOSED = "comment lines", "rows with a quotation mark that is never closed"
TOO_MANY, CUT_OFF = "rows with more cells than the header", "rows cut off at the end"
PREAMBLE = "lines before the header"
csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))


class CsvTable(RowFile):
    """A CSV file. A row's step is in its step column, else that of the last row with one; else its row number.

    Lines that begin with ``#`` are comments; a JSON object in one holds settings, and the last one may be the header. A
    header that is repeated begins a restart, and another one replaces it. A column without a name whose first cell is a
    whole number is the step if there is no other.
    """

    format = "csv"
    default_end = ("done", "a table does not record how its run ended")

    def __init__(self, path: Path, name: str):
        super().__init__(path, name)
        self._forget()
        self._begin()

    def rewind(self) -> None:
        super().rewind()
        self._begin()

    def forget(self) -> None:
        super().forget()
        self._forget()

    def is_misread(self) -> bool:
        return self._numbers.is_misread() or (self._has_steps and self._took_steps_for_values)

    def _forget(self) -> None:
        self._numbers = CellNumbers()
        self._has_steps = False

    def _begin(self) -> None:
        self._numbers.rewind()
        self._open: list[tuple[int, str]] = []
        self._heading: tuple[int, str] | None = None
        self._comment: tuple[int, str] | None = None
        self._separator = self._named_separator = ""
        self._header: list[str] = []
        self._names: list[str] = []
        self._step_name = ""
        self._rows = 0
        self._is_first = self._took_steps_for_values = False

    # -- lines to records --------------------------------------------------------------------------

    def parse_line(self, number: int, line: bytes | None) -> Iterator[Row | Entry]:
        if line is None:
            yield Skipped(TOO_LONG, example=f"line {number:,}")
            return
        text = decoded(line)
        if not self._open and not text.strip():
            return
        self._open.append((number, text))
        if len(self._open) > 1 and '"' not in text and len(self._open) < _MOST_LINES:
            return  # still within the quotation marks
        yield from self._close()

    def parse_rest(self) -> Iterator[Row | Entry]:
        while self._open:
            yield from self._close(is_end=True)
        yield from self._drop_comment()

    def _close(self, is_end: bool = False) -> Iterator[Row | Entry]:
        """Parse the open lines if they are a whole record. One that remains open for too long loses its first line."""
        (first, text), *others = lines = self._open
        whole = "\n".join(line for _, line in lines)
        if not _is_open(whole, self._separator or max(_SEPARATORS, key=whole.count)):
            self._open = []
            yield from self._record(first, whole)
        elif is_end or len(lines) >= _MOST_LINES or len(whole) > _LONGEST_ROW:
            self._open = []
            yield Skipped(UNCLOSED, example=f"line {first:,}: {text}")
            for number, line in others:
                yield from self.parse_line(number, line.encode("utf-8", "surrogatepass"))

    # -- records -----------------------------------------------------------------------------------

    def _record(self, number: int, text: str) -> Iterator[Row | Entry]:
        text = text.strip()
        if text.startswith("#"):
            yield from self._take_comment(number, text)
        elif self._header:
            yield from self._row(number, _cells(text, self._separator))
        elif self._heading is not None:
            yield from self._begin_table(self._heading, number, text)
        elif not self._named_separator and (named := _NAMED.fullmatch(text)):
            self._named_separator = "\t" if named[1] == "\\t" else named[1]
        elif not _is_numeric(text):
            yield from self._drop_comment()
            self._heading = (number, text)
        elif self._comment is not None and not _is_numeric(heading := self._comment[1].lstrip("# ")):
            at, self._comment = self._comment[0], None
            yield from self._begin_table((at, heading), number, text)
        else:
            raise Unusable(
                f"line {number} of {self.path} is not a header: it should name the columns, as in step,loss,accuracy"
            )

    def _take_comment(self, number: int, text: str) -> Iterator[Entry]:
        """Settings of a comment such as ``#{"env_id": "x"}``; any other is held, for it may be the header."""
        yield from self._drop_comment()
        try:
            comment = json.loads(text.lstrip("# "))
        except (ValueError, RecursionError):
            comment = None
        if isinstance(comment, dict):
            started_at = (
                None if self._rows else moment(comment.get("t_start"))
            )  # later ones are of resumed runs
            yield RunInfo(config=dict(flat(comment)), started_at=started_at)
        else:
            self._comment = (number, text)

    def _drop_comment(self) -> Iterator[Entry]:
        if self._comment is not None:
            number, text = self._comment
            self._comment = None
            yield Skipped(COMMENTS, example=f"line {number:,}: {text}")

    def _begin_table(self, heading: tuple[int, str], number: int, text: str) -> Iterator[Row | Entry]:
        """Find the separator and the columns, from the header and the row after it."""
        line, names = heading
        self._separator = self._named_separator or _separator(names, text)
        header, cells = _cells(names, self._separator), _cells(text, self._separator)
        if len(header) == 1 and _could_be_header(text):  # a title before the header
            yield Skipped(PREAMBLE, example=f"line {line:,}: {names}")
            self._heading = (number, text)
            return
        if (
            self._separator == " " and len(cells) == len(header) + 1
        ):  # R writes no name for the names of the rows
            header = ["", *header]
        if len(header) > _MOST_COLUMNS:
            raise Unusable(f"line {line} of {self.path} names more than {_MOST_COLUMNS:,} columns")
        self._set_header(header)
        if not self._step_name and not header[0] and cells[0].isdigit():
            self._step_name = self._names[0]
        yield from self._row(number, cells)

    def _set_header(self, header: list[str]) -> None:
        self._header, self._names = header, []
        taken: set[str] = set()
        for place, cell in enumerate(header, 1):
            name, n = cell or f"column {place}", 1
            while name in taken:
                n += 1
                name = f"{cell or f'column {place}'} ({n})"
            taken.add(name)
            self._names.append(name)
        self._step_name = step_name(self._names)

    def _is_other_header(self, cells: list[str]) -> bool:
        """Whether the cells name columns, among them the step or most of those that there are."""
        if len(cells) < 2 or any(is_missing(cell) or _NUMBER.fullmatch(cell) for cell in cells):
            return False
        return self._step_name in cells or len(set(cells) & set(self._names)) * 2 > len(cells)

    def _row(self, number: int, cells: list[str]) -> Iterator[Row | Entry]:
        if cells == self._header or self._is_other_header(cells):
            if cells != self._header:
                self._set_header(cells)
            self._is_first = True
            return
        self._rows += 1
        while len(cells) > len(self._names) and not cells[-1]:
            cells.pop()
        if len(cells) > len(self._names):
            counts = f"{len(cells)} cells, where the header has {len(self._names)}"
            yield Skipped(TOO_MANY, example=f"line {number:,}: {counts}")
            return
        if self.is_torn and len(cells) < len(self._names):
            yield Skipped(CUT_OFF, example=f"line {number:,}")
            return
        row = Row(self._rows, number, None, self._step_name, None, {}, self._is_first)
        skipped = self._fill(row, cells)
        yield from skipped
        if row.step is not None or row.values:
            self._is_first = False
            yield row

    def _fill(self, row: Row, cells: list[str]) -> list[Entry]:
        """Put a row's cells into it. Returns what was skipped; a row without a step, where others have one, is."""
        skipped: list[Entry] = []
        for name, cell in zip(self._names, cells, strict=False):
            if is_missing(cell):
                continue
            try:
                number = self._numbers.number(name, cell)
                value = None if number is None else float(number)
            except OverflowError:
                skipped.append(Skipped(TOO_LARGE, example=f"line {row.line:,}: {name} {cell}"))
                continue
            if name == self._step_name:
                row.step = step_of(number)
                self._has_steps |= row.step is not None
                if row.step is not None:
                    continue
                if self._has_steps:
                    row.values.clear()
                    return [Skipped(NO_STEP, example=f"line {row.line:,}: {name} {cell}")]
                self._took_steps_for_values = True
            if value is None:
                skipped.append(Skipped(TEXTS, example=f"line {row.line:,}: {name} {cell}"))
            elif name.lower() in TIMES and row.t is None and moment(value) is not None:
                row.t = value
            else:
                row.values[name] = value
        return skipped


def _is_open(text: str, separator: str) -> bool:
    """Whether the text ends within quotation marks."""
    if '"' not in text:
        return False
    try:
        for _ in csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _cells(text: str, separator: str) -> list[str]:
    if separator == " " and '"' not in text:
        return text.split()
    try:
        return [
            cell.strip() for cell in next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
        ]
    except csv.Error:
        return text.split(separator)


def _separator(header: str, row: str) -> str:
    """The separator that gives the header several cells and the row as many, of which most are numbers."""

    def fit(separator: str) -> tuple[bool, int, bool, int]:
        names, cells = _cells(header, separator), _cells(row, separator)
        is_equal = len(names) == len(cells)
        return is_equal and len(names) > 1, len(names), is_equal, sum(map(bool, map(_NUMBER.fullmatch, cells)))

    best = max(_SEPARATORS, key=fit)
    words, cells = len(_cells(header, " ")), len(_cells(row, " "))
    return " " if fit(best)[1] == 1 and words > 1 and cells in (words, words + 1) else best


def _could_be_header(text: str) -> bool:
    """Whether the line has several cells and no number."""
    return any(separator in text for separator in _SEPARATORS) and not any(
        map(_NUMBER.fullmatch, _BETWEEN.split(text))
    )


def _is_numeric(text: str) -> bool:
    """Whether there are only numbers in a line, whatever separates them."""
    cells = [cell for cell in _BETWEEN.split(text.replace('"', "")) if cell]
    return bool(cells) and all(map(_NUMBER.fullmatch, cells))
