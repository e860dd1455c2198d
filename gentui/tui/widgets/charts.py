"""As many charts as there is room for, each with its name and its last value."""

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
from gentui.tui.widgets.chart import Chart, Curve, Look

LEAST_WIDTH, LEAST_HEIGHT, MOST = 58, 12, 6


class ChartBox(Vertical):
    """A chart under one line of text."""

    DEFAULT_CSS = """
    ChartBox { height: 1fr; width: 1fr; }
    ChartBox > .chart-title { height: 1; width: 100%; padding: 0 1;
                              text-wrap: nowrap; text-overflow: ellipsis; }
    ChartBox > Chart { height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        yield Static(classes="chart-title", markup=False)
        yield Chart()

    def show(self, curve: Curve, look: Look) -> None:
        title = self.query_one(".chart-title", Static)
        if title.content != (text := title_of(curve, look)):
            title.update(text)
        self.query_one(Chart).show(curve, look)


def title_of(curve: Curve, look: Look) -> Content:
    """Name, last value, range, and how it is drawn."""
    finite = np.isfinite(curve.lo) & np.isfinite(curve.hi)
    parts: list[tuple[str, str]] = [(clean(curve.key, 40), "bold $primary")]
    if finite.any():
        last = (curve.lo[finite][-1] + curve.hi[finite][-1]) / 2
        low, high = float(curve.lo[finite].min()), float(curve.hi[finite].max())
        parts.append((f"  {wording.number(float(last))}", "bold"))
        parts.append((f"  {wording.number(low)} … {wording.number(high)}", "$text-muted"))
    if len(curve.marks):
        parts.append((f"  ✗ not finite in {wording.plural(len(curve.marks), 'place')}", "$error"))
    drawn = [f"by {look.axis}"] if look.axis != "step" else []
    drawn += ["log y"] if look.log_y else []
    drawn += [f"smooth {look.smoothing:g}"] if look.smoothing and not curve.sparse else []
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

    def show(self, curves: Sequence[Curve], look: Look, page: int, names: int, waiting: str) -> None:
        """Draw these curves; ``waiting`` is shown in place of none."""
        grid = self.query_one(Grid)
        boxes = list(grid.query(ChartBox))
        for _ in range(len(curves) - len(boxes)):
            box = ChartBox()
            grid.mount(box)
            boxes.append(box)
        for index, box in enumerate(boxes):
            box.display = index < len(curves)
        for box, curve in zip(boxes, curves, strict=False):
            if box.is_mounted:
                box.show(curve, look)
            else:
                box.call_after_refresh(box.show, curve, look)
        note = self.query_one(".charts-note", Static)
        grid.display, note.display = not waiting, bool(waiting)
        if str(note.content) != waiting:
            note.update(waiting)
        pages = -(-names // max(1, self.count))
        paging = self.query_one(".charts-page", Static)
        paging.display = pages > 1
        text = f"metrics {page % pages + 1} of {pages} (m)" if pages > 1 else ""
        if str(paging.content) != text:
            paging.update(text)
