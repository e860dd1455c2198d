"""A screen with the charts of one run: which of them is in focus, pages of them, one alone, heat maps, other runs."""

from __future__ import annotations

from dataclasses import replace

from gentui.text.sanitize import clean
from gentui.tui import navigation
from gentui.tui.screens.chart_axis_keys import ChartAxisKeys
from gentui.tui.screens.chart_base import next_of
from gentui.tui.screens.chart_layout_keys import ChartLayoutKeys
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.heatmap import HeatMap


class ChartScreen(ChartLayoutKeys, ChartAxisKeys):
    """A screen with charts and all their keys."""

    # -- focus and pages

    def action_chart(self, by: int) -> None:
        """Focus the next chart, or the one before."""
        number = max(1, len(self.chart_data.groups)) if self.chart_data else 1
        self.focus_chart((self._focused_chart + by) % number)

    def action_metrics(self, by: int) -> None:
        self.turn_page(by)

    def turn_page(self, by: int) -> None:
        if self._heat_map and self.shows_charts:
            self.query_one(HeatMap).page(by)
            return
        count = max(1, self.query_one(ChartGrid).count)
        pages = max(1, -(-len(self.chart_data.groups) // count)) if self.chart_data else 1
        if pages == 1 and self.shows_charts:
            self.say("Every chart is in sight.")
        self.focus_chart((self._focused_chart // count + by) % pages * count)

    def focus_chart(self, number: int) -> None:
        data, self._focused_chart = self.chart_data, number
        if not self.shows_charts:
            self.go_to_charts()
        elif data is not None and data.first <= number < data.first + len(data.charts):
            self.chart_data = replace(data, focus=number)
            self.show_charts()
        else:
            self.ask()

    # -- what fills the pane

    def action_maximise(self) -> None:
        """Show the focused chart alone, or all of them."""
        if not self.shows_charts:
            self.go_to_charts()
        elif self.chart_data is not None and len(self.chart_data.groups) < 2 and not self._is_single:
            self.say("This is the only chart.")
            return
        before = self.query_one(ChartGrid).count
        self._is_single = not self._is_single
        self._rearrange()
        if before == self.query_one(ChartGrid).count:
            self.say("There is room for one chart only.")

    def action_heat(self) -> None:
        """Show the next heat map, after the last one curves."""
        names = self.chart_data.heat_maps if self.chart_data else ()
        if not names:
            self.say("There are no series for a heat map yet.")
            return
        self._heat_map = next_of(("", *names), self._heat_map if self._heat_map in names else "")
        if not self.shows_charts:
            self.go_to_charts()
        self._rearrange()
        self.say(f"heat map of {clean(self._heat_map, 40)}" if self._heat_map else "curves")

    def action_machine(self) -> None:
        """Show what the machine did while the run trained, or what the run logs."""
        self._of_machine = not self._of_machine
        self._focused_chart, self._heat_map = 0, ""
        if not self.shows_charts:
            self.go_to_charts()
        self._lay_out_charts()
        self.ask()
        self.say(
            "charts of the machine while it trained" if self._of_machine else "charts of what the run logs"
        )

    def close_chart_layer(self) -> bool:
        """Close the cursor, the chart that stands alone or the heat map; return False when there is none of them."""
        if not self.shows_charts:
            return False
        if self.viewport.cursor is not None:
            self.action_cursor()
        elif self._is_single:
            self.action_maximise()
        elif self._heat_map:
            self._heat_map = ""
            self._rearrange()
        else:
            return False
        return True

    # -- other runs

    def action_overlay(self) -> None:
        """Ask which runs are overlaid on this one."""
        self.app.push_screen(
            navigation.create("overlay", self.run_id, self.chart_layout.marks), self._overlay_changed
        )

    def _overlay_changed(self, _: object) -> None:
        self._focused_chart = 0
        if not self.shows_charts:
            self.go_to_charts()
        self.ask()
