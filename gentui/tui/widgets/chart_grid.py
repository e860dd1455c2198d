"""As many charts as there is room for, each under a line with the names and values of its curves."""

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

from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.curves import (
    ChartStyle,
    Curve,
    marker_of,
    name_of,
    place_on,
    slot_of,
    tone_of,
    value_at,
    window_of,
)
from gentui.tui.overlay import OverlayEntry
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.heatmap import Heat, HeatMap

LEAST_WIDTH, LEAST_HEIGHT, MOST = 58, 12, 6
"""Of a chart where the number of columns follows the screen, and the most there are then."""
NARROWEST, LOWEST, MOST_COLUMNS, MOST_ROWS = 26, 9, 9, 9
"""Of a chart where a number of columns is asked for."""

LEAST_ROW = 7
"""Lines of a chart where a number of rows is asked for."""

LEGEND = 3
"""Lines of the legend of several runs, at most; more where a chart stands alone."""
_BETWEEN = "   "

Curves = tuple[Curve, ...]
"""The curves of one chart."""


@dataclass(frozen=True)
class ChartPage:
    """The charts to show: those from ``first`` on of ``number``, the one in focus, the runs drawn in them where
    they are several, how many charts are hidden, and what is waited for where there is none. ``filtered``: how many
    charts the words of ``filter`` leave out; ``others``: the charts whose y axis is not of the kind that the look says;
    ``of_machine``: they are of the machine, not of what the run logs."""

    charts: Sequence[Curves]
    first: int = 0
    number: int = 0
    focus: int = 0
    waiting: str = ""
    laid: tuple[OverlayEntry, ...] = ()
    hidden: int = 0
    heat: Heat | None = field(default=None, repr=False)
    filter: str = ""
    filtered: int = 0
    of_machine: bool = False
    others: tuple[str, ...] = ()


class ChartBox(Vertical):
    """A chart under one line of text; a sentence in its place while there is nothing to draw a line between."""

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
        yield Static(classes="chart-note", markup=False)

    def on_mount(self) -> None:
        if self.curves:
            self._draw()

    @property
    def curves(self) -> Curves:
        return self._shown[0]

    def show(self, curves: Curves, look: ChartStyle, waiting: str, in_focus: bool = False) -> None:
        """Draw these curves; ``waiting`` is what a run that has logged nothing waits for."""
        self._shown, self._waiting, self._in_focus = (curves, look), waiting, in_focus
        if self.is_mounted:  # else when it is
            self._draw()

    def _draw(self) -> None:
        if not self.query(Chart):  # the screen is left while this mounts
            return
        self._entitle()
        chart, note = self.query_one(Chart), self.query_one(".chart-note", Static)
        sentence = instead_of(self.curves, self._waiting)
        chart.display, note.display = not sentence, bool(sentence)
        if not sentence:
            chart.show(*self._shown)
        elif str(note.content) != sentence:
            note.update(sentence)

    @property
    def is_drawn(self) -> bool:
        """Whether what it shows is drawn for the room it has."""
        return self.is_mounted and all(chart.is_drawn for chart in self.query(Chart) if chart.display)

    def point_at(self, x: float | None) -> None:
        """Stand the cursor there; the title tells the values."""
        self._cursor = x
        self._entitle()
        self.query_one(Chart).point_at(x)

    def _entitle(self) -> None:
        title = self.query_one(".chart-title", Static)
        text = title_of(*self._shown, cursor=self._cursor)
        if self._in_focus:
            text = Content.assemble(("> " if self._shown[1].marks == "ascii" else "▸ ", "bold $accent"), text)
        if title.content != text:
            title.update(text, layout=False)


def instead_of(curves: Curves, waiting: str) -> str:
    """What is said in place of a chart: nothing where some curve has two finite points to draw."""
    finite = [np.flatnonzero(np.isfinite(curve.lo) & np.isfinite(curve.hi)) for curve in curves]
    if any(len(at) > 1 for at in finite):
        return ""
    told = [
        f"{clean(curve.key, 40)} {numbers.number(float(curve.lo[at[0]]))}"
        for curve, at in zip(curves, finite, strict=True)
        if len(at)
    ]
    if len(told) > 1 and len({curve.key for curve in curves}) == 1:  # of as many runs; the title tells them
        return "One value each so far."
    if told:
        return f"One value so far: {', '.join(told)}."
    return "No finite value yet." if any(len(curve.marks) for curve in curves) else waiting


