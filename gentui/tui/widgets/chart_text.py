"""What is written about the curves of a chart: its title, the note in its place, the legend of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.cells import cell_len
from textual.content import Content

from gentui.metrics.smoothing import Smoothing
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.tui.curves import (
    SERIES,
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
from gentui.tui.widgets.chart_tones import BOLD, LINE, MARK, MUTED, TEXT
from gentui.tui.widgets.score_bars import bars_of

_SEPARATOR = "   "
_MOST_SMOOTHED = 3
"""Curves of a title that gives their smoothed values, too."""

Parts = list[tuple[str, int]]
"""Texts, each with its tone."""
Curves = tuple[Curve, ...]
"""The curves of one chart."""


def placeholder_for(curves: Curves, waiting: str) -> str:
    """Return the note shown in place of a chart; "" if some curve has two finite points and can be drawn."""
    finite = [np.flatnonzero(np.isfinite(curve.lo) & np.isfinite(curve.hi)) for curve in curves]
    if any(len(at) > 1 for at in finite):
        return ""
    values = [
        f"{curve.title} {numbers.number(float(curve.lo[at[0]]))}"
        for curve, at in zip(curves, finite, strict=True)
        if len(at)
    ]
    if len(values) > 1 and len({curve.key for curve in curves}) == 1:  # one per run; the title shows them
        return "One value each so far."
    if values:
        return f"One value so far: {', '.join(values)}."
    return "No finite value yet." if any(len(curve.marks) for curve in curves) else waiting


def title_of(
    curves: Curves,
    style: ChartStyle,
    cursor: float | None = None,
    *,
    is_clipped: bool = False,
    offset: str = "",
    width: int = 1_000,
) -> Parts:
    """The title of a chart in so many cells: names, markers and last values of its curves; and where there is room for
    them the smoothed values, how the curves are drawn, and their range.

    With a cursor: the values there, and their differences from the baseline's. ``is_clipped``: outliers are hidden;
    ``offset``: of the y axis.
    """
    parts, remarks = _title(curves, style, cursor, is_clipped, offset)
    if width_of(parts) > width:
        parts, remarks = _title(curves, style, cursor, is_clipped, offset, is_brief=True)
    for part in remarks:
        if width_of([*parts, part]) <= width:
            parts.append(part)
    return parts


def width_of(parts: Parts) -> int:
    """The cells of a line."""
    return sum(cell_len(text) for text, _ in parts)


def _title(
    curves: Curves,
    style: ChartStyle,
    cursor: float | None,
    is_clipped: bool,
    offset: str,
    is_brief: bool = False,
) -> tuple[Parts, Parts]:
    """What the title must say, and what it may say, the most important first. ``is_brief``: without smoothed values."""
    parts, lows, highs = _values(curves, style, cursor, is_brief)
    is_ascii = style.marks == "ascii"
    if cursor is not None:
        parts.append((f"  at {format_place(style.axis, cursor)}", MUTED))
    if offset:
        parts.append((f"  y + {offset}", MUTED))
    if bad := sum(len(curve.marks) for curve in curves):
        parts.append((f"  {'x' if is_ascii else '✗'} not finite in {plural(bad, 'place')}", MARK))
    drawn = [f"by {axis_name(style.axis)}"] if style.axis != "step" else []
    if bars_of(curves, style):
        drawn = [f"{'lower' if curves[0].lower_is_better else 'higher'} is better"]
    else:
        drawn += ["log y"] if style.log_y else []
        drawn += ["outliers hidden"] if is_clipped else []
    smoothed = next((curve for curve in curves if curve.is_smooth), None)
    drawn += [smoothing_in_words(smoothed.smoothing, smoothed.is_each_step)] if smoothed else []
    between = ", " if is_ascii else " · "
    remarks = [(f"{between if place else '  '}{words}", MUTED) for place, words in enumerate(drawn)]
    if cursor is None and lows and min(lows) < max(highs):
        to = ".." if is_ascii else "…"
        remarks.append((f"  {numbers.number(min(lows))} {to} {numbers.number(max(highs))}", MUTED))
    return parts, remarks


def _values(
    curves: Curves, style: ChartStyle, cursor: float | None, is_brief: bool
) -> tuple[Parts, list[float], list[float]]:
    """Names and values of the curves, with their smallest and largest values."""
    parts: Parts = []
    lows, highs, named = [], [], set()
    base = next((curve for curve in curves if curve.is_baseline), None)
    is_ascii = style.marks == "ascii"
    for place, curve in enumerate(curves):
        slot = slot_of(curve, place)
        tone = LINE + slot % len(SERIES) | BOLD
        marker = f"{marker_of(slot, is_ascii)} " if len(curves) > 1 else ""
        name = "" if curve.key in named else curve.title
        named.add(curve.key)
        parts.append(("   " if place and name else " " if place else "", TEXT))
        if curve.slot is not None and name:  # in an overlay the markers are the runs'
            parts += [(f"{name} ", TEXT | BOLD), (marker.strip(), tone)]
        else:
            parts.append((f"{marker}{name}".strip(), tone))
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        if finite.any():
            if cursor is None:
                parts += _last_values(curve, _MOST_SMOOTHED + 1 if is_brief else len(curves))
            lows.append(float(curve.lo[finite].min()))
            highs.append(float(curve.hi[finite].max()))
        if cursor is not None:
            value = value_at(curve, cursor)
            text = numbers.number(value) if np.isfinite(value) else "–"
            parts.append((f" {text}", TEXT | BOLD))
            if base is not None and base is not curve and np.isfinite(d := value - value_at(base, cursor)):
                minus = "-" if is_ascii else "−"
                parts.append((f" ({'+' if d >= 0 else minus}{numbers.number(abs(d), 3)})", MUTED))
    return parts, lows, highs


def values_at(curves: Curves, x: float) -> dict[int, str]:
    """Return the formatted values of the curves at a place on the x axis, by slot; curves without a value are
    absent."""
    values = {curve.slot: value_at(curve, x) for curve in curves if curve.slot is not None}
    return {slot: numbers.number(value) for slot, value in values.items() if np.isfinite(value)}


def _last_values(curve: Curve, number: int) -> Parts:
    """The last value as it was logged, and beside it the smoothed one, in a word where it is the only one; of more than
    three curves there is no room for both."""
    last = curve.last
    if not np.isfinite(last):
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        last = float(curve.lo[finite][-1] / 2 + curve.hi[finite][-1] / 2)
    parts = [(f" {numbers.number(last)}", TEXT | BOLD)]
    if curve.is_smooth and np.isfinite(curve.last_smooth) and number <= _MOST_SMOOTHED:
        mark = "  smoothed " if number == 1 else " ~"
        parts.append((f"{mark}{numbers.number(curve.last_smooth)}", MUTED))
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
            more = Content.styled(f"and {left_out} more (V lists all)", "$text-muted")
            if len(last) < 2 or _width([*last, more]) <= width:
                last.append(more)
                break
            last.pop()
    return Content("\n").join(Content(_SEPARATOR).join(row) for row in rows)


def _width(row: Sequence[Content]) -> int:
    return sum(one.cell_length + len(_SEPARATOR) for one in row) - len(_SEPARATOR)
