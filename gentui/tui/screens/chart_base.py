"""The ground of a screen with charts: what it asks of the index, what it draws, and the layout of the run's family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gentui.config import chart_layouts
from gentui.config.chart_layouts import Layout
from gentui.metrics.namespaces import METRIC
from gentui.metrics.smoothing import Smoothing
from gentui.runs import naming
from gentui.text.sanitize import clean
from gentui.tui.curves import ChartStyle
from gentui.tui.overlay import OverlayEntry
from gentui.tui.screens.chart_data import ChartData, ChartRequest
from gentui.tui.screens.painting import BatchedPaintScreen
from gentui.tui.viewport import Viewport
from gentui.tui.widgets.chart_grid import ChartGrid, ChartPage

READS_CURVES = frozenset({"axis", "hidden", "columns", "rows", "filter", "smoothing", "kind"})
"""Changes of the layout after which the curves have to be read again."""


class ChartBase(BatchedPaintScreen):
    """A screen with the charts of one run. Subclasses say when the charts are in sight, and add the keys.

    ``chart_data``: what is drawn, None until it is read. ``chart_layout``: how the charts of the run's family are laid
    out and drawn. ``viewport``: the visible part of the x axis, and the cursor.
    """

    run_id: str

    def __init__(self) -> None:
        super().__init__()
        self.chart_data: ChartData | None = None
        self.chart_layout = Layout()
        self.viewport = Viewport()
        self._has_layout = False
        self._family = ""
        self._run_name = ""
        self._x_metric = ""  # the x axis, where it is a metric: for as long as this screen is there
        self._focused_chart = 0
        self._is_single = False
        self._heat_map = ""
        self._of_machine = False

    # -- for subclasses

    @property
    def shows_charts(self) -> bool:
        """Whether the pane of charts is the one in sight."""
        raise NotImplementedError

    def go_to_charts(self) -> None:
        """Bring the pane of charts in sight."""
        raise NotImplementedError

    def waiting_text(self) -> str:
        """Why there is no curve yet."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """Called when the cursor moves, comes or goes, and when the charts are drawn again."""

    # -- from the index

    @property
    def overlaid(self) -> tuple[OverlayEntry, ...]:
        """The run and those overlaid on it."""
        return self.gentui.overlays.of(self.run_id).entries(self.run_id, self._run_name or self.run_id)

    def chart_request(self) -> ChartRequest:
        """What to read for the charts in sight."""
        charts = self.query_one(ChartGrid)
        columns = max(charts.columns, charts.size.width - 30) if self._heat_map else charts.columns
        return ChartRequest(
            self._focused_chart, charts.count, columns, self.axis, self.viewport.window, self.chart_layout.hidden,
            self.overlaid, self._heat_map, self.chart_layout.filter, self._of_machine, not self._has_layout,
            self.smoothing,
        )  # fmt: skip

    def take_charts(self, run: Any, data: ChartData) -> None:
        """Keep what was read; the first time, adopt the saved layout of the run's family."""
        if self.viewport.update(data.extent):
            self.ask()
        if data.first <= self._focused_chart < data.first + len(data.charts):
            data = replace(data, focus=self._focused_chart)  # it may have moved on since this was asked
        self.chart_data = data
        self._family, self._run_name = run.family, clean(naming.label(run), 40)
        if self._has_layout or data.layout is None:
            return
        self._has_layout = True
        self.chart_layout, problem = data.layout
        if problem:
            self.say(clean(problem, 300))
        self._lay_out_charts()
        if self.chart_layout.axis != "step" or self.chart_layout.hidden or self.chart_layout.filter:
            self.ask()

    # -- drawing

    @property
    def axis(self) -> str:
        """The x axis: a metric chosen on this screen, else that of the family's layout."""
        return f"{METRIC}{self._x_metric}" if self._x_metric else self.chart_layout.axis

    @property
    def smoothing(self) -> Smoothing:
        """How curves are smoothed."""
        return Smoothing(self.chart_layout.smoothing, self.chart_layout.kind)

    @property
    def chart_style(self) -> ChartStyle:
        layout = self.chart_layout
        return ChartStyle(
            layout.log_y, layout.marks, self.axis, not layout.outliers,
            self.viewport.window or self.viewport.extent, layout.guides,
            self.chart_data.alarms if self.chart_data and not self._of_machine else (),
        )  # fmt: skip

    @property
    def is_drawn(self) -> bool:
        return super().is_drawn and (not self.shows_charts or self.query_one(ChartGrid).is_drawn)

    def show_charts(self) -> None:
        """Draw what was read, in the style of now."""
        if (data := self.chart_data) is None:
            return
        heat = data.heat_map if self._heat_map else None
        runs = () if heat else self.overlaid
        pattern = self.chart_layout.filter if data.filtered else ""
        page = ChartPage(
            data.charts, data.first, len(data.groups), data.focus, self._placeholder(data), runs, data.hidden, heat,
            pattern, data.filtered, self._of_machine, self.chart_layout.others,
        )  # fmt: skip
        charts = self.query_one(ChartGrid)
        charts.show(page, self.chart_style)
        charts.point_at(self.viewport.cursor)
        self.cursor_moved()
        if heat or len(data.charts) == min(charts.count, len(data.groups) - data.first):
            self.release_paint()  # else the missing ones have been asked for

    def _placeholder(self, data: ChartData) -> str:
        """The sentence in place of the charts where there are none."""
        if data.filtered:
            return f"No chart is called {clean(self.chart_layout.filter, 60)}."
        return (
            "The machine was not watched while this run trained." if self._of_machine else self.waiting_text()
        )

    def on_chart_grid_capacity_changed(self) -> None:
        """The room for charts has changed: another number of them fits, or other widths."""
        self.ask()

    # -- the layout

    def change_layout(self, **changes: Any) -> None:
        """Change and save the layout of the run's family, and bring the charts in sight."""
        self.chart_layout = replace(self.chart_layout, **changes)
        if self._family:
            family = self._family
            self.gentui.in_thread(lambda: chart_layouts.save(family, lambda: self.chart_layout))
        if not self.shows_charts:
            self.go_to_charts()
        elif not READS_CURVES & set(changes):
            self.show_charts()

    def _lay_out_charts(self) -> None:
        """Divide the pane as the layout says."""
        layout = self.chart_layout
        is_full = self._is_single or bool(self._heat_map) or layout.columns > 2
        self.query_one("#charts").set_class(is_full, "-full")
        for aside in self.query("#aside") if layout.picture else ():
            aside.styles.width = f"{layout.picture}%"
            aside.styles.max_width = "100%"
        self.query_one(ChartGrid).lay_out(layout.columns, layout.rows, self._is_single)

    def _rearrange(self) -> None:
        """Lay the charts out again, and read those that are in sight then."""
        self.hold_paint()
        self._lay_out_charts()
        self.show_charts()
        self.ask()


def next_of(choices: tuple[Any, ...], current: Any) -> Any:
    """The choice after this one, the first after the last."""
    return choices[(choices.index(current) + 1) % len(choices)]
