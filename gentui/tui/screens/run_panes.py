"""The panes of the run view that are in sight together: which one has the focus, and the tab that each leads to."""

from __future__ import annotations

from gentui.tui.screens.run_aside import RunAside
from gentui.tui.screens.run_picture_keys import RunPictureKeys
from gentui.tui.widgets.lines import Lines
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.viewer import Viewer

CURVES = "curves"
LEAST_FOR_BELOW = 34
"""Lines of a screen that has room for the log beneath the charts."""


class RunPanes(RunPictureKeys):
    """Curves with the panes beside and beneath them. Keys are about the pane in focus, and Enter makes it a tab."""

    def __init__(self, run_id: str, step: int | None) -> None:
        super().__init__(run_id, step)
        self._pane = CURVES
        self._is_zoomed = False  # the tab is that of a pane, to which Esc leads back

    @property
    def subject(self) -> str:
        """What keys are about: the tab, or in its place the pane in focus."""
        return self._pane if self._tab == "charts" and self._pane in self.panes else self._tab

    @property
    def shows_log_below(self) -> bool:
        """Whether the log is in sight beneath the charts."""
        return self.query_one("#below", Lines).has_class("-on") and self.size.height >= LEAST_FOR_BELOW

    @property
    def panes(self) -> list[str]:
        """The panes in sight besides the curves."""
        if self._tab != "charts":
            return []
        charts = self.query_one("#charts")
        is_alone = charts.has_class("-full") or charts.has_class("-bare")
        beside = self.query_one(RunAside).in_sight if self.is_wide and not is_alone else []
        return [*beside, *(["log"] if self.shows_log_below else ())]

    def focus_of_panes(self) -> None:
        """Give the focus to what scrolls in the pane that has it, and mark its title."""
        here = self.subject
        for name, selector in (("samples", "#thumbnail"), ("log", "#below")):
            widget = self.query_one(selector)
            widget.can_focus = name == here
            if name == here:
                widget.focus()
        self.query_one("#thumbnail", Viewer).say_how_to_see_more()
        self._mark_pane()

    def _mark_pane(self) -> None:
        """Draw a heavy rule above the pane in focus, if there are others."""
        here, panes = self.subject, self.panes
        for title in self.query(PaneTitle):
            name = (title.id or "").removesuffix("-title")
            title.mark(name == here or (name == CURVES and here == "charts" and bool(panes)))

    def show_charts(self) -> None:
        super().show_charts()
        self._mark_pane()

    def on_run_aside_arranged(self) -> None:
        self._mark_pane()

    def on_resize(self) -> None:
        self.call_after_refresh(self._mark_pane)

    def show_focus(self) -> None:
        """Show by focus, filter and key bar which pane the keys are about."""
        raise NotImplementedError

    def go_to_pane(self, name: str) -> None:
        """Give a pane the focus."""
        self._pane = name
        self.show_focus()

    def on_run_aside_clicked(self, message: RunAside.Clicked) -> None:
        self.go_to_pane(message.pane)

    # -- keys

    def action_chart(self, by: int) -> None:
        """Focus the next chart or pane in sight, or the one before; where there are no panes, any chart."""
        panes, data = self.panes, self.chart_data
        if not panes or data is None:
            super().action_chart(by)
            return
        stops: list[int | str] = [*range(data.first, data.first + max(1, len(data.charts))), *panes]
        here = self._pane if self._pane in panes else data.focus
        stop = stops[(stops.index(here) + by) % len(stops) if here in stops else 0]
        if isinstance(stop, str):
            self.go_to_pane(stop)
            return
        if here in panes:
            self.go_to_pane(CURVES)
        self.focus_chart(stop)

    def action_maximise(self) -> None:
        """Show the pane in focus as a tab; of the curves, the chart in focus alone, or all again."""
        if (pane := self.subject) in self.panes:
            self.action_tab(pane)
            self._is_zoomed = True
        else:
            super().action_maximise()

    def close_zoom(self) -> bool:
        """Lead back from a tab to the panes, if it was one of them. Return whether it was."""
        if self._is_zoomed:
            self.action_tab("charts")
            return True
        return False
