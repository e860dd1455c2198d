"""The pane beside the list of runs: the run under the cursor, with its head, first curves and newest samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical

from gentui.config import chart_layouts
from gentui.metrics.smoothing import Smoothing
from gentui.tui.curves import ChartStyle
from gentui.tui.screens.chart_data import ChartRequest, read_charts
from gentui.tui.widgets.chart_grid import ChartBox, Curves
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import sheet_of
from gentui.tui.widgets.run_header import RunHeader
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.index import Index

COLUMNS = 100
"""Columns that the curves are read in."""


@dataclass(frozen=True)
class RunPreview:
    """What the pane shows of a run (a RunRow): the curves of its first chart, and its newest grid of samples."""

    run: Any
    curves: Curves
    style: ChartStyle
    sheet: Sheet | None
    step: int


def read_run_preview(index: Index, run_id: str) -> RunPreview | None:
    """Read it; None if there is no such run."""
    try:
        run = index.run(run_id)
    except KeyError:
        return None
    layout = chart_layouts.load(run.family)[0]
    smoothing = Smoothing(layout.smoothing, layout.kind)
    request = ChartRequest(columns=COLUMNS, hidden=layout.hidden, smoothing=smoothing)
    data = read_charts(index, run, index.metric_keys(run_id), [], request)
    style = ChartStyle(layout.log_y, layout.marks, clip=layout.clip, window=data.extent, alarms=data.alarms)
    samples = index.samples(run_id)
    newest = samples[-1] if samples else None
    sheet = sheet_of(index.home / "runs" / run_id, newest) if newest is not None else None
    return RunPreview(run, data.charts[0] if data.charts else (), style, sheet, newest.step if newest else 0)


class RunPane(Vertical):
    """Shows one run at a time; drawn when what it shows changes."""

    DEFAULT_CSS = """
    RunPane { background: $background; border-left: solid $panel; }
    RunPane > RunHeader { margin: 0 0 1 0; }
    RunPane > ChartBox { height: 1fr; }
    RunPane > Viewer { height: 1fr; }
    RunPane > Viewer.-none { display: none; }
    """

    def __init__(self, images: str, *, id: str) -> None:
        super().__init__(id=id)
        self._images = "none" if images == "none" else "half"
        self._shown: RunPreview | None = None

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield ChartBox()
        yield Viewer(self._images)

    def on_mount(self) -> None:
        if self._shown is not None:
            self._draw(self._shown)

    def show(self, preview: RunPreview) -> None:
        """Show this run."""
        self._shown = preview
        if self.query(Viewer):
            self._draw(preview)

    def _draw(self, preview: RunPreview) -> None:
        run, viewer = preview.run, self.query_one(Viewer)
        self.query_one(RunHeader).show(run)
        waiting = "No step was logged." if run.status not in ("running", "queued") else "Starting."
        self.query_one(ChartBox).show(preview.curves, replace(preview.style), waiting)
        viewer.set_class(preview.sheet is None, "-none")
        if preview.sheet is not None:
            viewer.show(preview.sheet, f"step {preview.step:,}")
