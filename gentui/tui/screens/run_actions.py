"""What is done to runs: the same from the runs list, to one or to all that are marked, and from the run view.

Everything that takes a run takes several; with several, what cannot be done to one keeps nothing from the others,
and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.runs.directory import RunDir
from gentui.runs import naming
from gentui.text.numbers import plural
from gentui.tui import formatting
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.prompt import PromptScreen

if TYPE_CHECKING:
    from pathlib import Path

    from engine.recipes.recipe import Recipe
    from gentui.tui.services import AppServices

RESUMABLE = ("stopped", "failed", "interrupted", "lost")
Then = Callable[[], None] | None


def stop(app: AppServices, *runs: Any) -> None:
    """Ask, then stop: the runs, or when none is alive what scores the only one. ``runs`` are RunRows."""
    live = [run for run in runs if run.status in formatting.LIVE]
    if not live and len(runs) == 1:
        _stop_scoring(app, runs[0])
        return
    if not live:
        app.tell(f"None of {naming.list_names(runs)} is running or queued.", "warning")
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _each(
                app,
                live,
                lambda jobs, run: jobs.stop(app.home, run.id),
                "is being stopped",
                "are being stopped",
            )

    if len(live) > 1:
        detail = (
            "Those that train save a checkpoint and end; R resumes them from there. The others leave the queue."
        )
    elif live[0].status == "queued":
        detail = "It leaves the queue."
    elif RunDir(live[0].dir).imported_from():
        detail = "It is no longer followed; the script that logs it goes on."
    else:
        detail = f"It saves a checkpoint at step {live[0].step or 0:,} and ends; R resumes it from there."
    app.push_screen(ConfirmScreen(f"Stop {naming.list_names(live)}?", detail), answered)


def _stop_scoring(app: AppServices, run: Any) -> None:
    def look() -> list[Any]:
        from gentui import jobs

        return jobs.pending(app.home, run.id)

    def found(pending: list[Any]) -> None:
        if not pending:
            app.tell(f"{naming.label(run)} is {run.status}: there is nothing to stop.", "warning")
            return

        def stop_all(jobs: Any) -> None:
            for job in pending:
                jobs.stop(app.home, job.id)

        def answered(yes: bool | None) -> None:
            if yes:
                _do(app, stop_all, f"The scoring of {naming.label(run)} is being stopped.")

        standing = "; ".join(job.standing for job in pending)
        app.push_screen(ConfirmScreen(f"Stop the scoring of {naming.label(run)}?", standing), answered)

    app.in_thread(look, found)


def evaluate(app: AppServices, run: Any) -> None:
    """The form that says how its checkpoint is scored; from there it goes into the queue."""
    folder = app.home / "runs" / run.id

    def opened(known: tuple[Recipe, list[str]]) -> None:
        from gentui.tui.screens.evaluate import EvaluateScreen

        recipe, checkpoints = known
        if checkpoints:
            app.push_screen(EvaluateScreen(run, recipe, checkpoints))
        else:
            app.tell(f"{naming.label(run)} has no checkpoint yet: there is nothing to score.", "warning")

    app.in_thread(lambda: recipe_and_checkpoints(folder), opened)


def recipe_and_checkpoints(folder: Path) -> tuple[Recipe, list[str]]:
    """What a run is of, and the checkpoints it has, the one that is meant when nobody says which first."""
    there = [str(which) for which in RunDir(folder).available_checkpoints()]
    return recipe_of(folder), there


def recipe_of(folder: Path) -> Recipe:
    """What a run is of. Raises JobError where it is another program's, which has no recipe."""
    from engine.recipes import recipe as recipes
    from gentui.jobs.states import require_own

    require_own(RunDir(folder))
    return recipes.load(folder / "recipe.toml")


def resume(app: AppServices, *runs: Any) -> None:
    """Go on from the last checkpoint, or from the start where there is none: a failed run is tried again."""
    ended = [run for run in runs if run.status in RESUMABLE]
    if not ended:
        whose = (
            f"{naming.label(runs[0])} is {runs[0].status}"
            if len(runs) == 1
            else f"None of {naming.list_names(runs)} is one"
        )
        app.tell(f"{whose}: only an ended, unfinished run can be resumed.", "warning")
        return
    _each(app, ended, lambda jobs, run: jobs.resume(app.home, run.id), "goes on", "go on")


def remove(app: AppServices, *runs: Any, then: Then = None) -> None:
    """Ask, then move to the trash."""
    if live := [run for run in runs if run.status in formatting.LIVE]:
        they = (
            f"{naming.label(live[0])} is {live[0].status}"
            if len(live) == 1
            else f"{naming.list_names(live)} are running or queued"
        )
        app.tell(f"{they}: stop before deleting.", "warning")
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _each(
                app, runs, lambda jobs, run: jobs.remove(app.home, run.id),
                "is in the trash; u brings it back", "are in the trash; u brings back the last", then,
            )  # fmt: skip

    whose = "Their" if len(runs) > 1 else "Its"
    detail = f"{whose} curves, samples, scores and checkpoints go to the trash, for 30 days."
    app.push_screen(ConfirmScreen(f"Delete {naming.list_names(runs)}?", detail), answered)


