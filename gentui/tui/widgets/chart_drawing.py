"""Drawing the curves of a chart: lines as characters, markers, and the cells that a new drawing changes.

A line is rasterised whole, by numpy: while a run trains, its charts are drawn anew every second.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from textual.geometry import Region

from gentui.tui.curves import ChartStyle, Curve

DASHES = ((1, 0), (6, 2), (3, 2), (1, 1))
"""Dash patterns of lines drawn without colour, as columns drawn and columns left out; curves take them in turn."""
LARGEST = 1e300
"""Values beyond this are drawn as this: the range of an axis would overflow."""
_MARKERS_PER_CURVE = 6
_FARTHEST = 1e6  # cells; coordinates farther away are too imprecise to clip
_BLANK = ord(" ")
COVERING = 128
"""Tones from here on are seen on a blank as well."""
_JOINED = 8
"""Cells that are the same between two stretches that differ, and are written again: cheaper than to go there."""

_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_QUADRANT = np.array([[1, 2], [4, 8]], np.uint8)
_CELL = np.array([[1]], np.uint8)
DOTS = {"braille": _BRAILLE, "block": _QUADRANT, "ascii": _CELL}
"""Line style -> the bit that each dot of a cell sets (rows,columns)."""
_QUADRANTS = np.array([ord(char) for char in " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"], np.uint32)


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


class Picture:
    """The cells of a drawing: ``chars`` are code points (uint32), 0 behind a character that is two cells wide, and
    ``tones`` numbers of styles (uint8); both (height,width)."""

    def __init__(self, width: int, height: int) -> None:
        self.chars = np.full((height, width), ord(" "), np.uint32)
        self.tones = np.zeros((height, width), np.uint8)

    @property
    def width(self) -> int:
        return self.chars.shape[1]

    @property
    def height(self) -> int:
        return self.chars.shape[0]

    def copy(self) -> Picture:
        other = Picture(0, 0)
        other.chars, other.tones = self.chars.copy(), self.tones.copy()
        return other

    def write(self, row: int, column: int, text: str, tone: int) -> int:
        """Write a text; what lies outside is cut off. Return the column behind it."""
        if text.isascii():
            codes = [ord(char) for char in text]
        else:
            codes = []
            for char in unicodedata.normalize("NFC", text):  # marks on letters have no cell of their own
                codes += ((), (ord(char),), (ord(char), 0))[min(cell_len(char), 2)]
        end = column + len(codes)
        if 0 <= row < self.height and column < self.width and end > 0:
            codes = codes[max(0, -column) : self.width - column]
            start = max(0, column)
            self.chars[row, start : start + len(codes)] = codes
            self.tones[row, start : start + len(codes)] = tone
        return end

    def row(self, y: int) -> list[tuple[str, int]]:
        """The characters of a row, by tone. A blank has the tone of what is left of it, unless it is one of a mark that
        covers the whole cell."""
        chars, tones = self.chars[y], self.tones[y]
        if not len(chars):
            return []
        kept = np.where((chars != _BLANK) | (tones >= COVERING), np.arange(len(chars)), 0)
        is_kept = kept == np.arange(len(chars))
        before = tones[np.maximum.accumulate(kept)]
        tones = np.where(is_kept, before, before % COVERING)
        starts = [0, *(np.flatnonzero(np.diff(tones)) + 1).tolist()]
        text = chars.tobytes().decode("utf-32-le")
        parts = zip(starts, [*starts[1:], len(text)], strict=True)
        return [(text[a:b].replace("\0", ""), int(tones[a])) for a, b in parts]

    def changed(self, other: Picture) -> list[Region]:
        """The stretches of rows that differ from those of a picture of the same size."""
        differ = (self.chars != other.chars) | (self.tones != other.tones)
        differ[:, 1:] |= differ[:, :-1] & ((self.chars[:, 1:] == 0) | (other.chars[:, 1:] == 0))
        regions = []
        for y in np.flatnonzero(differ.any(axis=1)).tolist():
            at = np.flatnonzero(differ[y])
            for part in np.split(at, np.flatnonzero(np.diff(at) > _JOINED) + 1):
                regions.append(Region(int(part[0]), y, int(part[-1] - part[0]) + 1, 1))
        return regions


def plotted(curve: Curve, style: ChartStyle) -> PlottedCurve:
    """Put a curve on a linear or logarithmic axis, with the line that is drawn: the smoothed one if there is one."""
    lo, hi = (np.clip(v, -LARGEST, LARGEST) for v in (curve.lo, curve.hi))
    line = curve.smooth if curve.is_smooth else curve.mean
    middle = lo / 2 + hi / 2 if line is None else np.clip(line, -LARGEST, LARGEST)
    if style.log_y:
        lo, hi, middle = (_log10(v) for v in (lo, hi, middle))
        # a band that reaches zero or below has no bottom on this axis: only its top is drawn
        lo = np.where(np.isfinite(hi) & ~np.isfinite(lo), hi, lo)
    return PlottedCurve(curve.x, lo, hi, middle, curve.is_smooth, curve.sparse)


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


def glyphs_of(cells: np.ndarray, marks: str, letter: str) -> np.ndarray:
    """The characters (uint32) for the bits of cells; an ASCII line is made of its curve's letter."""
    if marks == "braille":
        return cells.astype(np.uint32) + 0x2800
    return _QUADRANTS[cells] if marks == "block" else np.full(cells.shape, ord(letter), np.uint32)


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
