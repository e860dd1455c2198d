"""A grid of as many charts as fit, each below a line with the names and values of its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from gentui.metrics.smoothing import Smoothing
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.curves import (
    ChartStyle,
    Curve,
    axis_name,
    colour_of,
    format_place,
    marker_of,
    slot_of,
    value_at,
)
from gentui.tui.overlay import OverlayEntry
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.heatmap import Heat, HeatMap
from gentui.tui.widgets.score_bars import ScoreBars, bars_of

AUTO_MIN_WIDTH, AUTO_MIN_HEIGHT, AUTO_MAX_CHARTS = 58, 12, 6
"""Smallest size of a chart, in cells, and largest number of charts where the grid follows the size of the screen."""
MIN_WIDTH, MIN_HEIGHT, MAX_COLUMNS, MAX_ROWS = 26, 9, 9, 9
"""Smallest size of a chart where the user has set the number of columns, and the largest numbers that can be set."""
MIN_ROW_HEIGHT = 7
"""Smallest height of a chart where the user has set the number of rows."""
LEGEND_LINES = 3
"""The most lines of the legend of several runs; a single chart may have more."""
_SEPARATOR = "   "

Curves = tuple[Curve, ...]
"""The curves of one chart."""


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


class ChartBox(Vertical):
    """A chart below its title; a note in its place while there are too few values to draw a line."""

    DEFAULT_CSS = """
    ChartBox { height: 1fr; width: 1fr; }
    ChartBox > .chart-title { height: 1; width: 100%; padding: 0 1;
                              text-wrap: nowrap; text-overflow: ellipsis; }
    ChartBox > Chart { height: 1fr; }
    ChartBox > .chart-note { height: 1fr; width: 100%; content-align: center middle; color: $text-muted;
                             display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Curves, ChartStyle] = (), ChartStyle()
        self._waiting = ""
        self._in_focus = False
        self._cursor: float | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="chart-title", markup=False)
        yield Chart()
        yield ScoreBars()
        yield Static(classes="chart-note", markup=False)

    def on_mount(self) -> None:
        if self.curves:
            self._draw()

    @property
    def curves(self) -> Curves:
        return self._shown[0]

    def show(self, curves: Curves, style: ChartStyle, waiting: str, in_focus: bool = False) -> None:
        """Show these curves. ``waiting`` is the note while there are none."""
        self._shown, self._waiting, self._in_focus = (curves, style), waiting, in_focus
        if self.is_mounted:  # otherwise `on_mount` draws
            self._draw()

    def _draw(self) -> None:
        if not self.query(Chart):  # the screen was left while this widget was mounted
            return
        self._update_title()
        chart, note = self.query_one(Chart), self.query_one(".chart-note", Static)
        drawn, bars = bars_of(*self._shown), self.query_one(ScoreBars)
        note_text = "" if drawn else placeholder_for(self.curves, self._waiting)
        chart.display, note.display, bars.display = not note_text and not drawn, bool(note_text), bool(drawn)
        if drawn:
            bars.show(drawn, self._shown[1])
        elif not note_text:
            chart.show(*self._shown)
        elif str(note.content) != note_text:
            note.update(note_text)

    @property
    def is_drawn(self) -> bool:
        """Whether everything shown is drawn for its present size."""
        return self.is_mounted and all(chart.is_drawn for chart in self.query(Chart) if chart.display)

    def point_at(self, x: float | None) -> None:
        """Move the cursor to a place on the x axis; the title shows the values there. None hides it."""
        self._cursor = x
        self._update_title()
        self.query_one(Chart).point_at(x)

    def _update_title(self) -> None:
        title = self.query_one(".chart-title", Static)
        text = title_of(*self._shown, cursor=self._cursor)
        if self._in_focus:
            text = Content.assemble(("> " if self._shown[1].marks == "ascii" else "▸ ", "bold $accent"), text)
        if title.content != text:
            title.update(text, layout=False)


