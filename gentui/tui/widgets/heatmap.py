"""A heat map of many series: one row each, one shade for each range of steps. A shade is a glyph and a colour, so
that it is readable without colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from gentui.text import numbers
from gentui.text.sanitize import clean, fit
from gentui.tui.curves import ChartStyle, Curve, format_place, value_at

SHADES = {False: "·░▒▓█", True: ".:o*#"}
"""Glyphs from the lowest value to the highest; True: those of ASCII. Blank means no value."""
NOT_FINITE = {False: "✗", True: "x"}
_VALUE_WIDTH = 10
_LEVELS = 12  # number of colours, more than glyphs
_FOOTER = 1


@dataclass(frozen=True)
class Heat:
    """The series of a heat map. With ``is_common`` all have one scale, otherwise each has its own."""

    name: str
    curves: tuple[Curve, ...] = field(repr=False)
    is_common: bool = False

    def same_as(self, other: Heat | None) -> bool:
        return (
            other is not None
            and (self.name, self.is_common, len(self.curves))
            == (other.name, other.is_common, len(other.curves))
            and all(a.same_as(b) for a, b in zip(self.curves, other.curves, strict=True))
        )


def levels(curve: Curve, edges: np.ndarray, low: float, high: float, log_y: bool) -> np.ndarray:
    """Return the mean of a curve in each interval between the edges, scaled to 0…1 from ``low`` to ``high``; NaN
    where it has no value, +inf where it has one that is not finite."""
    n = len(edges) - 1
    mean = (curve.lo + curve.hi) / 2 if curve.mean is None else curve.mean
    at = np.searchsorted(edges, curve.x, "right") - 1
    at[curve.x == edges[-1]] = n - 1
    ok = (at >= 0) & (at < n) & np.isfinite(mean)
    sums, counts = np.zeros(n), np.zeros(n)
    np.add.at(sums, at[ok], scaled(mean[ok], low, high, log_y))
    np.add.at(counts, at[ok], 1)
    with np.errstate(invalid="ignore"):
        result = np.where(counts > 0, sums / counts, np.nan)
    filled = np.flatnonzero(counts)
    if len(filled):  # with fewer points than intervals, each value lasts until the next
        before = np.searchsorted(filled, np.arange(n), "right") - 1
        result = np.where(before >= 0, result[filled[np.maximum(before, 0)]], np.nan)
    bad = np.searchsorted(edges, curve.marks, "right") - 1
    bad = bad[(bad >= 0) & (bad < n)]
    result[bad] = np.inf
    return result


def scaled(values: np.ndarray, low: float, high: float, log_y: bool) -> np.ndarray:
    """Scale values to 0…1 from ``low`` to ``high``, logarithmically with ``log_y`` if they are positive."""
    if log_y and low > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            values, low, high = np.log(np.maximum(values, low)), float(np.log(low)), float(np.log(high))
    span = high - low
    return np.clip((values - low) / span, 0, 1) if span > 0 else np.full(len(values), 0.5)


def range_of(curves: tuple[Curve, ...]) -> tuple[float, float]:
    """Return the smallest and the largest mean of the curves; zeros if there is none."""
    means = [c.mean if c.mean is not None else (c.lo + c.hi) / 2 for c in curves]
    values = np.concatenate([v[np.isfinite(v)] for v in means] or [np.empty(0)])
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


class HeatMap(Widget):
    """A heat map. It is drawn only when a series, the style or the cursor changes."""

    DEFAULT_CSS = """
    HeatMap {
        background: $background; color: $foreground;
        & > .heat--low { color: $panel-lighten-2; }
        & > .heat--high { color: $warning; }
        &:light > .heat--low { color: $panel-darken-2; }
        & > .heat--name { color: $foreground; }
        & > .heat--dim { color: $text-muted; }
        & > .heat--bad { color: $error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"heat--{name}" for name in ("low", "high", "name", "dim", "bad")}

    def __init__(self) -> None:
        super().__init__()
        self._heat: Heat | None = None
        self._style = ChartStyle()
        self._cursor: float | None = None
        self._first = 0

    def show(self, heat: Heat, style: ChartStyle, cursor: float | None = None) -> None:
        """Show these series in a style, with a cursor at a place on the x axis or none."""
        is_new = not heat.same_as(self._heat) or (style, cursor) != (self._style, self._cursor)
        if self._heat is None or heat.name != self._heat.name:
            self._first = 0
        self._heat, self._style, self._cursor = heat, style, cursor
        if is_new:
            self.refresh()

    @property
    def rows(self) -> int:
        """The number of series that fit."""
        return max(1, self.size.height - 1 - _FOOTER)

    def page(self, by: int) -> None:
        """Show the next page of series, or the one before; the first follows the last."""
        count = len(self._heat.curves) if self._heat else 0
        pages = max(1, -(-count // self.rows))
        first = (self._first // self.rows + by) % pages * self.rows
        if first != self._first:
            self._first = first
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, width, heat = self.rich_style, self.size.width, self._heat
        if heat is None:
            return Strip.blank(width, base)
        dim = base + self.get_component_rich_style("heat--dim", partial=True)
        curves, shown = heat.curves, heat.curves[self._first : self._first + self.rows]
        if y == 0:
            return Strip([Segment(fit(" " + self._title(len(curves), len(shown)), width), dim)], width)
        if y - 1 < len(shown):
            return self._row(shown[y - 1], width, base)
        if y - 1 == len(shown):
            return Strip([Segment(fit(" " * self._names(width) + self._axis(width), width), dim)], width)
        return Strip.blank(width, base)

    def _names(self, width: int) -> int:
        longest = (
            max((len(clean(curve.key, 60)) for curve in self._heat.curves), default=0) if self._heat else 0
        )
        return max(8, min(longest + 2, width // 3))

    def _cells(self, width: int) -> int:
        return max(4, width - self._names(width) - _VALUE_WIDTH)

    def _ends(self) -> tuple[float, float]:
        if self._style.window:
            return self._style.window
        xs = (
            np.concatenate([curve.x for curve in self._heat.curves if len(curve.x)] or [np.empty(0)])
            if self._heat
            else []
        )
        return (float(np.min(xs)), float(np.max(xs))) if len(xs) else (0.0, 1.0)

    def _title(self, count: int, shown: int) -> str:
        assert self._heat is not None
        some = f"{self._first + 1}–{self._first + shown} of " if shown < count else ""
        low, high = (numbers.number(v) for v in range_of(self._heat.curves))
        scale = f"{low} to {high}" if self._heat.is_common else "each row from its smallest to its largest"
        glyphs = SHADES[self._style.marks == "ascii"]
        log = ", log" if self._style.log_y else ""
        return f"{clean(self._heat.name, 40)}: {some}{count} series · shades '{glyphs}': {scale}{log}"

    def _axis(self, width: int) -> str:
        left, right = (format_place(self._style.axis, x) for x in self._ends())
        return left + right.rjust(max(1, self._cells(width) - len(left)))

    def _row(self, curve: Curve, width: int, base: Style) -> Strip:
        assert self._heat is not None
        is_ascii, cells = self._style.marks == "ascii", self._cells(width)
        own = range_of(self._heat.curves if self._heat.is_common else (curve,))
        left, right = self._ends()
        edges = np.linspace(left, right if right > left else left + 1, cells + 1)
        row = levels(curve, edges, *own, self._style.log_y)
        glyphs, bad_glyph = SHADES[is_ascii], NOT_FINITE[is_ascii]
        style = lambda name: base + self.get_component_rich_style(f"heat--{name}", partial=True)  # noqa: E731
        colours, bad = self._colours(base), style("bad")
        at = None
        if self._cursor is not None and left <= self._cursor <= right:
            at = min(cells - 1, int(np.searchsorted(edges, self._cursor, "right")) - 1)
        segments = [Segment(fit(" " + clean(curve.key, 60), self._names(width)), style("name"))]
        for place, level in enumerate(row.tolist()):
            if level == np.inf:
                glyph, how = bad_glyph, bad
            elif level != level:
                glyph, how = " ", base
            else:
                glyph = glyphs[min(len(glyphs) - 1, int(level * len(glyphs)))]
                how = colours[min(_LEVELS - 1, int(level * _LEVELS))]
            if place == at:
                how += Style(reverse=True)
            segments.append(Segment(glyph, how))
        mean = (curve.lo + curve.hi) / 2 if curve.mean is None else curve.mean
        finite = mean[np.isfinite(mean)]
        value = (
            value_at(curve, self._cursor) if self._cursor is not None else finite[-1] if len(finite) else np.nan
        )
        text = numbers.number(float(value)) if np.isfinite(value) else "–"
        segments.append(Segment(fit(text, _VALUE_WIDTH - 1, "right") + " ", style("dim")))
        return Strip(segments).simplify().adjust_cell_length(width, base)

    def _colours(self, base: Style) -> list[Style]:
        low, high = (self.get_component_styles(f"heat--{end}").color for end in ("low", "high"))
        if (
            low.ansi is not None or high.ansi is not None
        ):  # without colours to mix, the glyphs alone show the values
            return [base] * _LEVELS
        mixed: list[Color] = [low.blend(high, i / (_LEVELS - 1)) for i in range(_LEVELS)]
        return [base + Style(color=colour.rich_color) for colour in mixed]