def title_of(curves: Curves, look: ChartStyle, cursor: float | None = None) -> Content:
    """Names and last values with the markers of the curves, their range, and how they are drawn. With a cursor: the
    values there, and how far from the baseline's."""
    parts: list[tuple[str, str]] = []
    lows, highs, bad, named = [], [], 0, set()
    base = next((curve for curve in curves if curve.is_baseline), None)
    is_ascii = look.marks == "ascii"
    for place, curve in enumerate(curves):
        slot = slot_of(curve, place)
        marker = f"{marker_of(slot, is_ascii)} " if len(curves) > 1 else ""
        name = "" if curve.key in named else clean(curve.key, 40)
        named.add(curve.key)
        parts.append(("   " if place and name else " " if place else "", ""))
        if curve.slot is not None and name:  # the markers are those of runs
            parts += [(f"{name} ", "bold"), (marker.strip(), f"bold {tone_of(slot)}")]
        else:
            parts.append((f"{marker}{name}".strip(), f"bold {tone_of(slot)}"))
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        if finite.any():
            last = (curve.lo[finite][-1] + curve.hi[finite][-1]) / 2
            if cursor is None:
                parts.append((f" {numbers.number(float(last))}", "bold"))
            lows.append(float(curve.lo[finite].min()))
            highs.append(float(curve.hi[finite].max()))
        if cursor is not None:
            value = value_at(curve, cursor)
            told = numbers.number(value) if np.isfinite(value) else "–"
            parts.append((f" {told}", "bold"))
            if base is not None and base is not curve and np.isfinite(d := value - value_at(base, cursor)):
                parts.append((f" ({'+' if d >= 0 else '−'}{numbers.number(abs(d), 3)})", "$text-muted"))
        bad += len(curve.marks)
    if cursor is not None:
        parts.append((f"  at {place_on(look.axis, cursor)}", "$text-muted"))
    elif lows:
        parts.append((f"  {numbers.number(min(lows))} … {numbers.number(max(highs))}", "$text-muted"))
    if bad:
        parts.append((f"  {'x' if is_ascii else '✗'} not finite in {plural(bad, 'place')}", "$error"))
    drawn = [f"by {name_of(look.axis)}"] if look.axis != "step" else []
    drawn += ["log y"] if look.log_y else []
    drawn += ["outliers cut"] if look.clip else []
    drawn += [smoothing_in_words(look)] if look.smoothing and not all(c.sparse for c in curves) else []
    parts.append(("  " + " · ".join(drawn), "$text-muted"))
    return Content.assemble(*parts)


def values_at(curves: Curves, x: float) -> dict[int, str]:
    """What the curve of each slot is at a place on the axis, where it is anything."""
    told = {curve.slot: value_at(curve, x) for curve in curves if curve.slot is not None}
    return {slot: numbers.number(value) for slot, value in told.items() if np.isfinite(value)}


def smoothing_in_words(look: ChartStyle) -> str:
    return f"mean of {window_of(look.smoothing)}" if look.kind == "window" else f"smooth {look.smoothing:g}"


def legend_of(
    laid: Sequence[OverlayEntry],
    marks: str,
    width: int = 0,
    lines: int = 0,
    values: Mapping[int, str] | None = None,
) -> Content:
    """Which marker and colour is which run's, in at most ``lines`` of at most ``width`` cells; 0: as many as it takes.
    ``values``: what the curve of each slot is at the cursor."""
    rows: list[list[Content]] = [[]]
    for one in laid:
        named = f"{marker_of(one.slot, marks == 'ascii')} {one.name}"
        value = f" {values[one.slot]}" if values and one.slot in values else ""
        told = Content.assemble(
            (named, f"bold {tone_of(one.slot)}"), (value, "bold"),
            (" baseline" if one.is_baseline else "", "$text-muted"),
        )  # fmt: skip
        if rows[-1] and 0 < width < _width([*rows[-1], told]):
            rows.append([])
        rows[-1].append(told)
    if 0 < lines < len(rows):
        rows, last = rows[:lines], rows[lines - 1]
        while True:
            left_out = len(laid) - sum(map(len, rows))
            more = Content.styled(f"and {left_out} more (O tells all)", "$text-muted")
            if len(last) < 2 or _width([*last, more]) <= width:
                last.append(more)
                break
            last.pop()
    return Content("\n").join(Content(_BETWEEN).join(row) for row in rows)


def _width(row: Sequence[Content]) -> int:
    return sum(one.cell_length + len(_BETWEEN) for one in row) - len(_BETWEEN)