def placeholder_for(curves: Curves, waiting: str) -> str:
    """Return the note shown in place of a chart; "" if some curve has two finite points and can be drawn."""
    finite = [np.flatnonzero(np.isfinite(curve.lo) & np.isfinite(curve.hi)) for curve in curves]
    if any(len(at) > 1 for at in finite):
        return ""
    values = [
        f"{clean(curve.key, 40)} {numbers.number(float(curve.lo[at[0]]))}"
        for curve, at in zip(curves, finite, strict=True)
        if len(at)
    ]
    if len(values) > 1 and len({curve.key for curve in curves}) == 1:  # one per run; the title shows them
        return "One value each so far."
    if values:
        return f"One value so far: {', '.join(values)}."
    return "No finite value yet." if any(len(curve.marks) for curve in curves) else waiting


def title_of(curves: Curves, style: ChartStyle, cursor: float | None = None) -> Content:
    """Return the title of a chart: names, markers and last values of its curves, their range, and how they are drawn.
    With a cursor: the values there, and their differences from the baseline's."""
    parts: list[tuple[str, str]] = []
    lows, highs, bad, named = [], [], 0, set()
    base = next((curve for curve in curves if curve.is_baseline), None)
    is_ascii = style.marks == "ascii"
    for place, curve in enumerate(curves):
        slot = slot_of(curve, place)
        marker = f"{marker_of(slot, is_ascii)} " if len(curves) > 1 else ""
        name = "" if curve.key in named else clean(curve.key, 40)
        named.add(curve.key)
        parts.append(("   " if place and name else " " if place else "", ""))
        if curve.slot is not None and name:  # in an overlay the markers are the runs'
            parts += [(f"{name} ", "bold"), (marker.strip(), f"bold {colour_of(slot)}")]
        else:
            parts.append((f"{marker}{name}".strip(), f"bold {colour_of(slot)}"))
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        if finite.any():
            if cursor is None:
                parts += _last_values(curve, len(curves))
            lows.append(float(curve.lo[finite].min()))
            highs.append(float(curve.hi[finite].max()))
        if cursor is not None:
            value = value_at(curve, cursor)
            text = numbers.number(value) if np.isfinite(value) else "–"
            parts.append((f" {text}", "bold"))
            if base is not None and base is not curve and np.isfinite(d := value - value_at(base, cursor)):
                parts.append((f" ({'+' if d >= 0 else '−'}{numbers.number(abs(d), 3)})", "$text-muted"))
        bad += len(curve.marks)
    if cursor is not None:
        parts.append((f"  at {format_place(style.axis, cursor)}", "$text-muted"))
    if bad:
        parts.append((f"  {'x' if is_ascii else '✗'} not finite in {plural(bad, 'place')}", "$error"))
    drawn = [f"by {axis_name(style.axis)}"] if style.axis != "step" else []
    if bars_of(curves, style):
        drawn = [f"{'lower' if next(iter(curves)).lower_is_better else 'higher'} is better"]
    else:
        drawn += ["log y"] if style.log_y else []
        drawn += ["outliers hidden"] if style.clip else []
    smoothed = next((curve for curve in curves if curve.is_smooth), None)
    drawn += [smoothing_in_words(smoothed.smoothing, smoothed.is_each_step)] if smoothed else []
    parts.append(("  " + " · ".join(drawn) if drawn else "", "$text-muted"))
    if cursor is None and lows and min(lows) < max(highs):
        parts.append((f"  {numbers.number(min(lows))} … {numbers.number(max(highs))}", "$text-muted"))
    return Content.assemble(*parts)


def values_at(curves: Curves, x: float) -> dict[int, str]:
    """Return the formatted values of the curves at a place on the x axis, by slot; curves without a value are
    absent."""
    values = {curve.slot: value_at(curve, x) for curve in curves if curve.slot is not None}
    return {slot: numbers.number(value) for slot, value in values.items() if np.isfinite(value)}


