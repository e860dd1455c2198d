"""A thin adapter over textual-plot: what the index's charts hold, as live curves.

The index has already reduced a series to its smallest and largest value in each column, so a one-step spike
is always drawn. Here come smoothing, gaps and marks for values that are not finite, a logarithmic axis, and
a choice of braille, blocks or ASCII. Curves that share a chart differ in colour and in their markers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.css.query import NoMatches
from textual.events import Mount
from textual_hires_canvas import Canvas
from textual_plot import HiResMode, PlotWidget
from textual_plot.axis_formatter import AxisFormatter, NumericAxisFormatter

from gentui.tui import wording

if TYPE_CHECKING:
    from textual_plot.plot_widget import LinePlot

MARKS = ("braille", "block", "ascii")
MARKERS = {False: "●▲■◆", True: "*+ox"}
"""What tells the curves of one chart apart besides their colour: otherwise, and in ASCII."""
_SERIES = ("line", "second", "third", "fourth")
_MARKERS_ACROSS = 6
_HIRES = {"braille": HiResMode.BRAILLE, "block": HiResMode.QUADRANT, "ascii": None}
SMOOTHING = (0.0, 0.6, 0.9, 0.97)
LARGEST = 1e300  # beyond it the range of an axis would overflow
AXES = ("step", "time", "images")
_ASCII = {
    ord(char): to
    for to, chars in (("-", "─━╸╺╴╶"), ("|", "│┃╹╻╵╷"), ("+", "┌┏┐┓└┗┘┛├┣┤┫┬┳┴┻┼╋"))
    for char in chars
}


@dataclass(frozen=True)
class Curve:
    """One series: bucket positions, smallest, largest and mean values (NaN where nothing is finite), and the
    positions of values that are not finite. All float64. ``sparse``: few points, each marked."""

    key: str
    x: np.ndarray = field(repr=False)
    lo: np.ndarray = field(repr=False)
    hi: np.ndarray = field(repr=False)
    marks: np.ndarray = field(repr=False)
    points: int = 0
    mean: np.ndarray | None = field(default=None, repr=False)
    sparse: bool = False

    def same_as(self, other: Curve | None) -> bool:
        return (
            other is not None
            and self.key == other.key
            and self.points == other.points
            and all(
                np.array_equal(a, b, equal_nan=True)
                for a, b in (
                    (self.x, other.x),
                    (self.lo, other.lo),
                    (self.hi, other.hi),
                    (self.marks, other.marks),
                )
            )
        )


@dataclass(frozen=True)
class Look:
    """How curves are drawn."""

    log_y: bool = False
    smoothing: float = 0.6
    marks: str = "braille"
    axis: str = "step"


def smooth(values: np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average without the bias of its beginning; gaps are skipped and stay gaps."""
    if weight <= 0:
        return values
    result = np.full(len(values), np.nan)
    average = correction = 0.0
    for i, value in enumerate(values.tolist()):
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            correction = weight * correction + (1 - weight)
            result[i] = average / correction
    return result


