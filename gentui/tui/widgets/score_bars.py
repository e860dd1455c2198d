"""A score with few values as bars: one for each step, or for each run of an overlay, and one of real images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.runs.scores import REAL_IMAGES
from gentui.text import numbers
from gentui.text.sanitize import fit
from gentui.tui.curves import COLOURS, SERIES, ChartStyle, Curve, format_place, marker_of, slot_of

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


class ScoreBars(Widget):
    """The bars, the newest last. It is drawn only when they or the style change."""

    DEFAULT_CSS = f"""
    ScoreBars {{
        height: 1fr; width: 100%; background: $background; color: $foreground; padding: 1 1 0 1; display: none;
        & > .bars--real {{ color: $text-muted; }}
        {" ".join(f"& > .bars--{name} {{ color: {tone}; }}" for name, tone in zip(SERIES, COLOURS, strict=True))}
    }}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bars--real", *(f"bars--{name}" for name in SERIES)}

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[tuple[Bar, ...], bool] = (), False

    def show(self, bars: tuple[Bar, ...], style: ChartStyle) -> None:
        """Show these bars, in the characters of a style."""
        shown = bars, style.marks == "ascii"
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        bars, is_ascii = self._shown
        bars = bars[max(0, len(bars) - self.size.height) :]
        if y >= len(bars):
            return Strip.blank(width, base)
        one = bars[y]
        texts = [numbers.number(bar.value) + (" ★" if bar.is_best and not is_ascii else "") for bar in bars]
        texts = [
            text + (" *" if bar.is_best and is_ascii else "") for text, bar in zip(texts, bars, strict=True)
        ]
        labels = min(max(len(bar.label) for bar in bars), max(8, width // 3))
        room = max(4, width - labels - max(map(len, texts)) - 3)
        low, high = min(0.0, *(bar.value for bar in bars)), max(0.0, *(bar.value for bar in bars))
        part = (one.value - low) / (high - low) if high > low else 0.0
        name = "real" if one.slot is None else SERIES[one.slot % len(SERIES)]
        style = base + self.get_component_rich_style(f"bars--{name}", partial=True)
        segments = [
            Segment(f"{fit(one.label, labels)} ", style if one.slot is None else base),
            Segment(drawn(part, room, is_ascii), style),
            Segment(f" {texts[y]}", style if one.slot is None else base),
        ]
        return Strip(segments).adjust_cell_length(width, base)


def drawn(part: float, room: int, is_ascii: bool) -> str:
    """A bar over a part (0 to 1) of so many cells, in eighths of a cell; at least a mark."""
    if is_ascii:
        return "#" * max(1, round(part * room))
    full, rest = divmod(max(1, round(part * room * 8)), 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")
