"""A grid of as many charts as fit, each below a line with the names and values of its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.curves import ChartStyle
from gentui.tui.overlay import OverlayEntry
from gentui.tui.sizes import WIDE
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_text import Curves, legend_of, values_at
from gentui.tui.widgets.heatmap import Heat, HeatMap

AUTO_MIN_WIDTH, AUTO_MIN_HEIGHT, AUTO_MAX_CHARTS = 56, 12, 6
"""Smallest size of a chart, in cells, and largest number of charts where the grid follows the size of the screen."""
PAIR_WIDTH, NARROW_PAIR_WIDTH = 88, 66
"""Cells from which on there are two columns; the narrow ones on a wide screen, which has other panes beside them."""
MIN_WIDTH, MIN_HEIGHT, MAX_COLUMNS, MAX_ROWS = 26, 9, 9, 9
"""Smallest size of a chart where the user has set the number of columns, and the largest numbers that can be set."""
MIN_ROW_HEIGHT = 7
"""Smallest height of a chart where the user has set the number of rows."""
LEGEND_LINES = 3
"""The most lines of the legend of several runs; a single chart may have more."""


@dataclass(frozen=True)
class ChartPage:
    """The charts to show, and what the grid says about them.

    ``charts`` are those from index ``first`` on, of ``number`` in all; ``focus`` is the index of the one in focus.
    ``waiting`` is shown where there is nothing to draw. ``runs`` are the runs of an overlay. ``hidden`` charts are
    hidden by the user, and ``filtered`` charts do not match ``filter``. ``other_scale`` are the charts (by their
    first metric) whose y axis is logarithmic where the style says linear, or the reverse. ``of_machine``: the
    charts show the machine, not the run's metrics. ``heat`` is shown in place of the charts.
    """

    charts: Sequence[Curves]
    first: int = 0
    number: int = 0
    focus: int = 0
    waiting: str = ""
    runs: tuple[OverlayEntry, ...] = ()
    hidden: int = 0
    heat: Heat | None = field(default=None, repr=False)
    filter: str = ""
    filtered: int = 0
    of_machine: bool = False
    other_scale: tuple[str, ...] = ()


class ChartGrid(Vertical):
    """A grid of charts. ``CapacityChanged`` is posted when more or fewer charts, or wider ones, would fit."""

    DEFAULT_CSS = """
    ChartGrid { height: 1fr; }
    ChartGrid > Grid { height: 1fr; width: 100%; grid-gutter: 0 1; }
    ChartGrid > HeatMap { height: 1fr; width: 100%; display: none; }
    ChartGrid > .charts-note { height: 1fr; width: 100%; content-align: center middle; color: $text-muted; }
    ChartGrid > .charts-legend { height: auto; width: 100%; padding: 0 1;
                              text-wrap: nowrap; text-overflow: ellipsis; }
    ChartGrid > .charts-page { height: 1; width: 100%; color: $text-muted; text-align: right; padding: 0 1; }
    ChartGrid > .charts-note, ChartGrid > .charts-page, ChartGrid > .charts-legend { display: none; }
    """

    @dataclass
    class CapacityChanged(Message):
        pass

    def __init__(self) -> None:
        super().__init__()
        self.count = 1
        self.columns = 120
        self.across = self.down = 1
        self._fixed_columns = self._fixed_rows = 0
        self._is_single = False
        self._page = ChartPage(())
        self._style = ChartStyle()
        self._cursor: float | None = None

    def compose(self) -> ComposeResult:
        with Grid():
            yield Chart()
        yield HeatMap()
        yield Static(classes="charts-note", markup=False)
        yield Static(classes="charts-legend", markup=False)
        yield Static(classes="charts-page", markup=False)

    def lay_out(self, columns: int, rows: int, is_single: bool) -> None:
        """Set the numbers of columns and rows (0: as many as suit the size), or show a single chart."""
        self._fixed_columns, self._fixed_rows, self._is_single = columns, rows, is_single
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        width, height = self.size
        if not width:
            return
        if self._is_single:
            across = down = 1
        elif self._fixed_columns:
            across = max(1, min(self._fixed_columns, MAX_COLUMNS, width // MIN_WIDTH))
            down = max(1, height // MIN_HEIGHT)
        else:
            pair = NARROW_PAIR_WIDTH if self.app.size.width >= WIDE else PAIR_WIDTH
            across = min(max(1, width // AUTO_MIN_WIDTH, 2 * (width >= pair)), 3)
            down = min(max(1, height // AUTO_MIN_HEIGHT), max(1, AUTO_MAX_CHARTS // across))
        if self._fixed_rows and not self._is_single:
            down = max(1, min(self._fixed_rows, MAX_ROWS, height // MIN_ROW_HEIGHT))
        count, columns = across * down, max(16, width // across - 8)
        self.query_one(Grid).styles.grid_size_columns = across
        if (count, columns, across) != (self.count, self.columns, self.across):
            self.count, self.columns, self.across, self.down = count, columns, across, down
            self.post_message(self.CapacityChanged())

    @property
    def focused(self) -> Curves:
        """The curves of the chart in focus."""
        at = self._page.focus - self._page.first
        return self._page.charts[at] if 0 <= at < len(self._page.charts) else ()

    @property
    def is_drawn(self) -> bool:
        """Whether everything shown is drawn for its present size."""
        return all(box.is_drawn for box in self.query(Chart) if box.display)

    def show(self, page: ChartPage, style: ChartStyle) -> None:
        """Show these charts in a style."""
        self._page, self._style = page, style
        grid, heat = self.query_one(Grid), self.query_one(HeatMap)
        grid.display, heat.display = bool(page.charts) and page.heat is None, page.heat is not None
        if page.heat is not None:
            heat.show(page.heat, style, self._cursor)
        else:
            self._show_boxes(grid)
        note = self.query_one(".charts-note", Static)
        note.display = not page.charts and page.heat is None
        if note.display and str(note.content) != page.waiting:
            note.update(page.waiting)
        self._update_legend()
        self._set_line(".charts-page", Content(self._paging()))

    def _show_boxes(self, grid: Grid) -> None:
        page = self._page
        boxes = list(grid.query(Chart))
        for _ in range(len(page.charts) - len(boxes)):
            box = Chart()
            boxes.append(box)
        if new := [box for box in boxes if box.parent is None]:
            grid.mount_all(new)
        for index, box in enumerate(boxes):
            box.display = index < len(page.charts)
        for index, (box, curves) in enumerate(zip(boxes, page.charts, strict=False)):
            in_focus = page.first + index == page.focus and len(page.charts) > 1
            is_other = bool(curves) and curves[0].key in page.other_scale
            style = replace(self._style, log_y=not self._style.log_y) if is_other else self._style
            box.show(curves, style, page.waiting, in_focus)

    def place_of(self, chart: Chart) -> int | None:
        """Return the index of a chart among all of them; None if it is not shown."""
        boxes = [box for box in self.query(Chart) if box.display]
        return self._page.first + boxes.index(chart) if chart in boxes else None

    def _paging(self) -> str:
        page = self._page
        parts = ["the machine (L)"] if page.of_machine else []
        parts += [f"{plural(page.hidden, 'chart')} hidden (U)"] if page.hidden else []
        parts += [f"{page.filtered} left out by {clean(page.filter, 30)} (/)"] if page.filtered else []
        pages = -(-page.number // max(1, self.count))
        if pages > 1 and page.heat is None:
            parts.append(f"page {page.first // max(1, self.count) + 1} of {pages} (m)")
        return " · ".join(parts)

    def _update_legend(self) -> None:
        """Update the legend of an overlay, with the values at the cursor of the chart in focus."""
        page, text = self._page, Content("")
        if len(page.runs) > 1:
            values = None if self._cursor is None else values_at(self.focused, self._cursor)
            lines = max(LEGEND_LINES, self.size.height // 3) if self._is_single else LEGEND_LINES
            text = legend_of(page.runs, self._style.marks, self.size.width - 2, lines, values)
        self._set_line(".charts-legend", text)

    def _set_line(self, selector: str, text: Content) -> None:
        line = self.query_one(selector, Static)
        line.display = bool(text.plain)
        if line.content != text:
            before = str(line.content).count("\n")
            line.update(text, layout=before != text.plain.count("\n") or not line.size)

    def point_at(self, x: float | None) -> None:
        """Move the cursor of every chart to a place on the x axis; None hides it."""
        is_moved, self._cursor = x != self._cursor, x
        if self._page.heat is not None:
            self.query_one(HeatMap).show(self._page.heat, self._style, x)
        for box in self.query(Chart):
            if box.display:
                box.point_at(x)
        if is_moved:
            self._update_legend()