class ChartGrid(Vertical):
    """``show`` fills the boxes; ``CapacityChanged`` says that more or fewer, or wider ones, would fit."""

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
        self._wanted = self._wanted_rows = 0
        self._is_single = False
        self._page = ChartPage(())
        self._look = ChartStyle()
        self._cursor: float | None = None

    def compose(self) -> ComposeResult:
        with Grid():
            yield ChartBox()
        yield HeatMap()
        yield Static(classes="charts-note", markup=False)
        yield Static(classes="charts-legend", markup=False)
        yield Static(classes="charts-page", markup=False)

    def lay_out(self, columns: int, rows: int, is_single: bool) -> None:
        """So many columns and rows, 0 for as many as suit; or one chart alone."""
        self._wanted, self._wanted_rows, self._is_single = columns, rows, is_single
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        width, height = self.size
        if not width:
            return
        if self._is_single:
            across = down = 1
        elif self._wanted:
            across = max(1, min(self._wanted, MOST_COLUMNS, width // NARROWEST))
            down = max(1, height // LOWEST)
        else:
            across = min(max(1, width // LEAST_WIDTH), 3)
            down = min(max(1, height // LEAST_HEIGHT), max(1, MOST // across))
        if self._wanted_rows and not self._is_single:
            down = max(1, min(self._wanted_rows, MOST_ROWS, height // LEAST_ROW))
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
        """Whether what it shows is drawn for the room it has."""
        return all(box.is_drawn for box in self.query(ChartBox) if box.display)

    def show(self, page: ChartPage, look: ChartStyle) -> None:
        """Draw these charts this way."""
        self._page, self._look = page, look
        grid, heat = self.query_one(Grid), self.query_one(HeatMap)
        grid.display, heat.display = bool(page.charts) and page.heat is None, page.heat is not None
        if page.heat is not None:
            heat.show(page.heat, look, self._cursor)
        else:
            self._show_boxes(grid)
        note = self.query_one(".charts-note", Static)
        note.display = not page.charts and page.heat is None
        if note.display and str(note.content) != page.waiting:
            note.update(page.waiting)
        self._tell_runs()
        self._tell(".charts-page", Content(self._paging()))

    def _show_boxes(self, grid: Grid) -> None:
        page, look = self._page, self._look
        boxes = list(grid.query(ChartBox))
        for _ in range(len(page.charts) - len(boxes)):
            box = ChartBox()
            grid.mount(box)
            boxes.append(box)
        for index, box in enumerate(boxes):
            box.display = index < len(page.charts)
        for index, (box, curves) in enumerate(zip(boxes, page.charts, strict=False)):
            in_focus = page.first + index == page.focus and len(page.charts) > 1
            is_other = bool(curves) and curves[0].key in page.others
            its = replace(look, log_y=not look.log_y) if is_other else look
            box.show(curves, its, page.waiting, in_focus)

    def place_of(self, chart: Chart) -> int | None:
        """Which of all charts this one is."""
        boxes = [box.query_one(Chart) for box in self.query(ChartBox) if box.display]
        return self._page.first + boxes.index(chart) if chart in boxes else None

    def _paging(self) -> str:
        page = self._page
        told = ["the machine (L)"] if page.of_machine else []
        told += [f"{plural(page.hidden, 'chart')} hidden (U)"] if page.hidden else []
        told += [f"{page.filtered} left out by {clean(page.filter, 30)} (/)"] if page.filtered else []
        pages = -(-page.number // max(1, self.count))
        if pages > 1 and page.heat is None:
            told.append(f"charts {page.first // max(1, self.count) + 1} of {pages} (m)")
        return " · ".join(told)

    def _tell_runs(self) -> None:
        """Which marker is which run's, and what each is at the cursor in the chart in focus."""
        page, text = self._page, Content("")
        if len(page.laid) > 1:
            values = None if self._cursor is None else values_at(self.focused, self._cursor)
            lines = max(LEGEND, self.size.height // 3) if self._is_single else LEGEND
            text = legend_of(page.laid, self._look.marks, self.size.width - 2, lines, values)
        self._tell(".charts-legend", text)

    def _tell(self, selector: str, text: Content) -> None:
        line = self.query_one(selector, Static)
        line.display = bool(text.plain)
        if line.content != text:
            before = str(line.content).count("\n")
            line.update(text, layout=before != text.plain.count("\n") or not line.size)

    def point_at(self, x: float | None) -> None:
        """Stand the cursor there in every chart."""
        is_moved, self._cursor = x != self._cursor, x
        if self._page.heat is not None:
            self.query_one(HeatMap).show(self._page.heat, self._look, x)
        for box in self.query(ChartBox):
            if box.display and box.is_mounted:
                box.point_at(x)
        if is_moved:
            self._tell_runs()
