"""Drawing the curves of a chart: lines as characters, markers, and the cells that a new drawing changes.

A line is rasterised whole, by numpy: while a run trains, its charts are drawn anew every second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from textual.geometry import Region
from textual_plot.plot_widget import LinePlot

from gentui.tui.curves import ChartStyle, Curve
from gentui.tui.textual_private.plot import Cells

DASHES = ((1, 0), (6, 2), (3, 2), (1, 1))
"""Dash patterns of lines drawn without colour, as columns drawn and columns left out; curves take them in turn."""
LARGEST = 1e300
"""Values beyond this are drawn as this: the range of an axis would overflow."""
_MARKERS_PER_CURVE = 6
_FARTHEST = 1e6  # cells; coordinates farther away are too imprecise to clip
_ASCII = {
    ord(char): to
    for to, chars in (("-", "─━╸╺╴╶"), ("|", "│┃╹╻╵╷"), ("+", "┌┏┐┓└┗┘┛├┣┤┫┬┳┴┻┼╋"))
    for char in chars
}

_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_QUADRANT = np.array([[1, 2], [4, 8]], np.uint8)
_CELL = np.array([[1]], np.uint8)
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
DOTS = {"braille": _BRAILLE, "block": _QUADRANT, "ascii": _CELL}
"""Line style -> the bit that each dot of a cell sets (rows,columns)."""
GLYPHS: dict[str, Callable[[int], str]] = {
    "braille": lambda bits: chr(0x2800 + bits),
    "block": _QUADRANTS.__getitem__,
}
"""Line style -> the character for the bits of a cell. An ASCII line is made of its curve's marker instead."""


@dataclass(frozen=True)
class PlottedCurve:
    """A curve with the values that are drawn: smoothed, and as logarithms on a logarithmic axis. Arrays of one length,
    float64; ``middle`` is the line, ``lo`` and ``hi`` the band around it."""

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    middle: np.ndarray
    is_smooth: bool
    is_sparse: bool


@dataclass
class Stroke(LinePlot):
    """A line with gaps where it is NaN. In ASCII it is made of ``letter``; ``dash`` is one of DASHES."""

    letter: str = "*"
    dash: tuple[int, int] = DASHES[0]


class Guides(LinePlot):
    """Horizontal lines at the ticks of the y axis, drawn below the curves."""


def plotted(curve: Curve, style: ChartStyle) -> PlottedCurve:
    """Put a curve on a linear or logarithmic axis, with the line that is drawn: the smoothed one if there is one."""
    lo, hi = (np.clip(v, -LARGEST, LARGEST) for v in (curve.lo, curve.hi))
    line = curve.smooth if curve.is_smooth else curve.mean
    middle = (lo + hi) / 2 if line is None else np.clip(line, -LARGEST, LARGEST)
    if style.log_y:
        lo, hi, middle = (_log10(v) for v in (lo, hi, middle))
        # a band that reaches zero or below has no bottom on this axis: only its top is drawn
        lo = np.where(np.isfinite(hi) & ~np.isfinite(lo), hi, lo)
    return PlottedCurve(curve.x, lo, hi, middle, curve.is_smooth, curve.sparse)


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


def as_ascii(characters: Cells) -> Cells:
    """Replace the characters that draw boxes by ASCII ones."""
    return [[char.translate(_ASCII) for char in line] for line in characters]


def marker_places(x: np.ndarray, y: np.ndarray, place: int) -> list[int]:
    """Return the indices of points that get a marker: evenly spaced along the x axis, and at other places than those of
    the chart's other curves. ``place`` is the curve's place in its chart."""
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(finite):
        return []
    xs = x[finite]
    fractions = (np.arange(_MARKERS_PER_CURVE) + (place % 4 + 0.5) / 4) / _MARKERS_PER_CURVE
    targets = xs.min() + fractions * (xs.max() - xs.min())
    return sorted({int(finite[np.abs(xs - target).argmin()]) for target in targets})


def rasterise(x: np.ndarray, y: np.ndarray, width: int, height: int, dots: np.ndarray) -> np.ndarray:
    """Return the cells that a polyline touches: uint8 (height,width), each the bits of ``dots`` that are set.

    ``x`` and ``y`` are in cells from the top left corner. The line breaks at NaN, a single point between two gaps is a
    dot, and segments are clipped to the canvas by the algorithm of Liang and Barsky (1984).
    """
    down, across = dots.shape
    cells = np.zeros((height, width), np.uint8)
    x, y = (np.clip(v, -_FARTHEST, _FARTHEST) * n for v, n in ((x, across), (y, down)))
    finite = np.isfinite(x) & np.isfinite(y)
    joined = finite[:-1] & finite[1:]
    alone = finite & ~np.concatenate((joined, [False])) & ~np.concatenate(([False], joined))
    x0, y0 = (np.concatenate((v[:-1][joined], v[alone])) for v in (x, y))
    x1, y1 = (np.concatenate((v[1:][joined], v[alone])) for v in (x, y))
    dx, dy = x1 - x0, y1 - y0
    start, end = np.zeros(len(x0)), np.ones(len(x0))
    inside = np.ones(len(x0), bool)
    right, bottom = width * across - 1e-9, height * down - 1e-9
    for p, q in ((-dx, x0), (dx, right - x0), (-dy, y0), (dy, bottom - y0)):
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


def changed_regions(old: Cells, old_styles: Cells, new: Cells, new_styles: Cells) -> list[Region]:
    """Return, for each line with cells that differ, the region from the first to the last of them."""
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
