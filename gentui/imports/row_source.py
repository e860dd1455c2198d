"""Logs that are rows of numbers, one or more lines each, whose steps are told by all rows together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from gentui.imports.log_entries import Entry, Source, StartOver
from gentui.imports.row_order import Row, RowOrder
from gentui.imports.text_lines import GrowingText, Lines


class RowSource(Source):
    """A log of rows. A subclass provides the bytes, parses lines into rows and can read them all again.

    Every row is looked at before the first is given out again differently, so a log with many restarts is read twice.
    """

    def __init__(self, path: str, name: str):
        super().__init__(path, name)
        self._order = RowOrder()
        self._lines = Lines()
        self.is_torn = False
        """Whether the line being parsed is the last one and has no end."""

    @property
    def is_repeatable(self) -> bool:
        """Whether ``rewind`` works."""
        return True

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """The bytes that are new."""

    @abstractmethod
    def parse_line(self, number: int, line: bytes | None) -> Iterator[Row | Entry]:
        """The rows and entries of a line; None stands for one that is too long."""

    def last_piece(self) -> bytes:
        """Bytes that remain at the end."""
        return b""

    def parse_rest(self) -> Iterator[Row | Entry]:
        """The rows and entries held back until the end."""
        return iter(())

    def is_misread(self) -> bool:
        """Whether later rows show that earlier ones were parsed wrongly; parsing from the start then does better."""
        return False

    def rewind(self) -> None:
        """Prepare to read all from the start, with what is known by now."""
        self._lines = Lines()
        self._order.rewind()
        self.is_torn = False

    def forget(self) -> None:
        """Forget what is known: the log is another."""
        self._order = RowOrder()

    def entries(self) -> Iterator[Entry]:
        yield from self._placed(self._read())

    def last_entries(self) -> Iterator[Entry]:
        yield from self._placed(self._read_rest())

    def _read(self) -> Iterator[Row | Entry]:
        for data in self.pieces():
            for line in self._lines.of(data):
                yield from self.parse_line(*line)

    def _read_rest(self) -> Iterator[Row | Entry]:
        for line in self._lines.of(self.last_piece()):
            yield from self.parse_line(*line)
        self.is_torn = True
        for line in self._lines.last():
            yield from self.parse_line(*line)
        yield from self.parse_rest()

    def _placed(self, items: Iterable[Row | Entry]) -> Iterator[Entry]:
        """Entries with their steps. Raises StartOver once all is read if earlier steps no longer hold."""
        is_stale = False
        for item in items:
            if isinstance(item, Row):
                is_stale |= self._order.observe(item) and self.is_repeatable
            if not is_stale:
                yield from self._order.entries_of(item) if isinstance(item, Row) else (item,)
        if self.is_misread():
            self._order = RowOrder()
            is_stale = True
        if is_stale:
            self.rewind()
            raise StartOver


class RowFile(RowSource):
    """Rows of a plain file, which may be rewritten while it is followed."""

    def __init__(self, path: Path, name: str):
        super().__init__(str(path), name)
        self._file = GrowingText(path)

    @property
    def modified_at(self) -> float:
        return self._file.modified_at

    def pieces(self) -> Iterator[bytes]:
        return self._file.pieces()

    def last_piece(self) -> bytes:
        return self._file.last_piece()

    def rewind(self) -> None:
        super().rewind()
        self._file.rewind()

    def entries(self) -> Iterator[Entry]:
        self._look(exactly=False)
        yield from super().entries()

    def last_entries(self) -> Iterator[Entry]:
        self._look(exactly=True)
        yield from super().last_entries()

    def close(self) -> None:
        self._file.close()

    def _look(self, exactly: bool) -> None:
        """Raise StartOver if the file was rewritten."""
        if self._file.is_rewritten(exactly):
            self.forget()
            self.rewind()
            raise StartOver
