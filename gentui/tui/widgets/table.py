"""A table that draws only the rows on screen, so that thousands of rows cost no more than twenty.

Columns are fitted to the width; on a narrow screen the least important ones are dropped first. The cursor row has a
marker, so that it shows without colour, and so have marked rows and the title of the column sorted by.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from gentui.text.sanitize import fit
from gentui.tui.widgets.cursor_view import CursorView

Cell = str | tuple[str, str]
"""Text, or text and one of ``TONES``."""

TONES = ("dim", "good", "warn", "bad", "accent", "tag", "strong", "curve")


LESS_THAN_A_NAME = 3
"""Columns with this ``drop`` or a higher one are dropped before one that is cut in its middle, a name, shrinks."""


NARROWEST_HEADING = 20
"""Width in cells below which a heading is cut, since its words would fill the screen."""


@dataclass(frozen=True)
class Column:
    """A column. Columns with the highest ``drop`` are dropped first, those with 0 never; ``flex`` columns shrink
    and grow. Before a flexible column shrinks, those that may be dropped and hold nothing are.

    ``minimum`` and ``maximum`` are widths in cells. ``cut``: where text is shortened, ``end`` or ``middle``.
    """

    title: str
    align: str = "left"
    flex: bool = False
    minimum: int = 3
    maximum: int = 48
    drop: int = 0
    cut: str = "end"


@dataclass(frozen=True)
class Row:
    """A row. Its key is None for a heading, which the cursor skips."""

    key: str | None
    cells: tuple[Cell, ...]

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Widths of the cells, measured once: few of a thousand rows change at a time."""
        return tuple([_width(_text(cell)) for cell in self.cells])

    @cached_property
    def filled(self) -> tuple[bool, ...]:
        """Whether there is something in each of the cells."""
        return tuple([_text(cell) not in _NOTHING for cell in self.cells])


_NOTHING = ("", "–")


def heading(text: str) -> Row:
    return Row(None, (text,))


def _lines_of(row: Row, width: int) -> list[Row]:
    if row.key is not None or width < NARROWEST_HEADING or row.widths[0] <= width:
        return [row]
    return [heading(line) for line in textwrap.wrap(_text(row.cells[0]), width, subsequent_indent="  ")]


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


