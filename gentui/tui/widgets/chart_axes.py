"""The axes of a chart: ticks and their labels, and the range of values shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from textual_plot.axis_formatter import AxisFormatter, NumericAxisFormatter

from gentui.text import numbers
from gentui.tui.widgets.chart_drawing import PlottedCurve

_MIDDLE = (10, 90)
"""Percentiles of the line. What is farther from them than they are from one another is an outlier."""
_TOO_FEW = 20
"""With fewer values than this none counts as an outlier."""


class LogFormatter(AxisFormatter):
    """Ticks of an axis that holds the log10 of its values."""

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
        if len(ticks) < 2:  # a range too narrow to hold round numbers
            return NumericAxisFormatter().get_ticks(min_, max_, 4) if max_ > min_ else [min_]
        return ticks

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [numbers.number(10.0**t, 3) if t < 300 else "" for t in ticks]


class PlainFormatter(NumericAxisFormatter):
    """Ticks with short labels: 20k, 1.5M, 2e-5. ``limit`` is the largest number of ticks, ``interval`` what lies
    between two of them; None: what suits the range."""

    def __init__(self, limit: int = 8, interval: float | None = None) -> None:
        super().__init__()
        self._limit = limit
        self._interval = interval

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        if self._interval is not None:
            first, last = math.ceil(min_ / self._interval), math.floor(max_ / self._interval)
            return [place * self._interval for place in range(first, last + 1)]
        return list(super().get_ticks(min_, max_, min(self._limit, max_ticks)))

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
    """Ticks of an axis in seconds, at round durations: 30s, 5m, 2h. ``limit`` is the largest number of ticks."""

    STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        max_ticks = min(self._limit, max_ticks)
        span = max(max_ - min_, 1e-9)
        step = next(
            (s for s in self.STEPS if span / s <= max_ticks), self.STEPS[-1] * math.ceil(span / 86400 / 8)
        )
        first = math.ceil(min_ / step)
        return [float(i * step) for i in range(first, int(max_ // step) + 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [numbers.duration(t).replace(" 00s", "").replace(" 00m", "") for t in ticks]


def even_scale(bottom: float, top: float, rows: int, most: int = 6) -> tuple[float, float, float] | None:
    """(bottom, top, interval) of an axis of so many rows that holds the range, with round ticks that stand in the
    middle of rows equally far apart; None if there is none. ``most``: ticks at most."""
    span = top - bottom
    if rows < 4 or not span > 1e-9 * max(abs(bottom), abs(top)) or not math.isfinite(span):
        return None
    power = 10.0 ** math.floor(math.log10(span / most))
    for interval in (mantissa * scale for scale in (power, power * 10, power * 100) for mantissa in (1, 2, 5)):
        apart = math.floor((rows - 1) * interval / span)
        if apart < 2 or rows / apart > most:
            continue
        row = interval / apart
        first = math.floor(bottom / row + 0.5)
        spare = (first - 0.5 + rows) * row - top
        first -= math.floor(spare / row / 2)
        return (first - 0.5) * row, (first - 0.5 + rows) * row, interval
    return None


def value_range(
    curves: Iterable[PlottedCurve], left: float, right: float, clip: bool
) -> tuple[float, float] | None:
    """Return the smallest and largest value of the curves between two places on the x axis; None if there is none.

    With ``clip``, outliers do not count.
    """
    ranges = [r for curve in curves if (r := _range_of(curve, left, right, clip)) is not None]
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _range_of(curve: PlottedCurve, left: float, right: float, clip: bool) -> tuple[float, float] | None:
    is_visible = (curve.x >= left) & (curve.x <= right)
    lo, hi = (v[np.isfinite(v) & is_visible] for v in (curve.lo, curve.hi))
    if not len(lo) or not len(hi):
        return None
    least, most = float(lo.min()), float(hi.max())
    if not clip or curve.is_sparse or len(lo) < _TOO_FEW:
        return least, most
    line = curve.middle[np.isfinite(curve.middle) & is_visible]
    low, high = np.percentile(line, _MIDDLE)
    room = max(float(high - low), float(np.median(hi - lo)))
    return max(least, float(low) - room), min(most, float(high) + room)
