"""Keys that act on runs: the same on the list of runs and in the view of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gentui.tui.screens import run_actions

if TYPE_CHECKING:
    from gentui.tui.screens.base import ScreenMixin

    _OnScreen = ScreenMixin
else:  # no widget itself: Textual takes styles from the first base that is one
    _OnScreen = object


class RunKeys(_OnScreen):
    """Mixin of a screen that acts on runs. Subclasses say on which, as RunRows."""

    def target_run(self) -> Any | None:
        """The run that a key for one run acts on. Where there is none, tell the user and return None."""
        raise NotImplementedError

    def target_runs(self) -> list[Any]:
        """The runs that a key for several runs acts on. Where there are none, tell the user and return []."""
        return [run] if (run := self.target_run()) else []

    def after_removal(self) -> None:
        """Called when the target runs have been deleted."""

    def action_stop(self) -> None:
        if runs := self.target_runs():
            run_actions.stop(self.gentui, *runs)

    def action_resume(self) -> None:
        if runs := self.target_runs():
            run_actions.resume(self.gentui, *runs)

    def action_remove(self) -> None:
        if runs := self.target_runs():
            run_actions.remove(self.gentui, *runs, then=self.after_removal)

    def action_tag(self) -> None:
        if runs := self.target_runs():
            run_actions.tag(self.gentui, *runs)

    def action_note(self) -> None:
        if run := self.target_run():
            run_actions.note(self.gentui, run)

    def action_rename(self) -> None:
        if run := self.target_run():
            run_actions.rename(self.gentui, run)

    def action_again(self) -> None:
        if run := self.target_run():
            run_actions.edit_again(self.gentui, run)

    def action_evaluate(self) -> None:
        if run := self.target_run():
            run_actions.evaluate(self.gentui, run)

    def action_playground(self) -> None:
        if run := self.target_run():
            run_actions.open_playground(self.gentui, run)
