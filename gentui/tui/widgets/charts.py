"""As many charts as there is room for, each under a line with the names and last values of its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from gentui.text import clean
from gentui.tui import wording
from gentui.tui.widgets.chart import MARKERS, Chart, Curve, Look

LEAST_WIDTH, LEAST_HEIGHT, MOST = 58, 12, 6


Curves = tuple[Curve, ...]
"""The curves of one chart."""


class ChartBox(Vertical):
    """A chart under one line of text; a sentence in its place while there is nothing to draw a line between."""

    DEFAULT_CSS = """
    ChartBox { height: 1fr; width: 1fr; }
    ChartBox > .chart-title { height: 1; width: 100%; padding: 0 1;
                              text-wrap: nowrap; text-overflow: ellipsis; }
    ChartBox > Chart { height: 1fr; }
    ChartBox > .chart-note { height: 1fr; width: 100%; content-align: center middle; color: $text-muted;
                             display: none; }
    """

    def compose(self) -> ComposeResult:
        yield Static(classes="chart-title", markup=False)
        yield Chart()
        yield Static(classes="chart-note", markup=False)

    def show(self, curves: Curves, look: Look, waiting: str) -> None:
        """Draw these curves; ``waiting`` is what a run that has logged nothing waits for."""
        title = self.query_one(".chart-title", Static)
        if title.content != (text := title_of(curves, look)):
            title.update(text)
        chart, note = self.query_one(Chart), self.query_one(".chart-note", Static)
        sentence = instead_of(curves, waiting)
        chart.display, note.display = not sentence, bool(sentence)
        if sentence:
            if str(note.content) != sentence:
                note.update(sentence)
        else:
            chart.show(curves, look)


def instead_of(curves: Curves, waiting: str) -> str:
    """What is said in place of a chart: nothing where some curve has two finite points to draw."""
    finite = [np.flatnonzero(np.isfinite(curve.lo) & np.isfinite(curve.hi)) for curve in curves]
    if any(len(at) > 1 for at in finite):
        return ""
    told = [
        f"{clean(curve.key, 40)} {wording.number(float(curve.lo[at[0]]))}"
        for curve, at in zip(curves, finite, strict=True)
        if len(at)
    ]
    if told:
        return f"One value so far: {', '.join(told)}."
    return "No finite value yet." if any(len(curve.marks) for curve in curves) else waiting


def title_of(curves: Curves, look: Look) -> Content:
    """Names and last values with the markers of the curves, their range, and how they are drawn."""
    parts: list[tuple[str, str]] = []
    lows, highs, bad = [], [], 0
    for place, curve in enumerate(curves):
        marker = f"{MARKERS[look.marks == 'ascii'][place]} " if len(curves) > 1 else ""
        tone = ("$primary", "$accent", "$success", "$warning")[place]
        parts += [("   " if place else "", ""), (f"{marker}{clean(curve.key, 40)}", f"bold {tone}")]
        finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
        if finite.any():
            last = (curve.lo[finite][-1] + curve.hi[finite][-1]) / 2
            parts.append((f"  {wording.number(float(last))}", "bold"))
            lows.append(float(curve.lo[finite].min()))
            highs.append(float(curve.hi[finite].max()))
        bad += len(curve.marks)
    if lows:
        parts.append((f"  {wording.number(min(lows))} … {wording.number(max(highs))}", "$text-muted"))
    if bad:
        parts.append((f"  ✗ not finite in {wording.plural(bad, 'place')}", "$error"))
    drawn = [f"by {look.axis}"] if look.axis != "step" else []
    drawn += ["log y"] if look.log_y else []
    drawn += [f"smooth {look.smoothing:g}"] if look.smoothing and not all(c.sparse for c in curves) else []
    parts.append(("  " + " · ".join(drawn), "$text-muted"))
    return Content.assemble(*parts)


class Charts(Vertical):
    """``show`` fills the boxes; ``Room`` says that more or fewer, or wider ones, would fit."""

    DEFAULT_CSS = """
    Charts { height: 1fr; }
    Charts > Grid { height: 1fr; width: 100%; grid-gutter: 0 1; }
    Charts > .charts-note { height: 1fr; width: 100%; content-align: center middle; color: $text-muted; }
    Charts > .charts-page { height: 1; width: 100%; color: $text-muted; text-align: right; padding: 0 1; }
    Charts > .charts-note, Charts > .charts-page { display: none; }
    """

    @dataclass
    class Room(Message):
        pass

    def __init__(self) -> None:
        super().__init__()
        self.count = 1
        self.columns = 120

    def compose(self) -> ComposeResult:
        with Grid():
            yield ChartBox()
        yield Static(classes="charts-note", markup=False)
        yield Static(classes="charts-page", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        across = max(1, event.size.width // LEAST_WIDTH)
        down = max(1, event.size.height // LEAST_HEIGHT)
        across = min(across, 3)
        count = min(MOST, across * down)
        columns = max(20, event.size.width // across - 12)
        grid = self.query_one(Grid)
        grid.styles.grid_size_columns = across
        if (count, columns) != (self.count, self.columns):
            self.count, self.columns = count, columns
            self.post_message(self.Room())

    def show(self, charts: Sequence[Curves], look: Look, page: int, number: int, waiting: str) -> None:
        """Draw these charts of ``number``; ``waiting`` is shown in place of what has no curve yet."""
        grid = self.query_one(Grid)
        boxes = list(grid.query(ChartBox))
        for _ in range(len(charts) - len(boxes)):
            box = ChartBox()
            grid.mount(box)
            boxes.append(box)
        for index, box in enumerate(boxes):
            box.display = index < len(charts)
        for box, curves in zip(boxes, charts, strict=False):
            if box.is_mounted:
                box.show(curves, look, waiting)
            else:
                box.call_after_refresh(box.show, curves, look, waiting)
        note = self.query_one(".charts-note", Static)
        grid.display, note.display = bool(charts), not charts
        if not charts and str(note.content) != waiting:
            note.update(waiting)
        pages = -(-number // max(1, self.count))
        paging = self.query_one(".charts-page", Static)
        paging.display = pages > 1
        text = f"charts {page % pages + 1} of {pages} (m)" if pages > 1 else ""
        if str(paging.content) != text:
            paging.update(text)