def segments_of(x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The stretches between gaps."""
    finite = np.isfinite(x) & np.isfinite(y)
    edges = np.flatnonzero(np.diff(finite.astype(np.int8))) + 1
    pieces = zip(np.split(x, edges), np.split(y, edges), np.split(finite, edges), strict=True)
    return [(px, py) for px, py, ok in pieces if len(px) and ok[0]]


@dataclass(frozen=True)
class _Line:
    """A curve as it is drawn, on the axis it is drawn on."""

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    middle: np.ndarray
    is_smooth: bool


def _spread(x: np.ndarray, y: np.ndarray, place: int) -> list[int]:
    """Points for a curve's markers: even over the axis, and apart from those of the chart's other curves."""
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(finite):
        return []
    known = x[finite]
    parts = (np.arange(_MARKERS_ACROSS) + (place + 0.5) / len(_SERIES)) / _MARKERS_ACROSS
    wanted = known.min() + parts * (known.max() - known.min())
    return sorted({int(finite[np.abs(known - at).argmin()]) for at in wanted})


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
        return [wording.number(10.0**t, 3) if t < 300 else "" for t in ticks]


class PlainFormatter(NumericAxisFormatter):
    """Numbers that stay short: 20k, 1.5M, 2e-5."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        if not ticks:
            return []
        if max(abs(t) for t in ticks) >= 1e4:
            return [wording.count(t) if abs(t) >= 1e4 or t == 0 else f"{t:g}" for t in ticks]
        if len(ticks) > 1 and abs(ticks[1] - ticks[0]) < 1e-3:
            return [wording.number(t, 3) for t in ticks]
        return super().get_labels_for_ticks(ticks)


class TimeFormatter(AxisFormatter):
    """Seconds as durations, at round intervals."""

    STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        span = max(max_ - min_, 1e-9)
        step = next(
            (s for s in self.STEPS if span / s <= max_ticks), self.STEPS[-1] * math.ceil(span / 86400 / 8)
        )
        first = math.ceil(min_ / step)
        return [float(i * step) for i in range(first, int(max_ // step) + 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [wording.duration(t).replace(" 00s", "").replace(" 00m", "") for t in ticks]


def same(some: Sequence[Curve], others: Sequence[Curve] | None) -> bool:
    """Whether two charts hold equal curves."""
    return (
        others is not None
        and len(some) == len(others)
        and all(a.same_as(b) for a, b in zip(some, others, strict=True))
    )


class Chart(PlotWidget, can_focus=False, inherit_bindings=False):
    """Live curves with their raw bands, four at most. ``show`` draws only when something has changed."""

    DEFAULT_CSS = """
    Chart {
        background: $background;
        & > .plot--axis { color: $panel-lighten-2; }
        & > .plot--tick { color: $text-muted; text-style: none; }
        & > .plot--label { color: $text-muted; text-style: none; }
        & > .chart--line { color: $primary; }
        & > .chart--second { color: $accent; }
        & > .chart--third { color: $success; }
        & > .chart--fourth { color: $warning; }
        & > .chart--raw { color: $panel-lighten-3; }
        & > .chart--mark { color: $error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--raw", "chart--mark", *(f"chart--{s}" for s in _SERIES)}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, allow_pan_and_zoom=False)
        self._look = Look()
        self._drawn: tuple[tuple[Curve, ...], Look, object] | None = None
        self._letters: dict[int, str] = {}  # of line plots, by identity: what ASCII lines are made of
        self.drawings = 0

    def on_mount(self, event: Mount) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        event.prevent_default()  # Textual would call the base's handler as well
        with suppress(NoMatches):  # the screen is left while it mounts: nothing is there to be sized
            super().on_mount()
            self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 8

    def _update_margin_sizes(self) -> None:
        with suppress(NoMatches):  # likewise, from the watchers of the margins
            super()._update_margin_sizes()

    @property
    def look(self) -> Look:
        return self._look

    def show(self, curves: Sequence[Curve], look: Look) -> bool:
        """Draw the curves this way; False when that is on the screen already."""
        state = self.app.theme
        if self._drawn and self._drawn[1:] == (look, state) and same(curves, self._drawn[0]):
            return False
        self._drawn = (tuple(curves[: len(_SERIES)]), look, state)
        self._look = look
        self._draw(*self._drawn[:2])
        self.drawings += 1
        return True

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._drawn is not None:
            self._draw(*self._drawn[:2])

    def _colour(self, name: str) -> str:
        colour = self.get_component_rich_style(f"chart--{name}", partial=True).color
        return colour.name if colour is not None else "default"

    def _draw(self, curves: Sequence[Curve], look: Look) -> None:
        with self.app.batch_update():
            self.clear()
            self._letters.clear()
            self.set_y_formatter(LogFormatter() if look.log_y else PlainFormatter())
            self.set_x_formatter(TimeFormatter() if look.axis == "time" else PlainFormatter())
            lines = [self._line_of(curve, look) for curve in curves]
            self._set_limits(lines)
            for line in lines:
                if line.is_smooth:
                    band = np.column_stack([line.lo, line.hi]).ravel()
                    self._plot(np.repeat(line.x, 2), band, self._colour("raw"), ".")
            for place, (curve, line) in enumerate(zip(curves, lines, strict=True)):
                self._draw_line(curve, line, place, is_alone=len(curves) == 1)
            for curve in curves:
                for x in curve.marks[:64]:
                    self.add_v_line(float(x), line_style=self._colour("mark"))

    def _line_of(self, curve: Curve, look: Look) -> _Line:
        lo, hi = (np.clip(v, -LARGEST, LARGEST) for v in (curve.lo, curve.hi))
        smoothing = 0.0 if curve.sparse else look.smoothing
        middle = (lo + hi) / 2 if curve.mean is None else np.clip(curve.mean, -LARGEST, LARGEST)
        middle = smooth(middle, smoothing)
        if look.log_y:
            lo, hi, middle = (self._log(v) for v in (lo, hi, middle))
            # a band that reaches zero or below has no bottom on this axis: draw down to its top only
            lo = np.where(np.isfinite(hi) & ~np.isfinite(lo), hi, lo)
        return _Line(curve.x, lo, hi, middle, smoothing > 0)

    def _draw_line(self, curve: Curve, line: _Line, place: int, is_alone: bool) -> None:
        colour, is_ascii = self._colour(_SERIES[place]), self._look.marks == "ascii"
        marker = MARKERS[is_ascii][place]
        x, y = line.x, line.middle
        if not line.is_smooth:
            x, y = np.repeat(line.x, 2), np.column_stack([line.lo, line.hi]).ravel()
        self._plot(x, y, colour, marker)
        if curve.sparse:
            self.scatter(line.x, line.lo, marker=marker, marker_style=colour)
        elif not is_alone:
            at = _spread(line.x, line.middle, place)
            self.scatter(line.x[at], line.middle[at], marker=marker, marker_style=colour)

    def _plot(self, x: np.ndarray, y: np.ndarray, colour: str, letter: str) -> None:
        for px, py in segments_of(x, y):
            if len(px) == 1:  # a lone point is a line to itself
                px, py = np.repeat(px, 2), np.repeat(py, 2)
            self.plot(px, py, line_style=colour, hires_mode=_HIRES[self._look.marks])
            self._letters[id(self._datasets[-1])] = letter

    @staticmethod
    def _log(values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan)

    def _set_limits(self, lines: Sequence[_Line]) -> None:
        """A little air above and below; a single point gets an axis of its own."""
        known, bottoms, tops = (
            np.concatenate([v[np.isfinite(v)] for v in values] or [np.empty(0)])
            for values in ([line.x for line in lines], [line.lo for line in lines], [line.hi for line in lines])
        )
        left, right = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        self.set_xlimits(left, right if right > left else left + 1)
        if not len(bottoms) or not len(tops):
            self.set_ylimits(0, 1)
            return
        bottom, top = float(bottoms.min()), float(tops.max())
        air = (top - bottom) * 0.04 or abs(top) * 0.05 or 0.5
        self.set_ylimits(bottom - air, top + air)

    def _render_line_plot(self, dataset: LinePlot) -> None:
        if self._look.marks != "ascii":
            super()._render_line_plot(dataset)
            return
        canvas = self.query_one("#plot", Canvas)
        pixels = [self.get_pixel_from_coordinate(x, y) for x, y in zip(dataset.x, dataset.y, strict=True)]
        char = self._letters.get(id(dataset), "*")
        for start, end in pairwise(pixels):
            canvas.draw_line(*start, *end, char=char, style=dataset.line_style)

    def _render_plot(self) -> None:
        canvas = self.query("#plot").first(Canvas) if self.query("#plot") else None
        if canvas is None or canvas.size.width < 4 or canvas.size.height < 3:
            return
        super()._render_plot()
        if self._look.marks == "ascii":
            canvas._buffer = [[char.translate(_ASCII) for char in line] for line in canvas._buffer]
