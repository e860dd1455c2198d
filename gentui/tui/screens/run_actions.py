"""Actions on runs, with their dialogs and notices: the same from the list of runs and from the view of one.

An action on several runs does what it can: a run that refuses is reported, and the others go ahead. ``app`` is the app,
runs are RunRows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.runs.directory import RunDir
from gentui.config import key_table
from gentui.runs import naming
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting, navigation
from gentui.tui.overlay import MAX_OVERLAID
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.prompt import PromptScreen

if TYPE_CHECKING:
    from pathlib import Path

    from engine.recipes.recipe import Recipe
    from gentui.tui.services import AppServices

RESUMABLE = ("stopped", "failed", "interrupted", "lost")
Then = Callable[[], None] | None


def stop(app: AppServices, *runs: Any) -> None:
    """Ask, then stop those of the runs that train or wait. Of a single run that does neither, stop the scoring."""
    live = [run for run in runs if run.status in formatting.LIVE]
    if not live and len(runs) == 1:
        _stop_scoring(app, runs[0])
        return
    if not live:
        app.toast(f"None of {naming.list_names(runs)} is running or queued.", "warning")
        return
    is_queued = all(run.status == "queued" for run in live)

    def answered(yes: bool | None) -> None:
        if yes:
            one, many = ("left the queue",) * 2 if is_queued else ("is being stopped", "are being stopped")
            _each(app, live, lambda jobs, run: jobs.stop(app.home, run.id), one, many)

    which = naming.which(live)
    question = f"Remove {which} from the queue?" if is_queued else f"Stop {which}?"
    verb, keep = (
        ("Remove", "Keep") if is_queued else ("Stop", "Let it train" if len(live) == 1 else "Let them train")
    )
    app.push_screen(ConfirmScreen(question, _consequence(live), verb, keep), answered)


def _consequence(live: list[Any]) -> str:
    """What stopping these runs leads to."""
    first = live[0]
    if all(run.status == "queued" for run in live):
        return "R puts it back." if len(live) == 1 else "R puts them back."
    if len(live) > 1:
        return "Running ones save a checkpoint and end; R resumes them from there. Queued ones leave the queue."
    if RunDir(first.dir).imported_from():
        return "It is no longer followed; the script that logs it goes on."
    return f"It saves a checkpoint at step {first.step or 0:,} and ends; R resumes it from there."


def _stop_scoring(app: AppServices, run: Any) -> None:
    """Ask, then stop the evaluations of a run that wait or are under way."""

    def read() -> list[Any]:
        from gentui import jobs

        return jobs.pending(app.home, run.id)

    def ask(pending: list[Any]) -> None:
        if not pending:
            app.toast(f"{naming.label(run)} is {run.status}: there is nothing to stop.", "warning")
            return

        def stop_all(jobs: Any) -> None:
            for job in pending:
                jobs.stop(app.home, job.id)

        def answered(yes: bool | None) -> None:
            if yes:
                _once(app, stop_all, f"The scoring of {naming.label(run)} is being stopped.")

        standing = "; ".join(job.standing for job in pending)
        question = f"Stop the scoring of {naming.which([run])}?"
        app.push_screen(ConfirmScreen(question, standing, "Stop", "Let it score"), answered)

    app.in_thread(read, ask)


def evaluate(app: AppServices, run: Any) -> None:
    """Open the form that queues an evaluation of one of the run's checkpoints."""
    folder = app.home / "runs" / run.id

    def opened(loaded: tuple[Recipe, list[str]]) -> None:
        recipe, checkpoints = loaded
        if checkpoints:
            app.push_screen(navigation.create("evaluate", run, recipe, checkpoints))
        else:
            app.toast(f"{naming.label(run)} has no checkpoint yet: there is nothing to score.", "warning")

    app.in_thread(lambda: recipe_and_checkpoints(folder), opened)


def open_playground(app: AppServices, run: Any) -> None:
    """Open the playground of a run that has a checkpoint; of a classifier, the figures of its features."""
    folder = app.home / "runs" / run.id

    def read() -> tuple[Recipe, list[str], str]:
        from gentui.jobs.states import unfinished

        training = {state.slot or "" for _, state in unfinished(app.home) if state.status == "running"}
        device = "cpu" if any(slot.startswith("cuda") for slot in training) else "auto"
        return *recipe_and_checkpoints(folder), device

    def opened(loaded: tuple[Recipe, list[str], str]) -> None:
        from engine.recipes.sample_options import makes_images

        recipe, checkpoints, device = loaded
        if not makes_images(recipe):
            app.push_screen(navigation.create("features", run))
        elif not checkpoints:
            app.toast(f"{naming.label(run)} has no checkpoint yet: there is nothing to draw from.", "warning")
        else:
            app.push_screen(navigation.create("playground", run, recipe, checkpoints, device))

    app.in_thread(read, opened)


