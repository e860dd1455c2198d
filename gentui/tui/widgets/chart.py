"""A thin adapter over textual-plot: what the index's charts hold, as live curves.

The index has already reduced a series to its smallest and largest value in each column, so a one-step spike
is always drawn. Here come smoothing, gaps and marks for values that are not finite, a logarithmic axis, a
window on the x axis, and a choice of braille, blocks or ASCII. Curves that share a chart differ in colour and
in their markers. Lines are rasterised whole, by numpy: a chart is drawn anew at every second of a live run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual.events import Mount, MouseDown, MouseEvent, MouseMove, MouseScrollDown, MouseScrollUp
from textual.geometry import Region
from textual.message import Message
from textual_hires_canvas import Canvas
from textual_plot.axis_formatter import AxisFormatter, NumericAxisFormatter
from textual_plot.plot_widget import LinePlot

from gentui.text import numbers
from gentui.tui.curves import SERIES, TONES, ChartStyle, Curve, marker_of, same, slot_of, smooth
from gentui.tui.overlay import SLOTS
from gentui.tui.textual_private.plot import (
    Cells,
    OpenPlot,
    cells_of,
    is_sized,
    set_characters,
    without_refresh,
)
from gentui.tui.themes import MONOCHROME

DASHES = ((1, 0), (6, 2), (3, 2), (1, 1))
"""Columns of cells that a line is drawn in and left out of, where there are no colours, by curve, round and round."""
_MARKERS_ACROSS = 6
LARGEST = 1e300  # beyond it the range of an axis would overflow
_ASCII = {
    ord(char): to
    for to, chars in (("-", "─━╸╺╴╶"), ("|", "│┃╹╻╵╷"), ("+", "┌┏┐┓└┗┘┛├┣┤┫┬┳┴┻┼╋"))
    for char in chars
}
_OUTLIERS = (2, 98)  # percentiles between which most values are taken to lie
_FEW = 20  # of so few values none is an outlier


@dataclass(frozen=True)
class _Line:
    """A curve as it is drawn, on the axis it is drawn on."""

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    middle: np.ndarray
    is_smooth: bool
    is_sparse: bool


@dataclass
class _Stroke(LinePlot):
    """A line with gaps where it is NaN; ``letter`` is what it is made of in ASCII, ``dash`` one of DASHES."""

    letter: str = "*"
    dash: tuple[int, int] = DASHES[0]


class _Guides(LinePlot):
    """Where the ticks of the y axis are, beneath the curves."""


def _spread(x: np.ndarray, y: np.ndarray, place: int) -> list[int]:
    """Points for a curve's markers: even over the axis, and apart from those of the chart's other curves."""
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(finite):
        return []
    known = x[finite]
    parts = (np.arange(_MARKERS_ACROSS) + (place % 4 + 0.5) / 4) / _MARKERS_ACROSS
    wanted = known.min() + parts * (known.max() - known.min())
    return sorted({int(finite[np.abs(known - at).argmin()]) for at in wanted})


_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_QUADRANT = np.array([[1, 2], [4, 8]], np.uint8)
_CELL = np.array([[1]], np.uint8)
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
DOTS = {"braille": _BRAILLE, "block": _QUADRANT, "ascii": _CELL}
"""The bit that each dot of a cell sets, by line style: rows,columns."""
GLYPHS: dict[str, Callable[[int], str]] = {
    "braille": lambda bits: chr(0x2800 + bits),
    "block": _QUADRANTS.__getitem__,
}
"""The character of a cell's bits, where it is one."""


_FAR = 1e6  # cells: nearer than where the arithmetic of a cut loses the cell