class Table(CursorView, can_focus=True):
    """Rows in columns, with a cursor. Cells must hold sanitized text. ``empty`` is shown in place of no rows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--titles", "table--heading", "table--cursor", "table--cursor-blurred",
        *(f"table--{tone}" for tone in TONES),
    }  # fmt: skip
    DEFAULT_CSS = """
    Table {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .table--titles { color: $text-muted; text-style: none; }
        & > .table--heading { color: $secondary; text-style: bold; }
        & > .table--cursor { background: $primary-muted; text-style: bold; }
        & > .table--cursor-blurred { background: $panel; }
        & > .table--dim { color: $text-muted; }
        & > .table--good { color: $success; }
        & > .table--warn { color: $warning; }
        & > .table--bad { color: $error; }
        & > .table--accent { color: $accent; }
        & > .table--tag { color: $secondary; }
        & > .table--strong { text-style: bold; }
        & > .table--curve { color: $primary; }
    }
    """
    FIXED_LINES = 1  # the titles
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "end(False)", "First", show=False),
        Binding("end", "end(True)", "Last", show=False),
    ]

    empty: reactive[str] = reactive("")

    @dataclass
    class Highlighted(Message):
        """The cursor moved to another row."""

        table: Table
        key: str | None

    @dataclass
    class Chosen(Message):
        """A row was double-clicked."""

        table: Table
        key: str

    def __init__(
        self, columns: Sequence[Column], *, id: str | None = None, empty: str = "", markable: bool = False
    ) -> None:
        super().__init__(id=id)
        self._gutter = 3 if markable else 2
        self.columns = list(columns)
        self.rows: list[Row] = []
        self._given: list[Row] = []  # the rows as they were set, with each heading in one
        self._widths: list[int] = []
        self._marked: frozenset[str] = frozenset()
        self._sorted: tuple[int, bool] | None = None
        self._natural: list[int] = [_width(c.title) for c in columns]
        self._vacant: list[int] = []
        """The columns that may be dropped and hold nothing, in the order in which they give way."""
        self.set_reactive(Table.empty, empty)

    # -- contents

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self.rows[self._at].key if self._at < len(self.rows) else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows. Only lines that differ are drawn again; the cursor stays on the row with its key.

        A heading that is wider than the table becomes several, one for each of its lines.
        """
        old, before, key = self.rows, self._at, self.key
        self._given = list(rows)
        self.rows = [line for row in rows for line in _lines_of(row, self.size.width - 2)]
        self._at = self._index_of(key, before)
        self._natural = self._measure()
        widths = self._fit()
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        if widths != self._widths or not old or not self.rows:
            self._widths = widths
            self.refresh()
        else:
            top = self.scroll_offset.y
            for index in range(top, min(top + self.size.height, max(len(old), len(self.rows)))):
                is_same = index < len(old) and index < len(self.rows) and old[index] == self.rows[index]
                if not is_same or (before != self._at and index in (before, self._at)):
                    self.refresh_line(index + 1)
        if before != self._at and old:
            self._reveal()
        if key != self.key:
            self.post_message(self.Highlighted(self, self.key))

    @property
    def marked(self) -> frozenset[str]:
        """The keys of the marked rows, including rows that are not shown now."""
        return self._marked

    def set_marked(self, keys: Iterable[str]) -> None:
        """Mark the rows with these keys, and no others."""
        before, self._marked = self._marked, frozenset(keys)
        if changed := before ^ self._marked:
            top = self.scroll_offset.y
            for index, row in enumerate(self.rows[top : top + self.size.height], top):
                if row.key in changed:
                    self.refresh_line(index + 1)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns, and remove all rows until rows for the new columns are set."""
        if self.columns != [*columns]:
            self.columns, self.rows, self._given, self._sorted = [*columns], [], [], None
            self._natural, self._widths = self._measure(), []
            self.refresh()

    def set_sorted(self, column: int, descending: bool) -> None:
        """Show which column the rows are sorted by. Sorting them is up to the caller."""
        if self._sorted != (column, descending):
            self._sorted = (column, descending)
            self._natural, self._widths = self._measure(), []
            self.refresh_line(0)

    def lines_in_sight(self) -> list[tuple[int, str]]:
        """The line, from the top of the widget, and the key of each row on screen."""
        first, last = self.scroll_offset.y, self.scroll_offset.y + self.size.height - self.FIXED_LINES
        rows = enumerate(self.rows[first:last], self.FIXED_LINES)
        return [(line, row.key) for line, row in rows if row.key is not None]

    def move_to(self, key: str) -> None:
        """Move the cursor to the row with this key, if there is one."""
        for index, row in enumerate(self.rows):
            if row.key == key:
                self._go(index)
                return

    def _index_of(self, key: str | None, before: int) -> int:
        if key is not None:
            for index, row in enumerate(self.rows):
                if row.key == key:
                    return index
        return self._selectable(min(before, max(0, len(self.rows) - 1)), 1)

    def _selectable(self, index: int, direction: int) -> int:
        """Return the nearest row with a key from ``index`` on in ``direction``, or else in the other direction."""
        for step in (direction, -direction):
            at = index
            while 0 <= at < len(self.rows):
                if self.rows[at].key is not None:
                    return at
                at += step
        return 0

    # -- columns

    def _titles(self) -> list[str]:
        titles = [column.title for column in self.columns]
        if self._sorted is not None:
            titles[self._sorted[0]] += " ▼" if self._sorted[1] else " ▲"
        return titles

    def _measure(self) -> list[int]:
        titles = tuple(_width(title) for title in self._titles())
        rows = (row.widths for row in self.rows if row.key is not None)
        self._vacant = self._columns_without_content()
        widest = [max(column) for column in zip(titles, *rows, strict=True)]
        return [
            min(max(w, c.minimum), c.maximum) if w else 0 for w, c in zip(widest, self.columns, strict=True)
        ]

    def _columns_without_content(self) -> list[int]:
        filled = [row.filled for row in self.rows if row.key is not None]
        sorted_by = self._sorted[0] if self._sorted is not None else -1
        able = [i for i, c in enumerate(self.columns) if c.drop and i != sorted_by]
        vacant = [i for i in able if not any(row[i] for row in filled)] if filled else []
        return sorted(vacant, key=lambda i: -self.columns[i].drop)

    def _fit(self) -> list[int]:
        """Return the width of every column; 0 for dropped ones."""
        room = (
            self.size.width - self._gutter - (1 if len(self.rows) + 1 > self.size.height else 0)
        )  # less the scroll bar
        widths = list(self._natural)
        used = lambda: sum(w + 2 for w in widths if w) - 2  # noqa: E731

        def squeeze() -> None:
            """Take cells from the widest flexible column until all columns fit."""
            for _ in range(used() - room):
                able = [i for i, c in enumerate(self.columns) if c.flex and widths[i] > c.minimum]
                if able:
                    widths[max(able, key=widths.__getitem__)] -= 1

        def excess(beside: Column) -> int:
            """Return by how many cells the columns are too wide beside one that may be dropped: with all flexible
            ones at their minimum, but names whole if it is worth less than they are."""
            are_whole = beside.drop >= LESS_THAN_A_NAME
            at_least = (
                min(w, c.minimum) if c.flex and not (are_whole and c.cut == "middle") else w
                for w, c in zip(widths, self.columns, strict=True)
                if w
            )
            return sum(w + 2 for w in at_least) - 2 - room

        dropped = []
        by_worth = sorted(range(len(widths)), key=lambda i: (i not in self._vacant, -self.columns[i].drop))
        for index in by_worth:
            if not self.columns[index].drop or excess(self.columns[index]) <= 0:
                break
            dropped.append(index)
            widths[index] = 0
        for index in reversed(dropped):  # where a wide column was dropped, a narrow one may fit
            widths[index] = self._natural[index]
            if excess(self.columns[index]) > 0:
                widths[index] = 0
        for index in self._vacant:
            if used() <= room:
                break
            widths[index] = 0
        squeeze()
        spare = room - used()
        growing = [i for i, c in enumerate(self.columns) if c.flex and widths[i]]
        if spare > 0 and growing:
            widths[growing[-1]] += spare
        return widths

    # -- cursor

    def _go(self, index: int) -> None:
        index = max(0, min(index, len(self.rows) - 1))
        if index == self._at or not self.rows:
            return
        old, self._at = self._at, index
        self.refresh_line(old + 1)
        self.refresh_line(index + 1)
        self._reveal()
        self.post_message(self.Highlighted(self, self.key))

    def _first_shown(self) -> int:
        first = self._at
        while first > 0 and self.rows[first - 1].key is None:  # a heading is shown with its first row
            first -= 1
        return first

    def action_cursor(self, by: int) -> None:
        at = self._at + by
        while 0 <= at < len(self.rows) and self.rows[at].key is None:
            at += by
        if 0 <= at < len(self.rows):
            self._go(at)
        elif by < 0:
            self.scroll_to(y=0, animate=False)

    def action_page(self, by: int) -> None:
        at = max(0, min(len(self.rows) - 1, self._at + by * max(1, self.size.height - 2)))
        self._go(self._selectable(at, by))

    def action_end(self, last: bool) -> None:
        self._go(self._selectable(len(self.rows) - 1, -1) if last else self._selectable(0, 1))

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            return
        index = event.y - 1 + self.scroll_offset.y
        if index < len(self.rows) and self.rows[index].key is not None:
            self._go(index)
            if event.chain == 2 and (key := self.key) is not None:
                self.post_message(self.Chosen(self, key))

    # -- drawing

    def on_resize(self) -> None:
        self.set_rows(self._given)
        self.refresh()
        self.call_after_refresh(self._follow_height)

    def on_focus(self) -> None:
        self.refresh_line(self._at + 1)

    def on_blur(self) -> None:
        self.refresh_line(self._at + 1)

    def watch_empty(self) -> None:
        if not self.rows:
            self.refresh()

    def refresh_line(self, y: int) -> None:
        """Refresh one line; line 0 is that of the titles, which do not scroll."""
        at = y - (self.scroll_offset.y if y else 0)
        if y and at < 1:
            return
        self.refresh(Region(0, at, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        if y == 0:
            return self._line(self._titles(), base + self._style("titles"), "", width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
            words = [] if self.rows else textwrap.wrap(self.empty, max(1, width - 3))
            if 2 <= y < 2 + len(words):
                text = fit("  " + words[y - 2], width)
                return Strip([Segment(text, base + self._style("dim"))], width)
            return Strip.blank(width, base)
        row = self.rows[index]
        if row.key is None:
            text = fit(" " + _text(row.cells[0]), width)
            return Strip([Segment(text, base + self._style("heading"))], width)
        mark = "◆" if row.key in self._marked else ""
        if index != self._at:
            return self._line(row.cells, base, " " + mark, width)
        cursor = self._style("cursor" if self.has_focus else "cursor-blurred")
        return self._line(row.cells, base + cursor, "▸" + mark, width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"table--{name}", partial=True)

    def _line(self, cells: Sequence[Cell], base: Style, marker: str, width: int) -> Strip:
        segments = [Segment(fit(marker, self._gutter), base)]
        used = self._gutter
        for index, cell in enumerate(cells):
            room = self._widths[index] if index < len(self._widths) else 0
            if not room:
                continue
            gap = "  " if used > self._gutter else ""
            text, tone = (cell, "") if isinstance(cell, str) else cell
            if gap:
                segments.append(Segment(gap, base))
            style = base + self._style(tone) if tone else base
            segments.append(Segment(fit(text, room, self.columns[index].align, self.columns[index].cut), style))
            used += len(gap) + room
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        return Strip(segments, max(used, width)).crop(0, width)
