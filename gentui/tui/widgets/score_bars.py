"""A score with few values as bars: one for each step, or for each run of an overlay, and one of real images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len

from gentui.runs.scores import REAL_IMAGES
from gentui.text import numbers
from gentui.text.sanitize import fit
from gentui.tui.curves import SERIES, ChartStyle, Curve, format_place, marker_of, slot_of
from gentui.tui.widgets.chart_drawing import Picture
from gentui.tui.widgets.chart_tones import LINE, MUTED, TEXT

MOST = 10
"""The most values that are shown as bars; more are a curve."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Bar:
    """``slot`` is the colour; None: that of real images."""

    label: str
    value: float
    slot: int | None = None
    is_best: bool = False


def bars_of(curves: Sequence[Curve], style: ChartStyle) -> tuple[Bar, ...]:
    """The bars of a chart; none if it is to be drawn as a curve, or has no values."""
    is_overlay = len(curves) > 1
    if not curves or any(curve.lower_is_better is None for curve in curves):
        return ()
    if is_overlay and any(curve.slot is None for curve in curves):  # scores of several kinds
        return ()
    finite = [np.flatnonzero(np.isfinite(curve.lo)) for curve in curves]
    lower = bool(curves[0].lower_is_better)
    if is_overlay:  # of each run, its best
        points = [
            (curve, int(at[(np.argmin if lower else np.argmax)(curve.lo[at])]))
            for curve, at in zip(curves, finite, strict=True)
            if len(at)
        ]
    else:
        points = [(curves[0], int(at)) for at in finite[0]]
    if not points or len(points) > max(MOST, len(curves)):
        return ()
    values = [float(curve.lo[at]) for curve, at in points]
    best = (min if lower else max)(values)
    is_ascii = style.marks == "ascii"
    bars = []
    for (curve, at), value in zip(points, values, strict=True):
        slot = slot_of(curve, 0)
        marker = f"{marker_of(slot, is_ascii)} " if is_overlay else ""
        place = f"{marker}{format_place(style.axis, float(curve.x[at]))}"
        bars.append(Bar(place, value, slot, is_best=value == best and len(values) > 1))
    floor = next((curve.floor for curve in curves if curve.floor is not None), None)
    return (*bars, Bar(REAL_IMAGES, floor)) if floor is not None and math.isfinite(floor) else tuple(bars)


def draw_bars(bars: Sequence[Bar], picture: Picture, top: int, is_ascii: bool) -> None:
    """Draw the bars on a picture below the row ``top``, the newest last; the oldest are left out where there is no
    room."""
    rows = max(0, picture.height - top - 1)
    bars = bars[max(0, len(bars) - rows) :]
    if not bars:
        return
    star = " *" if is_ascii else " ★"
    texts = [numbers.number(bar.value) + star * bar.is_best for bar in bars]
    labels = min(max(cell_len(bar.label) for bar in bars), max(8, picture.width // 3))
    room = max(4, picture.width - labels - max(map(len, texts)) - 5)
    low, high = min(0.0, *(bar.value for bar in bars)), max(0.0, *(bar.value for bar in bars))
    for row, (bar, text) in enumerate(zip(bars, texts, strict=True), top + 1):
        part = bar.value / 2 - low / 2, high / 2 - low / 2  # halves: the range may be larger than any float
        is_real = bar.slot is None
        tone, plain = (MUTED, MUTED) if is_real else (LINE + (bar.slot or 0) % len(SERIES), TEXT)
        at = picture.write(row, 1, f"{fit(bar.label, labels)} ", plain)
        at = picture.write(row, at, drawn(part[0] / part[1] if part[1] > 0 else 0.0, room, is_ascii), tone)
        picture.write(row, at, f" {text}", plain)


def drawn(part: float, room: int, is_ascii: bool) -> str:
    """A bar over a part (0 to 1) of so many cells, in eighths of a cell; at least a mark."""
    if is_ascii:
        return "#" * max(1, round(part * room))
    full, rest = divmod(max(1, round(part * room * 8)), 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")