def overlay(app: AppServices, runs: Sequence[Any]) -> None:
    """Open the view of the first run with the others overlaid on it, as many as can be."""
    first, *others = runs
    laid = app.overlays.of(first.id)
    laid.keep_only({run.id for run in others})
    fit = [run for run in others if laid.add(run.id, clean(naming.label(run), 40))]
    laid.set_names(naming.distinct_labels([run for run in runs if run is first or run.id in laid]))
    app.open_run(first.id)
    if len(fit) < len(others):
        app.toast(f"No more than {MAX_OVERLAID} runs can be overlaid: {len(others) - len(fit)} are left out.")


def recipe_and_checkpoints(folder: Path) -> tuple[Recipe, list[str]]:
    """The recipe of the run in ``folder``, and the names of its checkpoints, the default one first. Raises JobError as
    ``recipe_of`` does."""
    return recipe_of(folder), [str(which) for which in RunDir(folder).available_checkpoints()]


def recipe_of(folder: Path) -> Recipe:
    """The recipe of the run in ``folder``. Raises JobError if it was imported: then it has none."""
    from engine.recipes import recipe as recipes
    from gentui.jobs.states import require_own

    require_own(RunDir(folder))
    return recipes.load(folder / "recipe.toml", of_run=True)


def resume(app: AppServices, *runs: Any) -> None:
    """Ask, then queue runs that ended early again: from the last checkpoint, or from the start where there is none."""
    ended = [run for run in runs if run.status in RESUMABLE]

    def answered(yes: bool | None) -> None:
        if yes:
            _each(app, ended, lambda jobs, run: jobs.resume(app.home, run.id), "goes on", "go on")

    if ended:
        if len(ended) == 1 and (refusal := _refusal(ended[0])):
            app.toast(refusal, "error")
            return
        detail = "Each goes on from its last checkpoint, or from the start if it has none."
        if len(ended) == 1:
            steps = f" of {ended[0].steps:,}" if ended[0].steps else ""
            detail = f"It came to step {ended[0].step or 0:,}{steps}, and goes on from its last checkpoint."
        app.push_screen(ConfirmScreen(f"Resume {naming.which(ended)}?", detail, "Resume", "Not now"), answered)
    elif len(runs) != 1:
        app.toast(f"Nothing to resume: none of {naming.list_names(runs)} ended early.", "warning")
    else:
        app.toast(f"{naming.label(runs[0])} is {runs[0].status}: nothing to resume.", "warning")


def _refusal(run: Any) -> str:
    """Why a run cannot train on at all, "" if it can."""
    from gentui.jobs.states import JobError, require_own

    try:
        require_own(RunDir(run.dir))
    except JobError as error:
        return str(error)
    return ""


def remove(app: AppServices, *runs: Any, then: Then = None) -> None:
    """Ask, then move the runs to the trash, and call ``then``."""
    if live := [run for run in runs if run.status in formatting.LIVE]:
        they = (
            f"{naming.label(live[0])} is {live[0].status}"
            if len(live) == 1
            else f"{naming.list_names(live)} are running or queued"
        )
        app.toast(f"{they}: stop before deleting.", "warning")
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _each(
                app, runs, lambda jobs, run: jobs.remove(app.home, run.id), "is in the trash", "are in the trash",
                then, lambda done: _way_back(app, len(done)),
            )  # fmt: skip

    whose = "Their" if len(runs) > 1 else "Its"
    detail = f"{whose} curves, samples, scores and checkpoints go to the trash, for 30 days."
    app.push_screen(ConfirmScreen(f"Delete {naming.which(runs)}?", detail, "Delete"), answered)


def _way_back(app: AppServices, number: int) -> str:
    """How to bring back what was deleted, from the screen that is in sight now."""
    known = key_table.BY_ID
    strokes = [known.get(f"{getattr(app.screen, 'context', '')}.undo")]
    strokes = strokes if strokes[0] else [known["app.runs"], known["runs.undo"]]
    keys = " ".join(key_table.as_mapped(key).display for key in strokes if key)
    return f"; {keys} brings {'it back' if number == 1 else 'back the last'}"


def reorder(app: AppServices, run: Any, where: str) -> None:
    """Move a queued run: ``where`` is first, last, up or down."""
    _once(app, lambda jobs: jobs.reorder(app.home, run.id, where), "")


