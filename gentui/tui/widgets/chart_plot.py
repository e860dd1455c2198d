"""The drawing of a chart's curves between its axes, as cells. It knows no widget and no colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gentui.metrics.namespaces import is_percentage
from gentui.tui.curves import SERIES, ChartStyle, Curve, axis_name, marker_of, slot_of
from gentui.tui.widgets.chart_axes import Range, Scale, horizontal, value_range, vertical
from gentui.tui.widgets.chart_drawing import (
    DASHES,
    DOTS,
    Picture,
    PlottedCurve,
    glyphs_of,
    marker_places,
    plotted,
    rasterise,
)
from gentui.tui.widgets.chart_tones import ALARM, AXIS, BAND, DIMMED, GUIDE, LINE, MARK, MUTED, REVERSE, TEXT

_MOST_MARKS = 64
"""Alarms, and values that are not finite, that are marked in a chart."""
_ROOM, _USUAL = 9, 6
"""Cells: the longest label of the y axis without an offset, and the usual width of all, so that charts one above the
other are in line."""
_LINES = {False: "│─└┤┬┊▲", True: "||+++|^"}
"""Characters of axes, cursor and alarms; True: ASCII."""
_ASCII_LINE = "-"
_EDGE = 1e-6


@dataclass(frozen=True)
class Plot:
    """A drawing from ``top`` on, and what it shows: both axes, the curves as they are drawn, and whether outliers are
    hidden. Its columns and rows are those of the picture."""

    picture: Picture
    top: int
    left: int
    x: Scale
    y: Scale
    is_clipped: bool
    strokes: tuple[Stroke, ...]

    @property
    def rows(self) -> int:
        return self.y.cells

    def x_of(self, column: int) -> float | None:
        """The place on the x axis at a column of the picture; None outside."""
        if not 0 <= column - self.left < self.x.cells:
            return None
        return self.x.value_at(column - self.left + 0.5)

    def with_cursor(self, x: float | None, is_ascii: bool) -> Picture:
        """The picture with a cursor at a place on the x axis; the picture itself if that is out of sight."""
        if x is None or not self.x.limits[0] <= x <= self.x.limits[1]:
            return self.picture
        picture, column = self.picture.copy(), self.left + self.x.cell_of(x)
        rows = slice(self.top, self.top + self.rows)
        is_blank = picture.chars[rows, column] == ord(" ")
        picture.tones[rows, column] = np.where(is_blank, TEXT, picture.tones[rows, column] | REVERSE)
        picture.chars[rows, column] = np.where(is_blank, ord(_LINES[is_ascii][5]), picture.chars[rows, column])
        return picture


@dataclass(frozen=True)
class Stroke:
    """A line that is drawn: its tone, the character of an ASCII line, and its dashes."""

    tone: int
    letter: str
    dash: tuple[int, int] = DASHES[0]


def draw(
    curves: Sequence[Curve], style: ChartStyle, picture: Picture, top: int, is_monochrome: bool = False
) -> Plot:
    """Draw curves and axes on a picture, from a row on. ``is_monochrome``: lines differ in their dashes, too."""
    lines = [plotted(curve, style) for curve in curves]
    height, width = picture.height - top, picture.width
    rows = height - 2 if height > 4 else height
    left, right = _window(lines, style)
    values = value_range(lines, left, right, style.clip)
    y = _y_axis(curves, style, values, rows, width)
    margin = min(max(y.width + 1, _USUAL if width >= 40 else 0), max(0, width - 4))
    kind = {"time": "time", "step": "whole", "images": "whole"}.get(style.axis, "number")
    x = horizontal(left, right, max(1, width - margin - 1), margin + 1, kind)
    pen = _Pen(picture, top, margin + 1, x, y, style)
    pen.guides()
    strokes = _draw_curves(pen, curves, lines, is_monochrome)
    for curve in curves:
        for place in curve.marks[:_MOST_MARKS]:
            pen.vertical(float(place))
    pen.axes(margin, has_labels=height > 4)
    return Plot(picture, top, margin + 1, x, y, bool(values and values.is_clipped), tuple(strokes))


def _window(lines: Sequence[PlottedCurve], style: ChartStyle) -> tuple[float, float]:
    """The ends of the x axis."""
    xs = np.concatenate([line.x[np.isfinite(line.x)] for line in lines] or [np.empty(0)])
    left, right = (float(xs.min()), float(xs.max())) if len(xs) else (0.0, 1.0)
    left, right = style.window or (left, right)
    return left, right if right > left else left + 1


def _y_axis(curves: Sequence[Curve], style: ChartStyle, values: Range | None, rows: int, width: int) -> Scale:
    low, high = (values.low, values.high) if values else (0.0, 1.0)
    if values and curves and not style.log_y and all(is_percentage(curve.key) for curve in curves):
        low, high = min(0.0, low), max(100.0, high)
    return vertical(low, high, rows, min(_ROOM, max(5, width // 5)), style.log_y)


def _draw_curves(
    pen: _Pen, curves: Sequence[Curve], lines: Sequence[PlottedCurve], is_monochrome: bool
) -> list[Stroke]:
    """Draw the raw values of all curves, and the lines above them; of runs laid over one another the first above the
    others."""
    strokes, is_ascii = [], pen.style.marks == "ascii"
    is_alone = len(curves) == 1 and curves[0].slot is None
    pairs = list(enumerate(zip(curves, lines, strict=True)))
    for place, (curve, line) in pairs:
        if line.is_smooth:
            tone = BAND if is_monochrome else DIMMED + slot_of(curve, place) % len(SERIES)
            strokes.append(Stroke(tone, "."))
            pen.line(*zigzag(line), strokes[-1])
    if any(curve.slot is not None for curve in curves):
        pairs.reverse()
    for place, (curve, line) in pairs:
        slot = slot_of(curve, place)
        marker = marker_of(slot, is_ascii)
        dash = DASHES[slot % len(DASHES)] if is_monochrome and not (is_alone or is_ascii) else DASHES[0]
        stroke = Stroke(LINE + slot % len(SERIES), marker, dash)
        strokes.append(stroke)
        x, y = (line.x, line.middle) if line.is_smooth else zigzag(line)
        if curve.sparse:  # NaN between its points is no gap
            finite = np.isfinite(y)
            pen.line(x[finite], y[finite], stroke)
            pen.points(line.x, line.lo, stroke)
            continue
        pen.line(x, y, stroke)
        if not is_alone:
            (left, right), at = pen.x.limits, np.arange(len(line.x))
            at = at[(line.x >= left) & (line.x <= right)]
            at = at[marker_places(line.x[at], line.middle[at], place)]
            pen.points(line.x[at], line.middle[at], stroke)
    return strokes


def zigzag(line: PlottedCurve) -> tuple[np.ndarray, np.ndarray]:
    """The places and values of a line through the smallest and largest value of each bucket in turn."""
    return np.repeat(line.x, 2), np.column_stack([line.lo, line.hi]).ravel()


class _Pen:
    """Draws on the cells between the axes."""

    def __init__(self, picture: Picture, top: int, left: int, x: Scale, y: Scale, style: ChartStyle) -> None:
        self.x, self.y, self.style = x, y, style
        self._picture, self._top, self._left = picture, top, left
        area = slice(top, top + y.cells), slice(left, left + x.cells)
        self._chars, self._tones = picture.chars[area], picture.tones[area]
        self._is_ascii = style.marks == "ascii"

    def _cells(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells from the upper left corner; what stands on the right or lower edge is inside."""
        across, down = self.x.cells_of(x), self.y.cells - self.y.cells_of(y)
        return tuple(
            np.where(np.abs(v - n) < _EDGE, n - _EDGE, v)
            for v, n in ((across, self.x.cells), (down, self.y.cells))
        )  # type: ignore[return-value]

    def line(self, x: np.ndarray, y: np.ndarray, stroke: Stroke) -> None:
        """A line with gaps where it is NaN."""
        height, width = self._chars.shape
        marks = self.style.marks
        cells = rasterise(*self._cells(x, y), width, height, DOTS[marks])
        drawn, left_out = stroke.dash
        cells[:, np.arange(width) % (drawn + left_out) >= drawn] = 0
        at = cells > 0
        self._chars[at] = glyphs_of(cells[at], marks, stroke.letter)
        self._tones[at] = stroke.tone

    def points(self, x: np.ndarray, y: np.ndarray, stroke: Stroke) -> None:
        """A marker at each point."""
        columns, rows = self._cells(x, y)
        height, width = self._chars.shape
        with np.errstate(invalid="ignore"):
            is_inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        at = rows[is_inside].astype(np.int64), columns[is_inside].astype(np.int64)
        self._chars[at], self._tones[at] = ord(stroke.letter), stroke.tone

    def vertical(self, x: float) -> None:
        """A line from bottom to top where a value is not finite."""
        if self.x.limits[0] <= x <= self.x.limits[1]:
            column = self.x.cell_of(x)
            self._chars[:, column], self._tones[:, column] = ord(_LINES[self._is_ascii][0]), MARK

    def guides(self) -> None:
        """Lines or dots from the ticks of the y axis."""
        if self.style.guides == "none":
            return
        every = 1 if self.style.guides == "lines" else 4
        glyph = ("-" if every == 1 else ".") if self._is_ascii else "┈" if every == 1 else "·"
        for cell, _ in self.y.ticks:
            row = self.y.cells - 1 - cell
            self._chars[row, ::every], self._tones[row, ::every] = ord(glyph), GUIDE

    def axes(self, column: int, has_labels: bool) -> None:
        """Both axes with their ticks and labels, what the x axis is, and where alarms began."""
        picture, top, rows = self._picture, self._top, self.y.cells
        upright, flat, corner, left_tick, low_tick, _, alarm = _LINES[self._is_ascii]
        flat = _ASCII_LINE if self._is_ascii else flat
        picture.chars[top : top + rows, column] = ord(upright)
        picture.tones[top : top + rows, column] = AXIS
        for cell, label in self.y.ticks:
            row = top + rows - 1 - cell
            picture.write(row, column - 1 - len(label), label, MUTED)
            picture.write(row, column, left_tick, AXIS)
        if not has_labels:
            return
        bottom = top + rows
        picture.write(bottom, column, corner + flat * self.x.cells, AXIS)
        for (cell, label), start in zip(self.x.ticks, self.x.starts, strict=True):
            picture.write(bottom, self._left + cell, low_tick, AXIS)
            picture.write(bottom + 1, start, label, MUTED)
        name = f" {axis_name(self.style.axis)} "
        name = f"{name}+ {self.x.offset} " if self.x.offset else name
        if len(name) + 12 <= self.x.cells:
            picture.write(bottom, picture.width - len(name) - 1, name, MUTED)
        left, right = self.x.limits
        for x, severity in self.style.alarms[:_MOST_MARKS]:
            if left <= x <= right:
                tone = MARK if severity == "error" else ALARM
                picture.write(bottom, self._left + self.x.cell_of(x), alarm, tone)