def undo(app: AppServices) -> None:
    """Bring back what was deleted last."""

    def work() -> str:
        from gentui import jobs
        from gentui.jobs import trash

        thrown = trash.trashed(app.home)
        if not thrown:
            return "Nothing to undo: the trash is empty."
        jobs.restore(app.home, thrown[0].id)
        more = f" {plural(len(thrown) - 1, 'run')} more in the trash." if thrown[1:] else ""
        return f"{thrown[0].id} is back.{more}"

    _told(app, work)


def reorder(app: AppServices, run: Any, where: str) -> None:
    """Take a waiting run earlier or later: first, last, up, down."""
    _do(app, lambda jobs: jobs.reorder(app.home, run.id, where), "")


def tag(app: AppServices, *runs: Any) -> None:
    """Ask for tags to add and to take away."""
    from gentui.jobs.annotations import parse_changes
    from gentui.jobs.states import JobError

    def check(text: str) -> str:
        try:
            parse_changes(text)
        except JobError as error:
            return str(error)
        return ""

    def answered(text: str | None) -> None:
        if not text:
            return
        add, less = parse_changes(text)
        _each(app, runs, lambda jobs, run: jobs.tag(app.home, run.id, add, less), "is tagged", "are tagged")

    have = sorted({word for run in runs for word in run.tags})
    detail = "+x or x adds a tag, -x takes it away." + (f" There are: {' '.join(have)}" if have else "")
    app.push_screen(PromptScreen(f"Tags of {naming.list_names(runs)}", detail, check=check), answered)


def note(app: AppServices, run: Any) -> None:
    """Edit the notes."""

    def answered(text: str | None) -> None:
        if text is not None and text != run.notes:
            _do(
                app,
                lambda jobs: jobs.note(app.home, run.id, text),
                f"The notes of {naming.label(run)} are kept.",
            )

    detail = "Reports show them. F5 saves."
    app.push_screen(PromptScreen(f"Notes on {naming.label(run)}", detail, run.notes, lines=True), answered)


def rename(app: AppServices, run: Any) -> None:
    """Ask for another name."""

    def answered(text: str | None) -> None:
        if text is not None and text != run.name:
            _do(
                app,
                lambda jobs: jobs.rename(app.home, run.id, text),
                f"{run.id} is called {text or run.recipe}.",
            )

    app.push_screen(
        PromptScreen(f"Name of {naming.label(run)}", f"Empty: as its recipe, {run.recipe}.", run.name), answered
    )


def import_runs(app: AppServices) -> None:
    """Ask where the logs of other scripts lie, and make runs of them."""

    def work(path: str) -> str:
        from gentui.imports import importer
        from gentui.imports.discovery import find
        from gentui.imports.log_entries import Unusable
        from gentui.jobs import JobError

        done, refused = [], []
        for opener in find(path):
            try:
                done.append(importer.take(app.home, opener, ""))
            except (Unusable, JobError, OSError) as error:
                refused.append(str(error))
        if refused:
            more = f". And {len(refused) - 4} more" if len(refused) > 4 else ""
            raise Unusable(f"{plural(len(done), 'run')} imported. {'. '.join(refused[:4])}{more}.")
        return str(done[0]) if len(done) == 1 else f"{plural(len(done), 'run')} imported."

    def answered(text: str | None) -> None:
        if text is not None:
            _told(app, lambda: work(text.strip()))

    detail = (
        "A run or folder of wandb, a log directory of TensorBoard, a .csv or .jsonl file. The same again brings its"
        " runs up to date; `gentui import --follow` goes along with them."
    )
    check = lambda text: "" if text.strip() not in ("", "-") else "a file or a folder is wanted"  # noqa: E731
    app.push_screen(PromptScreen("Import what other scripts logged at", detail, check=check), answered)


def _each(
    app: AppServices,
    runs: Sequence[Any],
    work: Callable[[Any, Any], object],
    one: str,
    many: str,
    then: Then = None,
) -> None:
    """Do it to every run; ``one`` and ``many`` are the rest of the sentence that says it is done."""

    def call() -> tuple[list[Any], list[str]]:
        from gentui import jobs

        done, refused = [], []
        for run in runs:
            try:
                work(jobs, run)
                done.append(run)
            except jobs.JobError as error:
                refused.append(str(error))
        return done, refused

    def after(result: tuple[list[Any], list[str]]) -> None:
        done, refused = result
        if done:
            app.tell(f"{naming.list_names(done)} {one if len(done) == 1 else many}.")
        if refused:
            app.tell(
                ". ".join(refused[:4]) + (f". And {len(refused) - 4} more." if len(refused) > 4 else ""),
                "error",
            )
        app.reader.wake()
        if done and then is not None:
            then()

    app.in_thread(call, after)


def _do(app: AppServices, work: Callable[[Any], object], done: str) -> None:
    def call() -> str:
        from gentui import jobs

        work(jobs)
        return done

    _told(app, call)


def _told(app: AppServices, work: Callable[[], str]) -> None:
    """Work away from the screen, and tell the sentence it returns."""

    def after(done: str) -> None:
        if done:
            app.tell(done)
        app.reader.wake()

    app.in_thread(work, after)


def edit_again(app: AppServices, run: Any) -> None:
    """The settings form, with the settings of this run."""

    folder = app.home / "runs" / run.id

    def opened(recipe: Any) -> None:
        from gentui.tui.screens.form import FormScreen

        app.push_screen(FormScreen(recipe, str(folder / "recipe.toml")))

    app.in_thread(lambda: recipe_of(folder), opened)
