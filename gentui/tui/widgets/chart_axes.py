"""The axes of a chart: which values they hold, and which ticks they have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np

from gentui.tui.widgets.chart_drawing import PlottedCurve
from gentui.tui.widgets.chart_labels import TENTH, Labels, durations, exactly, labels_of

_TICK_AT = Fraction(3, 8)
"""Where in its row a tick of the y axis stands, from below: in the middle of the third of a braille cell's four dots,
so that a constant that is smoothed, which moves its last digits, stays on one row of dots."""
_MOST_TICKS = 9
_MANY = 0.5
"""What many ticks are worth against two, as a part of the rows that are wasted for them."""
_GAPS = 2, 4
"""Cells between two labels of the x axis at least, of a narrow chart and of others."""
_NARROW = 40
_SHORT = 8
"""Cells of a label that may be too long without an offset."""
_WHOLE = 12
"""Cells for the label of a constant, which has all its digits."""
_CONSTANT = 1e-13
"""Of the values: a smaller range is that of a constant."""
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86_400
_LONGEST_TIME = 1e11
"""Seconds; beyond, an axis of time has plain numbers."""


@dataclass(frozen=True)
class Scale:
    """An axis of ``cells`` cells: ``base + low`` at its beginning, ``span`` more at its end. Values are given relative
    to ``base``, so that small differences of large values are exact.

    ``ticks``: the cells of the ticks from the beginning, and their labels, in order. ``starts``: where the labels of an
    x axis begin, in cells from the edge of the chart. ``offset``: what is to be added to each label, "" for nothing.
    """

    cells: int
    base: float
    low: float
    span: float
    ticks: tuple[tuple[int, str], ...] = ()
    starts: tuple[int, ...] = ()
    offset: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """The values at both ends."""
        return self.base + self.low, self.base + self.low + self.span

    def cells_of(self, values: np.ndarray) -> np.ndarray:
        """How many cells from the beginning the values stand, as float64; NaN stays NaN."""
        with np.errstate(over="ignore", invalid="ignore"):
            return ((values - self.base) - self.low) / self.span * self.cells

    def cell_of(self, value: float) -> int:
        """The cell that a value stands in, one of those of the axis."""
        return min(max(math.floor(float(self.cells_of(np.array([value]))[0])), 0), self.cells - 1)

    def value_at(self, cell: float) -> float:
        """The value so many cells from the beginning."""
        return self.base + self.low + cell / self.cells * self.span

    @property
    def width(self) -> int:
        """Cells of the longest label."""
        return max((len(label) for _, label in self.ticks), default=0)


def _intervals(
    least: float, count: int = 12, mantissas: tuple[int, ...] = (10, 20, 50)
) -> Iterator[tuple[int, int]]:
    """Round distances of ticks (a mantissa, and a power of ten), from the first that is not smaller than ``least``."""
    power = (math.floor(math.log10(least)) if least > 0 else -323) - 1
    at = 0
    while at < count:
        for mantissa in mantissas:
            if at or mantissa * Fraction(10) ** power >= Fraction(least):
                yield mantissa, power
                at += 1
        power += 1


# -- the y axis


@lru_cache(256)
def vertical(low: float, high: float, rows: int, room: int, is_log: bool = False) -> Scale:
    """A y axis of so many rows that holds the range, from the row below. Its ticks are round and stand equally far
    apart (but on a logarithmic axis of less than two decades); labels longer than ``room`` cells have an offset.

    With ``is_log``, ``low`` and ``high`` are logarithms to the base of ten.
    """
    if rows < 2:
        return Scale(max(rows, 1), low, 0.0, high - low if high > low else 1.0)
    if not high - low > _CONSTANT * max(abs(low), abs(high)):
        value = (low + high) / 2 if high - low < math.inf else low
        half = abs(value) * 0.05 or 0.5
        text = exactly(10.0**value if is_log and abs(value) < 308 else value, max(room, _WHOLE))
        at = rows // 2
        return Scale(rows, value, -2 * half * (at + float(_TICK_AT)) / rows, 2 * half, ((at, text),))
    if is_log and high - low < 2:
        return _narrow_log(low, high, rows, room)
    return _even(low, high, rows, room, is_log)


def _even(low: float, high: float, rows: int, room: int, is_log: bool) -> Scale:
    """The axis with ticks equally far apart, at least two rows where that leaves two of them."""
    bottom, top = Fraction(low), Fraction(high)
    grid = _grid(bottom, top, rows, 2, is_log)
    if grid is None or len(grid.at) < 2:
        grid = _grid(bottom, top, rows, 1, is_log) or grid
    if grid is None:
        return Scale(rows, low, 0.0, float(top - bottom))
    places = [place // grid.apart * grid.mantissa for place in grid.at]
    labels = (
        _decades([int(n * Fraction(10) ** grid.power) for n in places])
        if is_log
        else labels_of(places, grid.power, room)
    )
    ticks = tuple((place - grid.first, text) for place, text in zip(grid.at, labels.texts, strict=True))
    start = float((grid.first - _TICK_AT) * grid.row - bottom)
    return Scale(rows, low, start, float(rows * grid.row), ticks, (), labels.offset)


@dataclass(frozen=True)
class _Grid:
    """Rows of ``row`` each from number ``first`` on, with ticks at the numbers ``at``: every so many rows ``apart``,
    which are an interval of ``mantissa × 10**power``."""

    mantissa: int
    power: int
    apart: int
    row: Fraction
    first: int
    at: tuple[int, ...]


def _grid(bottom: Fraction, top: Fraction, rows: int, least: int, is_log: bool) -> _Grid | None:
    """The grid that wastes few rows and has many ticks, at least ``least`` rows apart."""
    span, most = top - bottom, max(2, min(_MOST_TICKS, rows // 2)) if least > 1 else rows
    best, found = -math.inf, None
    for mantissa, power in _intervals(float(span) / most / 2 or float(span), 16, (10, 20, 25, 50)):
        interval = mantissa * Fraction(10) ** power
        if is_log and interval.denominator != 1:
            continue
        apart = min(math.floor((rows - 1) * interval / span), 10 * rows)
        if apart < least or rows / apart > most + 0.5:
            continue
        row = interval / apart
        first = math.floor(bottom / row + _TICK_AT)
        first -= math.floor(((first - _TICK_AT + rows) * row - top) / row / 2)
        first = max(first, 0) if bottom >= 0 else min(first, 1 - rows) if top <= 0 else first
        at = tuple(place for place in range(first, first + rows) if place % apart == 0)
        worth = float(span / row) / rows + (_MANY * (1 - 2 / len(at)) if at else -1)
        if worth > best:
            best, found = worth, _Grid(mantissa, power, apart, row, first, at)
    return found


def _decades(exponents: Sequence[int]) -> Labels:
    """``0.01``, ``1``, ``1e5`` for powers of ten."""
    return Labels(
        tuple(labels_of([1], int(power)).texts[0] if -4 < power < 4 else f"1e{power}" for power in exponents)
    )


def _narrow_log(low: float, high: float, rows: int, room: int) -> Scale:
    """A logarithmic axis of less than two decades, with round values at the rows nearest to them."""
    margin = (high - low) / rows / 2
    scale = Scale(rows, low, -margin, high - low + 2 * margin)
    first, last = (10.0 ** (end - (0 if end < 300 else end - 300)) for end in (low, high))
    if not 0 < first < last < 1e300:
        return scale
    best: Scale | None = None
    for ticks, power in _log_ticks(first, last, rows):
        labels, at = labels_of(ticks, power, room), []
        for tick in ticks:
            at.append(scale.cell_of(math.log10(tick) + power))
        kept = Scale(
            rows,
            low,
            -margin,
            scale.span,
            tuple(zip(at, labels.texts, strict=True)),
            (),
            labels.offset,
        )
        if len(ticks) > 1 and all(b - a >= 2 for a, b in pairwise(at)):
            return kept
        if len(ticks) == 1:
            best = best or kept
    return best or scale


def _log_ticks(first: float, last: float, rows: int) -> Iterator[tuple[list[int], int]]:
    """Ever fewer round values between two positive ones: tenths of decades, 1-2-5, decades, then every so many."""
    power = math.floor(math.log10(first))
    for mantissas in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        ticks = [
            m * 10**d
            for d in range(4)
            for m in mantissas
            if first <= m * 10.0 ** (d + power) <= last * (1 + 1e-12)
        ]
        if len(ticks) >= 3 or (mantissas == (1,) and len(ticks) == 2):
            yield ticks, power
    least = (last - first) / max(2, min(_MOST_TICKS, rows // 2))
    for mantissa, power in _intervals(least):
        ticks = _multiples(first, last, mantissa, power, 4 * rows)
        if ticks:
            yield ticks, power


def _multiples(low: float, high: float, mantissa: int, power: int, most: int) -> list[int]:
    """The multiples of an interval within a range, in units of its power of ten; none if more than ``most``."""
    interval = mantissa * Fraction(10) ** power
    first, last = math.ceil(Fraction(low) / interval), math.floor(Fraction(high) / interval)
    return [place * mantissa for place in range(first, last + 1)] if last - first < most else []


# -- the x axis


@lru_cache(64)
def horizontal(low: float, high: float, columns: int, left: int, kind: str = "number") -> Scale:
    """An x axis of so many columns from ``left`` on, with as many round ticks as have room for their labels.

    ``kind``: number, whole (no tick between whole numbers) or time (in seconds).
    """
    scale = Scale(columns, low, 0.0, high - low if high > low else 1.0)
    if not high > low or columns < 1:
        return scale
    one: Scale | None = None
    least = scale.span / max(1, columns) * 4
    # The label of a tick at an end is moved inwards, where it may have no room: then that tick is left out. Where two
    # labels of all digits have none, they have an offset.
    for room in (max(_SHORT, columns // 4), _SHORT):
        for parts in ((slice(None),), (slice(-1), slice(1, None)), (slice(1, -1),)):
            for ticks, power, label in _along(low, high, kind, least, columns, room):
                for part in parts:
                    found = _labelled(scale, ticks[part], power, label, left)
                    if found is not None and len(found.ticks) > 1:
                        return found
                    one = one or found
    return one or scale


def _labelled(
    scale: Scale, ticks: list[int], power: int, label: Callable[[Sequence[int]], Labels], left: int
) -> Scale | None:
    """The axis with these ticks; None if there are none, or no room for their labels."""
    at = [_column(tick, power, scale) for tick in ticks]
    labels = label(ticks) if ticks else None
    starts = _starts(at, labels.texts, left, left + scale.cells) if labels else None
    if labels is None or starts is None:
        return None
    placed = tuple(zip(at, labels.texts, strict=True))
    return Scale(scale.cells, scale.base, 0.0, scale.span, placed, starts, labels.offset)


def _along(
    low: float, high: float, kind: str, least: float, columns: int, room: int
) -> Iterator[tuple[list[int], int, Callable[[Sequence[int]], Labels]]]:
    """Ever fewer ticks within a range: (in units of a power of ten, that power, what labels them). Labels of numbers
    that are longer than ``room`` have an offset."""
    if kind == "time" and max(abs(low), abs(high)) < _LONGEST_TIME:
        days = (10**power * mantissa * _DAY for power in range(8) for mantissa in (1, 2, 5))
        for tenths in (1, 2, 5, *(seconds * TENTH for seconds in (*_SECONDS, *days))):
            if tenths >= least * TENTH:
                first, last = (
                    math.ceil(Fraction(low) * TENTH / tenths),
                    math.floor(Fraction(high) * TENTH / tenths),
                )
                ticks = [place * tenths for place in range(first, last + 1)]
                if not ticks:
                    return
                yield ticks, -1, lambda ticks, tenths=tenths: durations(ticks, tenths)
        return
    for mantissa, power in _intervals(max(least, 1.0) if kind == "whole" else least):
        if ticks := _multiples(low, high, mantissa, power, columns):
            yield ticks, power, lambda ticks, power=power: labels_of(ticks, power, room)


def _column(tick: int, power: int, scale: Scale) -> int:
    """The column of a tick; exact also where differences are small."""
    part = (tick * Fraction(10) ** power - Fraction(scale.base)) / Fraction(scale.span)
    return min(max(math.floor(part * scale.cells), 0), scale.cells - 1)


def _starts(at: list[int], texts: tuple[str, ...], left: int, width: int) -> tuple[int, ...] | None:
    """Where the labels begin: in the middle below their ticks, within the chart; None if there is no room for all."""
    gap = _GAPS[width > _NARROW]
    starts, end = [], -gap
    for column, text in zip(at, texts, strict=True):
        start = min(max(left + column - len(text) // 2, 0), width - len(text))
        if start < end + gap:
            return None
        starts.append(start)
        end = start + len(text)
    return tuple(starts)


# -- which values they hold

_MIDDLE = (5, 95)
"""Percentiles of the values between which most of them lie."""
_FLATTENED = 10
"""A range that is so many times that of most of the line flattens it."""
_FEW, _TOO_FEW = 0.06, 20
"""The most of the values that count as outliers; with fewer values than this none does."""


@dataclass(frozen=True)
class Range:
    """The smallest and largest value that an axis holds, and whether it leaves outliers out."""

    low: float
    high: float
    is_clipped: bool = False


def value_range(curves: Iterable[PlottedCurve], left: float, right: float, clip: bool) -> Range | None:
    """Return the range of the curves between two places on the x axis; None if they have no value there.

    With ``clip``, a few values so far from the others that they would flatten the line do not count.
    """
    found = [r for curve in curves if (r := _range_of(curve, left, right, clip)) is not None]
    if not found:
        return None
    low, high = min(r.low for r in found), max(r.high for r in found)
    return Range(low, high, any(r.is_clipped for r in found))


def _range_of(curve: PlottedCurve, left: float, right: float, clip: bool) -> Range | None:
    is_visible = (curve.x >= left) & (curve.x <= right) & np.isfinite(curve.lo) & np.isfinite(curve.hi)
    lo, hi = curve.lo[is_visible], curve.hi[is_visible]
    if not len(lo):
        return None
    least, most = float(lo.min()), float(hi.max())
    if not clip or curve.is_sparse or len(lo) < _TOO_FEW:
        return Range(least, most)
    low, high = (float(v) for v in np.percentile(lo / 2 + hi / 2, _MIDDLE))  # smoothing spreads an outlier
    room = max(high - low, float(np.median(hi - lo)))
    if not room > 0 or most - least <= _FLATTENED * room:
        return Range(least, most)
    is_outlier = (lo < low - 2 * room) | (hi > high + 2 * room)
    if not is_outlier.any() or is_outlier.mean() > _FEW:
        return Range(least, most)
    return Range(float(lo[~is_outlier].min()), float(hi[~is_outlier].max()), True)
