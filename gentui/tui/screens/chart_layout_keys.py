"""Keys that change how charts are drawn and laid out. The choice is saved for all runs of the family."""

from __future__ import annotations

from gentui.config.chart_layouts import AXES, GUIDES, KINDS, MARKS, NEAR_PICTURE, PICTURE, SMOOTHING
from gentui.text.sanitize import clean
from gentui.tui.curves import axis_name
from gentui.tui.screens.chart_base import ChartBase, next_of
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.widgets.chart_grid import MAX_COLUMNS, MAX_ROWS, ChartGrid
from gentui.tui.widgets.chart_text import smoothing_in_words


class ChartLayoutKeys(ChartBase):
    """Axes, smoothing, lines and guides; the grid of charts; which charts are shown."""

    def _has_something_drawn(self) -> bool:
        """Whether a change could be seen, here or on the pane of charts; if not, say that nothing is changed."""
        if self.chart_data is not None and self.chart_data.extent is not None:
            return True
        self.say("There is no curve yet: nothing is changed.")
        return False

    def _say_for_all(self, text: str) -> None:
        """Say what a key has changed, and that it is for more than this chart."""
        family = f" of {clean(self._family, 40)}" if self._family else ""
        self.say(f"{text} (in all charts of runs{family}, also later)")

    # -- the y axis

    def action_log_y(self) -> None:
        if self._has_something_drawn():
            self.change_layout(log_y=not self.chart_layout.log_y)
            self._say_for_all("y axis: " + ("logarithmic" if self.chart_layout.log_y else "linear"))

    def action_log_one(self) -> None:
        """Switch the y axis of the focused chart alone."""
        data = self.chart_data
        if not self._has_something_drawn() or data is None or not data.groups:
            return
        name, others = data.groups[data.focus][0], self.chart_layout.others
        self.change_layout(
            others=tuple(one for one in others if one != name) if name in others else (*others, name)
        )
        is_log = self.chart_layout.log_y != (name in self.chart_layout.others)
        self.say(f"y axis of {clean(name, 40)}: " + ("logarithmic" if is_log else "linear"))

    def action_clip(self) -> None:
        if self._has_something_drawn():
            self.change_layout(outliers=not self.chart_layout.outliers)
            self._say_for_all("y axis: " + ("all values" if self.chart_layout.outliers else "outliers hidden"))

    # -- the x axis

    def action_axis(self) -> None:
        if self._has_something_drawn():
            self._set_axis(family_axis=next_of(AXES, self.chart_layout.axis))

    def action_axis_metric(self) -> None:
        """Ask which metric the x axis is."""
        metrics = self.chart_data.metrics if self.chart_data else ()
        if not metrics:
            self.say("There are no metrics yet.")
            return

        def matches(text: str) -> list[str]:
            """The metric of this name, else those with the text in their names."""
            word = text.strip().lower()
            named = [name for name in metrics if name.lower() == word]
            return named or [name for name in metrics if word in name.lower()]

        def check(text: str) -> str:
            meant = matches(text) if text.strip() else metrics[:1]
            if not meant:
                return f"No metric of this run is called {text.strip()}."
            return "" if len(meant) == 1 else f"Which of {', '.join(meant)}?"

        def answered(text: str | None) -> None:
            if text is not None:
                self._set_axis(metric=matches(text)[0] if text.strip() else "")

        detail = f"One of: {', '.join(metrics)}. Nothing: by {self.chart_layout.axis}."
        self.app.push_screen(
            PromptScreen("x axis by the metric", detail, self._x_metric, check=check), answered
        )

    def _set_axis(self, metric: str = "", family_axis: str = "") -> None:
        """Draw along a metric on this screen, or along one of ``AXES`` in all runs of the family."""
        self.viewport.reset()
        self._x_metric = metric
        if family_axis:
            self.change_layout(axis=family_axis)
        elif not self.shows_charts:
            self.go_to_charts()
        message = f"x axis: {axis_name(self.axis)}"
        if family_axis:
            self._say_for_all(message)
        else:
            self.say(message)
        self.ask()

    # -- lines

    def action_smooth(self) -> None:
        if self._has_something_drawn():
            self.change_layout(smoothing=next_of(SMOOTHING, self.chart_layout.smoothing))
            self._say_smoothing()

    def action_smooth_kind(self) -> None:
        if self._has_something_drawn():
            self.change_layout(kind=next_of(KINDS, self.chart_layout.kind))
            self._say_smoothing()

    def _say_smoothing(self) -> None:
        kind = "moving average" if self.smoothing.kind == "window" else "exponential average"
        how = smoothing_in_words(self.smoothing).removeprefix("smoothing ") if self.smoothing else "none"
        self._say_for_all(f"smoothing, {kind}: {how}")
        self.ask()

    def action_marks(self) -> None:
        self.change_layout(marks=next_of(MARKS, self.chart_layout.marks))
        self.say(f"lines of {self.chart_layout.marks}")

    def action_guides(self) -> None:
        self.change_layout(guides=next_of(GUIDES, self.chart_layout.guides))
        self.say(f"guides across the charts: {self.chart_layout.guides}")

    # -- the grid

    def action_columns(self, by: int) -> None:
        current = self.chart_layout.columns or self.query_one(ChartGrid).across
        columns = (current - 1 + by) % MAX_COLUMNS + 1
        self.change_layout(columns=columns)
        self._show_grid()
        self.call_after_refresh(self._say_columns, columns)

    def action_rows(self, by: int) -> None:
        current = self.chart_layout.rows or self.query_one(ChartGrid).down
        rows = (current - 1 + by) % MAX_ROWS + 1
        self.change_layout(rows=rows)
        self._show_grid()
        self.call_after_refresh(self._say_rows, rows)

    def _show_grid(self) -> None:
        self._is_single, self._heat_map = False, ""
        self._rearrange()

    def _say_columns(self, columns: int) -> None:
        fit = self.query_one(ChartGrid).across
        self.say(f"columns of charts: {columns}" + (f", {fit} fit" if fit < columns else ""))

    def _say_rows(self, rows: int) -> None:
        fit = self.query_one(ChartGrid).down
        self.say(f"rows of charts: {rows}" + (f", {fit} fit" if fit < rows else ""))

    def action_picture(self, by: int) -> None:
        """Make the picture beside the charts wider, or narrower."""
        now = self.chart_layout.picture or NEAR_PICTURE
        self.set_picture(min(PICTURE, key=lambda width: abs(width - now - 5 * by)))

    def set_picture(self, percent: int) -> None:
        """Give the picture this share of the width."""
        if percent != self.chart_layout.picture:
            self.change_layout(picture=percent)
            self._lay_out_charts()
            self.say(f"the picture has {percent} % of the width")

    # -- which charts are shown

    def action_hide(self) -> None:
        """Hide the focused chart."""
        data = self.chart_data
        if not self.shows_charts:
            self.go_to_charts()
            return
        if data is None or self._heat_map or len(data.groups) < 2:
            self.say(
                "d leads from the heat map back to curves."
                if self._heat_map
                else "The only chart is not hidden."
            )
            return
        names = data.groups[data.focus]
        self.change_layout(hidden=(*self.chart_layout.hidden, *names))
        self.say(f"hidden: {clean(', '.join(names), 60)} (U shows every chart)")
        self.ask()

    def action_show_all(self) -> None:
        self.change_layout(hidden=())
        self.ask()

    def filter_charts(self, pattern: str) -> None:
        """Show only the charts with a metric that matches."""
        if pattern != self.chart_layout.filter:
            self._focused_chart = 0
            self.change_layout(filter=pattern)
            self.ask()