def rasterise(x: np.ndarray, y: np.ndarray, width: int, height: int, dots: np.ndarray) -> np.ndarray:
    """The cells (height,width, bits of ``dots``) that a polyline touches. ``x`` and ``y`` count cells from the top
    left; the line breaks at NaN, a point alone between gaps is a dot, and what lies outside is cut off."""
    down, across = dots.shape
    cells = np.zeros((height, width), np.uint8)
    x, y = (np.clip(v, -_FAR, _FAR) * n for v, n in ((x, across), (y, down)))
    finite = np.isfinite(x) & np.isfinite(y)
    joined = finite[:-1] & finite[1:]
    alone = finite & ~np.concatenate((joined, [False])) & ~np.concatenate(([False], joined))
    x0, y0 = (np.concatenate((v[:-1][joined], v[alone])) for v in (x, y))
    x1, y1 = (np.concatenate((v[1:][joined], v[alone])) for v in (x, y))
    dx, dy = x1 - x0, y1 - y0
    start, end = np.zeros(len(x0)), np.ones(len(x0))
    inside = np.ones(len(x0), bool)
    right, bottom = width * across - 1e-9, height * down - 1e-9
    for p, q in ((-dx, x0), (dx, right - x0), (-dy, y0), (dy, bottom - y0)):  # Liang and Barsky
        with np.errstate(divide="ignore", invalid="ignore"):
            r = q / p
        start = np.where(p < 0, np.maximum(start, r), start)
        end = np.where(p > 0, np.minimum(end, r), end)
        inside &= (p != 0) | (q >= 0)
    inside &= start <= end
    if not inside.any():
        return cells
    x0, y0, dx, dy, start, end = (v[inside] for v in (x0, y0, dx, dy, start, end))
    ax, ay, bx, by = x0 + start * dx, y0 + start * dy, x0 + end * dx, y0 + end * dy
    ax, ay, bx, by = (np.floor(v) for v in (ax, ay, bx, by))
    count = np.maximum(np.abs(bx - ax), np.abs(by - ay)).astype(np.int64) + 1
    line = np.repeat(np.arange(len(count)), count)
    part = (np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)) / np.maximum(count[line] - 1, 1)
    px = np.clip(np.rint(ax[line] + part * (bx - ax)[line]).astype(np.int64), 0, width * across - 1)
    py = np.clip(np.rint(ay[line] + part * (by - ay)[line]).astype(np.int64), 0, height * down - 1)
    np.bitwise_or.at(cells, (py // down, px // across), dots[py % down, px % across])
    return cells


class LogFormatter(AxisFormatter):
    """Labels for an axis that holds log10 of its values."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        first, last = math.floor(min_), math.ceil(max_)
        decades = last - first
        if decades > 3:
            step = max(1, -(-decades // max_ticks))
            ticks = [float(t) for t in range(first, last + 1, step)]
        else:
            inner = (1, 2, 5) if max_ - min_ > 0.5 else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
            ticks = [d + math.log10(m) for d in range(first, last + 1) for m in inner]
        ticks = [t for t in ticks if min_ <= t <= max_]
        if len(ticks) < 2:  # a narrow range: no round numbers in it
            return NumericAxisFormatter().get_ticks(min_, max_, 4) if max_ > min_ else [min_]
        return ticks

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [numbers.number(10.0**t, 3) if t < 300 else "" for t in ticks]


class PlainFormatter(NumericAxisFormatter):
    """Numbers that stay short: 20k, 1.5M, 2e-5. ``most``: ticks there is room for."""

    def __init__(self, most: int = 8) -> None:
        super().__init__()
        self._most = most

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        return list(super().get_ticks(min_, max_, min(self._most, max_ticks)))

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        if not ticks:
            return []
        if max(abs(t) for t in ticks) >= 1e4:
            gap = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else math.inf
            if gap >= 100:
                return [numbers.count(t) if abs(t) >= 1e4 or t == 0 else f"{t:g}" for t in ticks]
            return [f"{t:.0f}" if gap >= 1 else f"{t:g}" for t in ticks]
        if len(ticks) > 1 and abs(ticks[1] - ticks[0]) < 1e-3:
            return [numbers.number(t, 3) for t in ticks]
        return super().get_labels_for_ticks(ticks)


class TimeFormatter(AxisFormatter):
    """Seconds as durations, at round intervals."""

    STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

    def __init__(self, most: int = 8) -> None:
        self._most = most

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        max_ticks = min(self._most, max_ticks)
        span = max(max_ - min_, 1e-9)
        step = next(
            (s for s in self.STEPS if span / s <= max_ticks), self.STEPS[-1] * math.ceil(span / 86400 / 8)
        )
        first = math.ceil(min_ / step)
        return [float(i * step) for i in range(first, int(max_ // step) + 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [numbers.duration(t).replace(" 00s", "").replace(" 00m", "") for t in ticks]


MARGIN_LEFT, MARGIN_BOTTOM = 8, 1
"""Cells for the numbers on the axes."""


class Chart(OpenPlot, can_focus=False, inherit_bindings=False):
    """Live curves with their raw bands. ``show`` draws only when something has changed; ``point_at`` moves the
    cursor, which costs two columns of cells."""

    DEFAULT_CSS = f"""
    Chart {{
        background: $background;
        & > Grid {{ grid-columns: {MARGIN_LEFT} 1fr; grid-rows: 0 1fr {MARGIN_BOTTOM}; }}
        & > #legend {{ display: none; }}
        & > .plot--axis {{ color: $panel-lighten-2; }}
        & > .plot--tick {{ color: $text-muted; text-style: none; }}
        & > .plot--label {{ color: $text-muted; text-style: none; }}
        & > .chart--raw {{ color: $panel-lighten-3; }}
        &:light > .chart--raw, &:light > .plot--axis {{ color: $panel-darken-3; }}
        & > .chart--mark {{ color: $error; }}
        & > .chart--cursor {{ color: $foreground; }}
        {" ".join(f"& > .chart--{name} {{ color: {tone}; }}" for name, tone in zip(SERIES, TONES, strict=True))}
    }}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--raw", "chart--mark", "chart--cursor", *(f"chart--{s}" for s in SERIES),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, allow_pan_and_zoom=False)
        self.set_reactive(OpenPlot.margin_top, 0)
        self.set_reactive(OpenPlot.margin_bottom, MARGIN_BOTTOM)
        self.set_reactive(OpenPlot.margin_left, MARGIN_LEFT)
        self._look = ChartStyle()
        self._drawn: tuple[tuple[Curve, ...], ChartStyle, object] | None = None
        self._cursor: float | None = None
        self._under: tuple[int, list[tuple[str, str]]] | None = None  # the cells that the cursor covers
        self._is_drawing = False
        self.drawings = 0

    def on_mount(self, event: Mount) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        event.prevent_default()  # Textual would call the base's handler as well
        if self._drawn is not None:
            self._draw(*self._drawn[:2])

    def on_canvas_resize(self, message: Canvas.Resize) -> None:
        """Draw for the new size before it is painted: left to the painting, it is painted twice."""
        message.stop()
        self.render()

    @property
    def look(self) -> ChartStyle:
        return self._look

    @property
    def is_drawn(self) -> bool:
        """Whether it is drawn for the room it has."""
        canvas = self._canvas()
        return canvas is not None and is_sized(canvas) and not self.is_drawing_due

    def show(self, curves: Sequence[Curve], look: ChartStyle) -> bool:
        """Draw the curves this way; False when that is on the screen already."""
        state = self.app.theme
        if self._drawn and self._drawn[1:] == (look, state) and same(curves, self._drawn[0]):
            return False
        self._drawn = (tuple(curves[:SLOTS]), look, state)
        self._look = look
        self._draw(*self._drawn[:2])
        self.drawings += 1
        return True

    def point_at(self, x: float | None) -> None:
        """Stand the cursor at a place on the axis, or nowhere."""
        if x != self._cursor:
            self._cursor = x
            if canvas := self._canvas():
                self._draw_cursor(canvas)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._drawn is not None:
            self._draw(*self._drawn[:2])

    def _colour(self, name: str) -> str:
        colour = self.get_component_rich_style(f"chart--{name}", partial=True).color
        return colour.name if colour is not None else "default"

    def request_drawing(self) -> None:
        if not self._is_drawing:  # else it is painted once, when everything is said
            super().request_drawing()

    def _draw(self, curves: Sequence[Curve], look: ChartStyle) -> None:
        if not self.query("#legend"):  # it is drawn when its parts are there; or they have gone already
            return
        self._is_drawing = True
        try:
            self._lay_down(curves, look)
        finally:
            self._is_drawing = False
        canvas = self._canvas()
        if canvas is None or self.is_drawing_due or not is_sized(canvas):
            self.request_drawing()
        else:  # to refresh the widget would write all of it to the terminal again
            self.draw_plot()

    def _lay_down(self, curves: Sequence[Curve], look: ChartStyle) -> None:
        with self.app.batch_update():
            self.clear()
            lines = [self._line_of(curve, look) for curve in curves]
            self._set_limits(lines, look)
            faint = self._colour("raw")
            if "NO_COLOR" in os.environ:
                faint = f"dim {faint}"
            if look.guides != "none":
                self.add_dataset(_Guides(np.empty(0), np.empty(0), None, faint))
            for line in lines:
                if line.is_smooth:
                    band = np.column_stack([line.lo, line.hi]).ravel()
                    self._stroke(np.repeat(line.x, 2), band, faint, ".")
            drawn = list(enumerate(zip(curves, lines, strict=True)))
            if any(curve.slot is not None for curve in curves):  # the run that is looked at is not covered
                drawn.reverse()
            for place, (curve, line) in drawn:
                self._draw_line(curve, line, place, is_alone=len(curves) == 1 and curve.slot is None)
            left, right = self.x_limits
            for curve in curves:
                for x in curve.marks[:64]:
                    if left <= x <= right:
                        self.add_v_line(float(x), line_style=self._colour("mark"))

    def _choose_ticks(self) -> None:
        """As many as there is room for now."""
        most = max(2, min(8, (self.size.width - 10) // 10))
        self.set_y_formatter(LogFormatter() if self._look.log_y else PlainFormatter())
        self.set_x_formatter(TimeFormatter(most) if self._look.axis == "time" else PlainFormatter(most))

    def _line_of(self, curve: Curve, look: ChartStyle) -> _Line:
        lo, hi = (np.clip(v, -LARGEST, LARGEST) for v in (curve.lo, curve.hi))
        smoothing = 0.0 if curve.sparse else look.smoothing
        middle = (lo + hi) / 2 if curve.mean is None else np.clip(curve.mean, -LARGEST, LARGEST)
        middle = smooth(middle, smoothing, look.kind)
        if look.log_y:
            lo, hi, middle = (self._log(v) for v in (lo, hi, middle))
            # a band that reaches zero or below has no bottom on this axis: draw down to its top only
            lo = np.where(np.isfinite(hi) & ~np.isfinite(lo), hi, lo)
        return _Line(curve.x, lo, hi, middle, smoothing > 0, curve.sparse)

    def _draw_line(self, curve: Curve, line: _Line, place: int, is_alone: bool) -> None:
        slot = slot_of(curve, place)
        colour, is_ascii = self._colour(SERIES[slot % len(SERIES)]), self._look.marks == "ascii"
        marker = marker_of(slot, is_ascii)
        dash = DASHES[slot % len(DASHES)] if self._is_monochrome and not (is_alone or is_ascii) else DASHES[0]
        x, y = line.x, line.middle
        if not line.is_smooth:
            x, y = np.repeat(line.x, 2), np.column_stack([line.lo, line.hi]).ravel()
        if curve.sparse:  # its points are far apart: NaN between them is no gap of theirs
            finite = np.isfinite(y)
            self._stroke(x[finite], y[finite], colour, marker, dash)
            self.scatter(line.x, line.lo, marker=marker, marker_style=colour)
            return
        self._stroke(x, y, colour, marker, dash)
        if not is_alone:
            left, right = self.x_limits
            seen = (line.x >= left) & (line.x <= right)
            at = _spread(line.x[seen], line.middle[seen], place)
            self.scatter(line.x[seen][at], line.middle[seen][at], marker=marker, marker_style=colour)

    @property
    def _is_monochrome(self) -> bool:
        return self.app.no_color or self.app.theme == MONOCHROME.name

    def _stroke(
        self, x: np.ndarray, y: np.ndarray, colour: str, letter: str, dash: tuple[int, int] = DASHES[0]
    ) -> None:
        self.add_dataset(_Stroke(x, y, None, colour, letter, dash))

    @staticmethod
    def _log(values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan)

    def _set_limits(self, lines: Sequence[_Line], look: ChartStyle) -> None:
        """A little air above and below; a single point gets an axis of its own."""
        known = np.concatenate([line.x[np.isfinite(line.x)] for line in lines] or [np.empty(0)])
        left, right = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        left, right = look.window or (left, right)
        self.set_xlimits(left, right if right > left else left + 1)
        ranges = [r for line in lines if (r := _range(line, left, right, look.clip)) is not None]
        if not ranges:
            self.set_ylimits(0, 1)
            return
        bottom, top = min(low for low, _ in ranges), max(high for _, high in ranges)
        air = (top - bottom) * 0.04 or abs(top) * 0.05 or 0.5
        self.set_ylimits(bottom - air, top + air)

    def _canvas(self) -> Canvas | None:
        """Where the lines are, once there is room for any."""
        canvas = self.query("#plot").first(Canvas) if self.query("#plot") else None
        return canvas if canvas is not None and canvas.size.width >= 4 and canvas.size.height >= 3 else None

    def draw_dataset(self, dataset: LinePlot) -> None:
        if (canvas := self._canvas()) is None:
            return
        if isinstance(dataset, _Guides):
            self._draw_guides(canvas, str(dataset.line_style))
            return
        region, marks = self.inner_region, self._look.marks
        (left, right), (bottom, top) = self.x_limits, self.y_limits
        with np.errstate(over="ignore", invalid="ignore"):
            x = region.x + (dataset.x - left) * (region.width / (right - left))
            y = region.bottom - (dataset.y - bottom) * (region.height / (top - bottom))
        chars, styles = cells_of(canvas)
        height, width = len(chars), len(chars[0])
        cells = rasterise(x, y, width, height, DOTS[marks])
        letter = dataset.letter if isinstance(dataset, _Stroke) else "*"
        glyph = GLYPHS.get(marks, lambda _: letter)
        if isinstance(dataset, _Stroke):
            drawn, left_out = dataset.dash
            cells[:, np.arange(width) % (drawn + left_out) >= drawn] = 0
        rows, columns = np.nonzero(cells)
        for row, column, bits in zip(
            rows.tolist(), columns.tolist(), cells[rows, columns].tolist(), strict=True
        ):
            chars[row][column] = glyph(bits)
            styles[row][column] = dataset.line_style

    def _draw_guides(self, canvas: Canvas, style: str) -> None:
        is_ascii, every = self._look.marks == "ascii", 1 if self._look.guides == "lines" else 4
        glyph = ("-" if every == 1 else ".") if is_ascii else "┈" if every == 1 else "·"
        chars, styles = cells_of(canvas)
        for tick in self.y_ticks:
            row = self.get_pixel_from_coordinate(self.x_limits[0], tick)[1]
            if 0 < row < len(chars) - 1:
                for column in range(1, len(chars[row]) - 1, every):
                    chars[row][column], styles[row][column] = glyph, style

    # -- the mouse

    @dataclass
    class Pointed(Message):
        """The mouse was pressed, or drawn along, at a place on the x axis."""

        chart: Chart
        x: float

    @dataclass
    class Wheel(Message):
        """The wheel was turned there: 1 is nearer, -1 farther away."""

        x: float
        by: int

    def _under_mouse(self, event: MouseEvent) -> float | None:
        """The place on the x axis that the mouse is at."""
        if (canvas := self._canvas()) is None or self._drawn is None:
            return None
        column = int(event.screen_x) - canvas.region.x
        if not 0 <= column < canvas.size.width:
            return None
        x = self.get_coordinate_from_pixel(column, 0)[0]
        left, right = self.x_limits
        return float(min(max(x, left), right))

    def on_mouse_down(self, event: MouseDown) -> None:
        if (x := self._under_mouse(event)) is not None:
            self.post_message(self.Pointed(self, x))

    def on_mouse_move(self, event: MouseMove) -> None:
        if event.button and (x := self._under_mouse(event)) is not None:
            self.post_message(self.Pointed(self, x))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._turned(event, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._turned(event, -1)

    def _turned(self, event: MouseEvent, by: int) -> None:
        if (x := self._under_mouse(event)) is not None:
            event.stop()
            self.post_message(self.Wheel(x, by))

    def draw_plot(self) -> None:
        if (canvas := self._canvas()) is None:
            return
        self._choose_ticks()
        canvases = list(self.query(Canvas))
        before = [cells_of(one) for one in canvases]
        with without_refresh(canvases):
            super().draw_plot()
            if self._look.marks == "ascii":
                set_characters(
                    canvas, [[char.translate(_ASCII) for char in line] for line in cells_of(canvas)[0]]
                )
            self._under = None
            self._draw_cursor(canvas)
        for one, old in zip(canvases, before, strict=True):
            if regions := changed(*old, *cells_of(one)):
                one.refresh(*regions)

    def _draw_cursor(self, canvas: Canvas) -> None:
        """Give back what the cursor covered, and cover the column that it stands in now."""
        touched = []
        chars, styles = cells_of(canvas)
        left, right = self.x_limits
        if self._under is not None:
            column, cells = self._under
            for row, (char, style) in enumerate(cells, 1):
                chars[row][column], styles[row][column] = char, style
            touched.append(column)
            self._under = None
        if self._cursor is not None and left <= self._cursor <= right:
            column = min(max(self.get_pixel_from_coordinate(self._cursor, 0)[0], 1), canvas.size.width - 2)
            rows = range(1, len(chars) - 1)
            if rows and column < len(chars[0]):
                self._under = (column, [(chars[r][column], styles[r][column]) for r in rows])
                bar, style = "|" if self._look.marks == "ascii" else "┊", self._colour("cursor")
                for row in rows:
                    if chars[row][column] == " ":
                        chars[row][column], styles[row][column] = bar, style
                    else:  # seen without colour too, and the curve beneath it
                        styles[row][column] += " reverse"
                touched.append(column)
        if touched:
            canvas.refresh(*(Region(column, 0, 1, canvas.size.height) for column in touched))


def changed(old: Cells, old_styles: Cells, new: Cells, new_styles: Cells) -> list[Region]:
    """The stretch of each line in which cells differ."""
    if len(old) != len(new) or (new and len(old[0]) != len(new[0])):
        return [Region(0, 0, len(new[0]), len(new))] if new else []
    regions = []
    for row in range(len(new)):
        if old[row] == new[row] and old_styles[row] == new_styles[row]:
            continue
        cells = zip(old[row], new[row], old_styles[row], new_styles[row], strict=True)
        differ = [at for at, (a, b, c, d) in enumerate(cells) if a != b or c != d]
        regions.append(Region(differ[0], row, differ[-1] - differ[0] + 1, 1))
    return regions


def _range(line: _Line, left: float, right: float, clip: bool) -> tuple[float, float] | None:
    """The smallest and largest value between two places; of many values only where most of them lie, if asked."""
    seen = (line.x >= left) & (line.x <= right)
    lo, hi = (v[np.isfinite(v) & seen] for v in (line.lo, line.hi))
    if not len(lo) or not len(hi):
        return None
    if not clip or line.is_sparse or len(lo) < _FEW:
        return float(lo.min()), float(hi.max())
    return float(np.percentile(lo, _OUTLIERS[0])), float(np.percentile(hi, _OUTLIERS[1]))
