"""Stop, resume, delete, evaluate: the same from the runs list and from the run view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gentui.tui import wording
from gentui.tui.screens.confirm import ConfirmScreen

if TYPE_CHECKING:
    from gentui.tui.workbench import GentuiApp

RESUMABLE = ("stopped", "failed", "interrupted", "lost")


def stop(app: GentuiApp, run: Any) -> None:
    """Ask, then stop: the run, or when that has ended what scores it. ``run`` is a RunRow."""
    if run.status not in wording.LIVE:
        _stop_scoring(app, run)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _do(app, lambda jobs: jobs.stop(app.home, run.id), f"{label(run)} is being stopped.")

    detail = (
        "It leaves the queue."
        if run.status == "queued"
        else f"It saves a checkpoint at step {run.step or 0:,} and ends; R resumes it from there."
    )
    app.push_screen(ConfirmScreen(f"Stop {label(run)}?", detail), answered)


def _stop_scoring(app: GentuiApp, run: Any) -> None:
    def look() -> list[Any]:
        from gentui import jobs

        return jobs.pending(app.home, run.id)

    def found(pending: list[Any]) -> None:
        if not pending:
            app.tell(f"{label(run)} is {run.status}: there is nothing to stop.", "warning")
            return

        def stop_all(jobs: Any) -> None:
            for job in pending:
                jobs.stop(app.home, job.id)

        def answered(yes: bool | None) -> None:
            if yes:
                _do(app, stop_all, f"The scoring of {label(run)} is being stopped.")

        standing = "; ".join(job.standing for job in pending)
        app.push_screen(ConfirmScreen(f"Stop the scoring of {label(run)}?", standing), answered)

    app.in_thread(look, found)


def evaluate(app: GentuiApp, run: Any) -> None:
    """The form that says how its checkpoint is scored; from there it goes into the queue."""
    folder = app.home / "runs" / run.id

    def read() -> tuple[Any, list[str]]:
        from engine import recipe as recipes

        there = [which for which in ("best", "last") if (folder / "checkpoints" / which).exists()]
        return recipes.load(folder / "recipe.toml"), there

    def opened(known: tuple[Any, list[str]]) -> None:
        from gentui.tui.screens.evaluate import EvaluateScreen

        recipe, checkpoints = known
        if checkpoints:
            app.push_screen(EvaluateScreen(run, recipe, checkpoints))
        else:
            app.tell(f"{label(run)} has no checkpoint yet: there is nothing to score.", "warning")

    app.in_thread(read, opened)


def resume(app: GentuiApp, run: Any) -> None:
    """Go on from the last checkpoint."""
    if run.status not in RESUMABLE:
        app.tell(f"{label(run)} is {run.status}: only an ended, unfinished run can be resumed.", "warning")
        return
    _do(app, lambda jobs: jobs.resume(app.home, run.id), f"{label(run)} goes on.")


def remove(app: GentuiApp, run: Any, then: Callable[[], None] | None = None) -> None:
    """Ask, then delete with all files."""
    if run.status in wording.LIVE:
        app.tell(f"{label(run)} is {run.status}: stop it before deleting it.", "warning")
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _do(app, lambda jobs: jobs.remove(app.home, run.id), f"{label(run)} was deleted.", then)

    detail = f"Its curves, samples, scores and checkpoints ({run.status}, step {run.step or 0:,}) go for good."
    app.push_screen(ConfirmScreen(f"Delete {label(run)} and its files?", detail), answered)


def label(run: Any) -> str:
    """What a person calls a run."""
    return run.name or run.recipe or run.id


def _do(app: GentuiApp, work: Callable[[Any], None], done: str, then: Callable[[], None] | None = None) -> None:
    def call() -> None:
        from gentui import jobs

        work(jobs)

    def after(_: object) -> None:
        app.tell(done)
        app.live.wake()
        if then is not None:
            then()

    app.in_thread(call, after)


def edit_again(app: GentuiApp, run: Any) -> None:
    """The settings form, with the settings of this run."""

    path = app.home / "runs" / run.id / "recipe.toml"

    def read() -> Any:
        from engine import recipe as recipes

        return recipes.load(path)

    def opened(recipe: Any) -> None:
        from gentui.tui.screens.form import FormScreen

        app.push_screen(FormScreen(recipe, str(path)))

    app.in_thread(read, opened)
