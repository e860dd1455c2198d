"""Numbers of the machine, each with its history: a line of its own, or a graph where there is room for one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.text.sanitize import fit
from gentui.tui import formatting

HEIGHTS = " ▁▂▃▄▅▆▇█"
NAME, BAR, VALUE, AXIS = 13, 8, 11, 5
"""Cells of the name, the bar and the value of a line, and of the axis of a graph."""
LEAST_GRAPH, TALLEST_GRAPH = 3, 9
LEAST_HISTORY = 10


@dataclass(frozen=True)
class Gauge:
    """One number, in sanitized text. ``part``: of the whole, from 0 to 1; None for what has no whole. ``history``: the
    newest last, NaN where nothing was read; from 0 to ``top``, or to its largest value where that is None. ``is_slow``:
    it hardly changes, so a line of it is enough.
    """

    name: str
    value: str
    detail: str = ""
    part: float | None = None
    history: tuple[float, ...] = ()
    top: float | None = None
    is_warning: bool = False
    is_slow: bool = False


def line_of_history(values: Sequence[float], top: float | None, cells: int) -> str:
    """The newest values, one a cell, at heights from 0 to ``top`` (None: their largest)."""
    return graph_of(values, top, cells, 1)[0]


def graph_of(values: Sequence[float], top: float | None, cells: int, rows: int) -> list[str]:
    """The newest values as columns in so many rows, from the top down. What is not zero has at least an eighth of a
    cell."""
    newest = list(values)[-cells:] if cells > 0 else []
    finite = [value for value in newest if math.isfinite(value)]
    most = top if top else max(finite, default=0.0)
    levels = []
    for value in newest:
        is_shown = math.isfinite(value) and value > 0 and most > 0
        levels.append(max(1, min(8 * rows, round(8 * rows * value / most))) if is_shown else 0)
    lines = []
    for row in range(rows - 1, -1, -1):
        text = "".join(HEIGHTS[max(0, min(8, level - 8 * row))] for level in levels)
        lines.append(text.rjust(cells))
    return lines


Piece = tuple[str, str]


class Gauges(Widget):
    """Gauges below one another, those of parts of a whole with graphs as high as the room allows. Drawn only when one
    of them changes."""

    DEFAULT_CSS = """
    Gauges {
        background: $background; color: $foreground; padding: 0 1;
        & > .gauge--dim { color: $text-muted; }
        & > .gauge--strong { text-style: bold; }
        & > .gauge--history { color: $primary; }
        & > .gauge--warn { color: $warning; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"gauge--{tone}" for tone in ("dim", "strong", "history", "warn")}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._gauges: tuple[Gauge, ...] = ()
        self._lines: list[list[Piece]] = []

    @property
    def text(self) -> str:
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def show(self, gauges: Sequence[Gauge]) -> None:
        """Show these."""
        self._gauges = tuple(gauges)
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        lines = lines_of(self._gauges, *self.size)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        segments = []
        for text, tone in self._lines[y] if y < len(self._lines) else ():
            style = base + self.get_component_rich_style(f"gauge--{tone}", partial=True) if tone else base
            segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, base)


def lines_of(gauges: Sequence[Gauge], width: int, height: int) -> list[list[Piece]]:
    """The gauges in lines of a pane of this size."""
    graphed = [gauge for gauge in gauges if gauge.part is not None and gauge.history and not gauge.is_slow]
    rows = (height - len(gauges)) // len(graphed) if graphed else 0
    rows = min(rows, TALLEST_GRAPH) if rows >= LEAST_GRAPH else 0
    lines: list[list[Piece]] = []
    for gauge in gauges:
        has_graph = bool(rows) and gauge in graphed
        lines.append(_line_of(gauge, width, has_graph))
        if has_graph:
            tone = "warn" if gauge.is_warning else "history"
            for place, text in enumerate(graph_of(gauge.history, gauge.top, width - AXIS, rows)):
                mark = "100%" if not place else "0%" if place == rows - 1 else ""
                lines.append([(f"{mark:>{AXIS - 1}} ", "dim"), (text, tone)])
    return lines


def _line_of(gauge: Gauge, width: int, has_graph: bool) -> list[Piece]:
    tone = "warn" if gauge.is_warning else ""
    line: list[Piece] = [(fit(gauge.name, NAME, cut="middle") + " ", "strong")]
    if gauge.part is not None:
        line += [
            (formatting.bar(gauge.part, BAR) + " ", tone),
            (f"{gauge.value:>4}", tone or "strong"),
            ("  ", ""),
        ]
    elif gauge.value:
        line.append((fit(gauge.value, VALUE, "right") + "    ", tone or "strong"))
    left = width - sum(len(text) for text, _ in line)
    if gauge.history and not has_graph:
        cells = max(LEAST_HISTORY, left // 2 if gauge.detail else left)
        if cells <= left:
            text = line_of_history(gauge.history, gauge.top, cells)
            line += [(text, "warn" if gauge.is_warning else "history"), ("  "[: left - cells], "")]
            left -= cells + 2
    if left > 0 and gauge.detail:
        line.append((fit(gauge.detail, left), "dim"))
    return line
