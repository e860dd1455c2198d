"""The log of the run view, beneath the charts or on a tab of its own, and how it goes along with their cursor."""

from __future__ import annotations

from gentui.config import preferences
from gentui.tui.screens.run_log import RunLog, line_at, next_line, steps_of
from gentui.tui.screens.run_panes import LEAST_FOR_BELOW, RunPanes
from gentui.tui.widgets.lines import Lines


class RunLogKeys(RunPanes):
    """What the trainer printed, or the event records."""

    def __init__(self, run_id: str, step: int | None) -> None:
        super().__init__(run_id, step)
        self._run_log: RunLog | None = None
        self._has_log_below = preferences.read().run_log
        self._is_moving_cursor = False  # to the step of a line of the log, which stays marked

    def show_tab(self) -> None:
        """Show the tab that was chosen."""
        raise NotImplementedError

    @property
    def log_lines(self) -> Lines | None:
        """The widget where the log is in sight, if it is."""
        if self._tab == "log":
            return self.query_one("#log-lines", Lines)
        return self.query_one("#below", Lines) if self.shows_log_below else None

    def action_below(self) -> None:
        """Show the log beneath the charts, or hide it."""
        is_shown = self._has_log_below = not self._has_log_below
        self.gentui.in_thread(lambda: preferences.remember(run_log=is_shown))
        self.action_tab("charts")
        if is_shown and self.size.height < LEAST_FOR_BELOW:
            self.say(f"The log is beneath the charts where there are {LEAST_FOR_BELOW} lines or more.")

    def action_records(self) -> None:
        """Show the run's event records in place of the log, or the log again."""
        if (source := self._run_log) is None:
            return
        source.shows_events = not source.shows_events
        for log in self.query("#log-lines, #below").results(Lines):
            log.set_lines(())
        if self.log_lines is None:
            self._tab = "log"
        self.show_tab()
        self.ask()
        self.say("event records, the newest last" if source.shows_events else "what the trainer printed")

    def action_newest(self) -> None:
        if self.subject == "log" and (log := self.log_lines) is not None:
            log.go_to_end()
            self.say("the newest line, and those to come")
        else:
            super().action_newest()

    def action_log_line(self, by: int) -> None:
        """Go to the next line that names a step, or the one before; the cursor of the charts goes there as well."""
        if (log := self.log_lines) is None:
            self.say("The log is not in sight: g shows it, G puts it beneath the charts.")
            return
        if (at := next_line(log.lines, log.marked, by)) is None:
            self.say(f"No line {'after' if by > 0 else 'before'} this one names a step.")
            return
        log.mark_line(at)
        step = steps_of(log.lines)[at]
        if step is not None and (x := self._place_of(step)) is not None:
            self._is_moving_cursor = True
            self._point_at(x)
            self._is_moving_cursor = False

    def cursor_moved(self) -> None:
        """Mark the line of the log that was printed where the cursor is."""
        if (log := self.log_lines) is None or self._is_moving_cursor:
            return
        cursor, one_step = self.viewport.cursor, self._place_of(1)
        log.mark_line(
            None if cursor is None or one_step is None else line_at(log.lines, cursor / one_step + 0.5)
        )

    def _place_of(self, step: int) -> float | None:
        """The place of a step on the x axis; None if the axis does not follow from steps."""
        run, axis = self.snapshot.run if self.snapshot else None, self.axis
        if axis == "step":
            return float(step)
        if run is None or axis not in ("images", "epoch"):
            return None
        images_per_step = run.images / run.step if run.step else 0.0
        return step * images_per_step if axis == "images" else step / (run.steps_per_epoch or 1)