def tag(app: AppServices, *runs: Any) -> None:
    """Ask which tags to add and to remove."""
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
        now = [
            *(word for word in runs[0].tags if word not in less),
            *(word for word in add if word not in runs[0].tags),
        ]
        one = f"has the tags {', '.join(now)}" if now else "has no tags"
        changed = " ".join([*(f"+{word}" for word in add), *(f"-{word}" for word in less)])
        _each(
            app, runs, lambda jobs, run: jobs.tag(app.home, run.id, add, less), one, f"have new tags: {changed}"
        )

    have = sorted({word for run in runs for word in run.tags})
    detail = "Each word is a tag: +x or x adds it, -x takes it away." + (
        f" Tags now: {' '.join(have)}" if have else ""
    )
    app.push_screen(PromptScreen(f"Tags of {naming.list_names(runs)}", detail, check=check), answered)


def note(app: AppServices, run: Any) -> None:
    """Ask for the notes on a run."""

    def answered(text: str | None) -> None:
        if text is not None and text != run.notes:
            _once(app, lambda jobs: jobs.note(app.home, run.id, text), f"Notes on {naming.label(run)} saved.")

    detail = "Appears in reports. F5 saves."
    app.push_screen(PromptScreen(f"Notes on {naming.label(run)}", detail, run.notes, lines=True), answered)


def rename(app: AppServices, run: Any) -> None:
    """Ask for another name of the run."""

    def answered(text: str | None) -> None:
        if text is not None and text != run.name:
            done = f"{run.id} is called {text or run.recipe}."
            _once(app, lambda jobs: jobs.rename(app.home, run.id, text), done)

    app.push_screen(
        PromptScreen(f"Name of {naming.label(run)}", f"Empty: as its recipe, {run.recipe}.", run.name), answered
    )


def import_runs(app: AppServices) -> None:
    """Ask for the path of logs of other scripts, and import them as runs."""

    def work(path: str) -> str:
        from gentui.imports import importer
        from gentui.imports.discovery import find
        from gentui.imports.log_entries import Skips, Unusable
        from gentui.jobs import JobError

        done, refused, skipped = [], [], Skips()
        for opener in find(path, skipped.add):
            try:
                done.append(importer.take(app.home, opener, ""))
            except (Unusable, JobError, OSError) as error:
                refused.append(str(error))
        if refused:
            more = f". And {len(refused) - 4} more" if len(refused) > 4 else ""
            raise Unusable(f"{plural(len(done), 'run')} imported. {'. '.join(refused[:4])}{more}.")
        imported = str(done[0]) if len(done) == 1 else f"{plural(len(done), 'run')} imported"
        remarks = [*done[0].remarks(), str(skipped)] if len(done) == 1 else [str(skipped)]
        return f"{'. '.join(filter(None, [imported, *remarks]))}."

    def answered(text: str | None) -> None:
        if text is not None:
            _report(app, lambda: work(text.strip()))

    detail = (
        "A run or folder of wandb, a log directory of TensorBoard, a .csv or .jsonl file. Importing the same path again"
        " updates its runs; `gentui import --follow` keeps them up to date."
    )
    check = lambda text: "" if text.strip() not in ("", "-") else "give the path of a file or folder"  # noqa: E731
    app.push_screen(PromptScreen("Import the logs of other scripts from", detail, check=check), answered)


def edit_again(app: AppServices, run: Any) -> None:
    """Open the settings form with the settings of the run."""
    folder = app.home / "runs" / run.id

    def opened(recipe: Recipe) -> None:
        app.push_screen(navigation.create("form", recipe, str(folder / "recipe.toml")))

    app.in_thread(lambda: recipe_of(folder), opened)


def _each(
    app: AppServices,
    runs: Sequence[Any],
    work: Callable[[Any, Any], object],
    one: str,
    many: str,
    then: Then = None,
    hint: Callable[[list[Any]], str] | None = None,
) -> None:
    """Call ``work(gentui.jobs, run)`` for every run, away from the screen; then show who did and who refused.

    ``one`` and ``many`` follow the names of one or several runs in the success message, before which ``then`` is
    called; ``hint`` says, of those who did, what follows in the message.
    """

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
        if done and then is not None:
            then()
        if done:
            more = hint(done) if hint is not None else ""
            app.toast(f"{naming.list_names(done)} {one if len(done) == 1 else many}{more}.")
        if refused:
            more = f". And {len(refused) - 4} more." if len(refused) > 4 else ""
            app.toast(". ".join(refused[:4]) + more, "error")
        app.reader.wake()

    app.in_thread(call, after)


def _once(app: AppServices, work: Callable[[Any], object], done: str) -> None:
    """Call ``work(gentui.jobs)`` away from the screen, then show the sentence ``done``, unless it is empty."""

    def call() -> str:
        from gentui import jobs

        work(jobs)
        return done

    _report(app, call)


def _report(app: AppServices, work: Callable[[], str]) -> None:
    """Work away from the screen, then show the sentence that ``work`` returns, unless it is empty."""

    def after(done: str) -> None:
        if done:
            app.toast(done)
        app.reader.wake()

    app.in_thread(work, after)