def _last_values(curve: Curve, number: int) -> list[tuple[str, str]]:
    """The last value as it was logged, and beside it the smoothed one, in a word where it is the only one; of more than
    three curves there is no room for both."""
    last = curve.last
    if not np.isfinite(last):
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        last = float((curve.lo[finite][-1] + curve.hi[finite][-1]) / 2)
    parts = [(f" {numbers.number(last)}", "bold")]
    if curve.is_smooth and np.isfinite(curve.last_smooth) and number <= 3:
        mark = "  smoothed " if number == 1 else " ~"
        parts.append((f"{mark}{numbers.number(curve.last_smooth)}", "$text-muted"))
    return parts


def smoothing_in_words(smoothing: Smoothing, is_each_step: bool = True) -> str:
    """Say how curves are smoothed: ``mean of 66 steps``, ``smoothing 0.6``."""
    if smoothing.kind == "window":
        return f"mean of {smoothing.width} {'steps' if is_each_step else 'values'}"
    return f"smoothing {smoothing.weight:g}"


def legend_of(
    runs: Sequence[OverlayEntry],
    marks: str,
    width: int = 0,
    lines: int = 0,
    values: Mapping[int, str] | None = None,
) -> Content:
    """Return the legend of an overlay: the marker, colour and name of each run.

    It has at most ``lines`` lines of at most ``width`` cells; 0 means no limit. ``values`` are the formatted values
    at the cursor, by slot.
    """
    rows: list[list[Content]] = [[]]
    for run in runs:
        label = f"{marker_of(run.slot, marks == 'ascii')} {run.name}"
        value = f" {values[run.slot]}" if values and run.slot in values else ""
        entry = Content.assemble(
            (label, f"bold {colour_of(run.slot)}"), (value, "bold"),
            (" baseline" if run.is_baseline else "", "$text-muted"),
        )  # fmt: skip
        if rows[-1] and 0 < width < _width([*rows[-1], entry]):
            rows.append([])
        rows[-1].append(entry)
    if 0 < lines < len(rows):
        rows, last = rows[:lines], rows[lines - 1]
        while True:
            left_out = len(runs) - sum(map(len, rows))
            more = Content.styled(f"and {left_out} more (O lists all)", "$text-muted")
            if len(last) < 2 or _width([*last, more]) <= width:
                last.append(more)
                break
            last.pop()
    return Content("\n").join(Content(_SEPARATOR).join(row) for row in rows)


def _width(row: Sequence[Content]) -> int:
    return sum(one.cell_length + len(_SEPARATOR) for one in row) - len(_SEPARATOR)


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
            yield ChartBox()
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
            across = min(max(1, width // AUTO_MIN_WIDTH), 3)
            down = min(max(1, height // AUTO_MIN_HEIGHT), max(1, AUTO_MAX_CHARTS // across))
        if self._fixed_rows and not self._is_single:
            down = max(1, min(self._fixed_rows, MAX_ROWS, height // MIN_ROW_HEIGHT))
        count, columns = across * down, max(16, width // across - 12)
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
        return all(box.is_drawn for box in self.query(ChartBox) if box.display)

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
        boxes = list(grid.query(ChartBox))
        for _ in range(len(page.charts) - len(boxes)):
            box = ChartBox()
            grid.mount(box)
            boxes.append(box)
        for index, box in enumerate(boxes):
            box.display = index < len(page.charts)
        for index, (box, curves) in enumerate(zip(boxes, page.charts, strict=False)):
            in_focus = page.first + index == page.focus and len(page.charts) > 1
            is_other = bool(curves) and curves[0].key in page.other_scale
            style = replace(self._style, log_y=not self._style.log_y) if is_other else self._style
            box.show(curves, style, page.waiting, in_focus)

    def place_of(self, chart: Chart) -> int | None:
        """Return the index of a chart among all of them; None if it is not shown."""
        boxes = [box.query_one(Chart) for box in self.query(ChartBox) if box.display]
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
        for box in self.query(ChartBox):
            if box.display and box.is_mounted:
                box.point_at(x)
        if is_moved:
            self._update_legend()
