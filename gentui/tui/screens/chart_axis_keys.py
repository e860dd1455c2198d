"""Keys and mouse that move along the x axis of all charts: zoom, pan, and the cursor that reads values."""

from __future__ import annotations

import numpy as np

from gentui.tui.curves import format_place
from gentui.tui.screens.chart_base import ChartBase
from gentui.tui.viewport import Span, nearest
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import ChartGrid

STRIDE = 10
"""Columns that the cursor moves with the shift key."""


class ChartAxisKeys(ChartBase):
    """The visible part of the x axis and the cursor, the same in every chart."""

    # -- zoom and pan

    def _visible(self) -> Span | None:
        """The ends of what is visible, None unless there are charts in sight."""
        return self.viewport.visible if self.shows_charts else None

    def _has_axis(self) -> bool:
        """Whether there is an axis in sight; if not, say so or bring the charts in sight."""
        if self._visible() is not None:
            return True
        if self.shows_charts:
            self.say("There is no curve yet.")
        else:
            self.go_to_charts()
        return False

    def action_zoom_x(self, by: int) -> None:
        self._zoom(by, self.viewport.cursor)

    def _zoom(self, by: int, about: float | None) -> None:
        """Halve or double what is visible, with the place ``about`` (None: the middle) where it is."""
        if self._has_axis():
            factor = 0.5 if by > 0 else 2.0
            self._window_changed(self.viewport.zoom(factor, about, is_steps=self.axis == "step"))

    def action_pan(self, by: int) -> None:
        if self._has_axis():
            self._window_changed(self.viewport.pan(by / 4))

    def action_whole(self) -> None:
        if self._has_axis():
            self._window_changed(self.viewport.show(-np.inf, np.inf))

    def _window_changed(self, is_changed: bool) -> None:
        """Say what is visible, and draw it where it has changed."""
        if (window := self.viewport.window) is None:
            self.say("x axis: all of it")
        else:
            self.say(f"x axis: {' … '.join(format_place(self.axis, x) for x in window)} (0 shows all)")
        if is_changed:
            self.show_charts()
            self.ask()

    def on_chart_zoomed(self, message: Chart.Zoomed) -> None:
        self._zoom(message.by, message.x)

    # -- the cursor

    def action_cursor(self) -> None:
        """Put the cursor on the newest values, or take it away."""
        if self.viewport.cursor is not None and self.shows_charts:
            self._point_at(None)
        elif self._has_axis() and (visible := self._visible()) is not None:
            self.viewport.cursor = visible[1]
            self._move_cursor(0)

    def action_stride(self, by: int) -> None:
        """Move the cursor ten columns; without a cursor, do as the arrows do."""
        if self.viewport.cursor is None:
            self.go_sideways(by)
        else:
            self._move_cursor(by * STRIDE)

    def go_sideways(self, by: int) -> None:
        """Move the cursor, else pan if zoomed, else turn the page of charts: what the arrows do."""
        if self.viewport.cursor is not None:
            self._move_cursor(by)
        elif self.viewport.window is not None:
            self.action_pan(by)
        else:
            self.turn_page(by)

    def turn_page(self, by: int) -> None:
        """Show the next page of charts, or the one before."""
        raise NotImplementedError

    def _move_cursor(self, by: int) -> None:
        """Move by so many columns of the focused chart; at the edge of the window, pan."""
        cursor = self.viewport.cursor
        if self._visible() is None or cursor is None:
            return
        xs = self._columns()
        if not len(xs):
            return
        at = nearest(xs, cursor) + by
        if self.viewport.window is not None and not 0 <= at < len(xs):
            self.action_pan(1 if at > 0 else -1)
            return
        if by and not 0 <= at < len(xs):
            self.say("That is the last value." if at > 0 else "That is the first value.")
        self._point_at(float(xs[max(0, min(at, len(xs) - 1))]))

    def _point_at(self, x: float | None) -> None:
        """Put the cursor there in every chart."""
        self.viewport.cursor = x
        self.query_one(ChartGrid).point_at(x)
        self.cursor_moved()

    def _columns(self) -> np.ndarray:
        """The places where the cursor can stand: where the focused chart has visible values."""
        data = self.chart_data
        if data is None:
            return np.empty(0)
        at = data.focus - data.first
        charts = data.heat_map.curves if data.heat_map and self._heat_map else data.charts[at : at + 1]
        curves = [c for one in charts for c in (one if isinstance(one, tuple) else (one,))]
        return self.viewport.in_sight(np.unique(np.concatenate([np.empty(0), *(c.x for c in curves)])))

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        """Put the cursor where the mouse is, in every chart, and focus the chart it is in."""
        place = self.query_one(ChartGrid).place_of(message.chart)
        if self._heat_map or self._visible() is None or place is None:
            return
        if self.chart_data is not None and place != self.chart_data.focus:
            self.focus_chart(place)
        if len(xs := self._columns()):
            self._point_at(float(xs[nearest(xs, message.x)]))

    def focus_chart(self, number: int) -> None:
        """Focus this one of all charts."""
        raise NotImplementedError
