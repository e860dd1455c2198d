"""``stop``, ``resume``, ``rm``, ``restore``, ``queue`` for jobs; ``tag``, ``note``, ``rename`` for runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Literal

import click

from engine.runs.directory import RunDir
from gentui.cli.console import (
    App,
    complain,
    json_option,
    on_option,
    out,
    out_bytes,
    pass_app,
    say,
    table,
    wide_option,
)
from gentui.cli.errors import Exit
from gentui.cli.words import RUN
from gentui.text.numbers import plural
from gentui.text.sanitize import clean

runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RUN)


def find_job(app: App, spec: str) -> str:
    """The id of the run or else the evaluation given by ``spec``, without the index. Raises RunNotFound."""
    from gentui import jobs
    from gentui.index import RunNotFound

    try:
        return app.find_id(spec)
    except RunNotFound:
        if found := jobs.find_evaluation(app.home, spec):
            return found
        raise


def _each(app: App, runs: tuple[str, ...], do: Callable[[str], str]) -> int:
    """Apply ``do`` to every named run or evaluation and print its message. A failure does not stop the others."""
    from gentui.index import RunNotFound
    from gentui.jobs import JobError

    code: int = Exit.OK
    targets: list[str] = []
    for run in runs:
        try:
            targets.append(find_job(app, run))
        except RunNotFound as error:
            complain(error)
            code = Exit.NOT_FOUND
    if code:
        return code  # one name is wrong: do nothing at all
    for run_id in dict.fromkeys(targets):
        try:
            say(do(run_id))
            out(run_id)
        except JobError as error:
            complain(error)
            code = Exit.CANNOT
    return code


@click.command()
@runs_argument
@click.option(
    "--grace", type=click.FloatRange(0, 86400), default=30.0, show_default=True, metavar="SECONDS",
    help="Seconds to write a checkpoint before the run is killed.",
)  # fmt: skip
@click.option("--wait", is_flag=True, help="Wait until the runs have ended.")
@pass_app
def stop_command(app: App, runs: tuple[str, ...], grace: float, wait: bool) -> int:
    """Stop runs after they have written a checkpoint; prints their ids.

    RUN may be the id of an evaluation (eval-…), as listed by `gentui runs` while it is queued or running.
    """
    from gentui import jobs

    def stop(run_id: str) -> str:
        job = jobs.get_job(app.home, run_id)
        state = jobs.settled(job)
        if state is not None and state.ended:
            return f"{run_id} has ended already: {state.status}"
        jobs.stop(app.home, run_id, grace=grace, wait=wait)
        if isinstance(job, RunDir) and job.imported_from():
            return f"{run_id} is no longer followed; the script that logs it continues"
        again = "continues from its checkpoint" if isinstance(job, RunDir) else "queues it again"
        return f"stopping {run_id}; `gentui resume {run_id}` {again}"

    return _each(app, runs, stop)


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.option(
    "-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Change a setting that is no part of the experiment, such as evaluate.batch_size=32.",
)  # fmt: skip
@click.option(
    "--device", metavar="DEVICE", help="Continue on cpu, cuda, cuda:N or auto (default: as launched)."
)
@click.option(
    "--devices", type=click.IntRange(1), metavar="N", help="Continue on N devices (default: as launched)."
)
@on_option
@click.option(
    "--wait/--no-wait",
    default=False,
    help="Show progress until the run ends (Ctrl-C leaves it running), or return at once, as without either.",
)
@json_option("the run's id, status, reason, folder, exit code, steps and seconds")
@pass_app
def resume_command(
    app: App,
    run: str,
    overrides: tuple[str, ...],
    device: str | None,
    devices: int | None,
    on: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Continue a run from its last checkpoint, or queue an evaluation (eval-…) again.

    -o changes evaluate.*, sample.*, health.*, train.checkpoint_minutes and train.keep, on which the weights do not
    depend; anything else makes a new run (`gentui run`). `gentui show` lists what was changed.
    """
    from gentui import jobs
    from gentui.cli.commands.evaluate import after_queueing_evaluation
    from gentui.cli.progress import after_queueing
    from gentui.jobs.detach import Detach
    from gentui.jobs.job_types import EvaluationDir

    run_id = find_job(app, run)
    with Detach() as detach:
        jobs.resume(app.home, run_id, overrides=overrides, device=device, devices=devices, on=on)
        job = jobs.get_job(app.home, run_id)
        if isinstance(job, EvaluationDir):
            return after_queueing_evaluation(app, job, wait, as_json, detach)
        return after_queueing(app.home, run_id, wait, as_json, detach)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, type=RUN)
@click.option("--now", is_flag=True, help="Delete for good.")
@pass_app
def rm_command(app: App, runs: tuple[str, ...], now: bool) -> int:
    """Move runs to the trash; `gentui restore` brings them back within a month. A running run is refused.

    Evaluations (eval-…) are deleted at once; their scores stay with the run.
    """
    from gentui import jobs
    from gentui.jobs.job_types import EVALUATIONS, job_type_of

    if not runs:
        raise click.UsageError(
            "name the runs to delete; `gentui trash empty` deletes those in the trash",
            click.get_current_context(),
        )

    def remove(run_id: str) -> str:
        jobs.remove(app.home, run_id, now=now)
        if now or job_type_of(run_id) is EVALUATIONS:
            return f"removed {run_id}"
        return f"{run_id} is in the trash; `gentui restore {run_id}` brings it back"

    return _each(app, runs, remove)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, type=RUN)
@pass_app
def restore_command(app: App, runs: tuple[str, ...]) -> int:
    """Restore deleted runs from the trash. Without RUN: list the trash."""
    from gentui import jobs
    from gentui.jobs import trash

    if not runs:
        return _list_trash(app)
    found = [trash.find_trashed(app.home, run) for run in runs]
    for run_id in dict.fromkeys(found):
        jobs.restore(app.home, run_id)
        say(f"{run_id} is back")
        out(run_id)
    return Exit.OK


def _list_trash(app: App) -> int:
    from gentui.jobs import trash

    rows = [[t.id, time.strftime("%Y-%m-%d %H:%M", time.localtime(t.at))] for t in trash.trashed(app.home)]
    if rows:
        table(["RUN", "DELETED"], rows)
    else:
        say("the trash is empty")
    return Exit.OK


def _empty_trash(app: App) -> int:
    from gentui.jobs import trash

    gone = trash.empty(app.home)
    left = len(trash.trashed(app.home))
    if gone or not left:
        were = f"{plural(len(gone), 'run')} in the trash {'was' if len(gone) == 1 else 'were'} deleted"
        say(were if gone else "the trash is empty")
    if left:
        complain(
            f"{plural(left, 'run')} in the trash cannot be deleted: {app.home / 'trash'} cannot be written to"
        )
    return Exit.CANNOT if left else Exit.OK


@click.group(invoke_without_command=True)
@click.pass_context
def trash_command(ctx: click.Context) -> None:
    """The runs that were deleted in the last month: list them, or delete them for good."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(trash_list)


@trash_command.command("list")
@pass_app
def trash_list(app: App) -> int:
    """List the runs in the trash, the last deleted first."""
    return _list_trash(app)


@trash_command.command("empty")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_app
def trash_empty(app: App, yes: bool) -> int:
    """Delete the runs in the trash for good, which frees their room on the disk. Asks before."""
    from gentui.jobs import trash

    thrown = trash.trashed(app.home)
    if thrown and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"nobody can be asked here whether {plural(len(thrown), 'run')} may be deleted for good: add --yes",
                click.get_current_context(),
            )
        newest = f", {thrown[0].id} the last" if thrown[1:] else f", {thrown[0].id}"
        if not click.confirm(f"Delete {plural(len(thrown), 'run')} for good{newest}?", err=True):
            say("the trash is as it was")
            return Exit.OK
    return _empty_trash(app)


@click.command()
@click.argument("run", metavar="[RUN]", required=False, type=RUN)
@click.option("--first", "where", flag_value="first", help="Put the job at the head of the queue.")
@click.option("--last", "where", flag_value="last", help="Put the job at the end of the queue.")
@wide_option
@pass_app
def queue_command(app: App, run: str | None, where: Literal["first", "last"] | None) -> int:
    """List the queue; or move a queued run or evaluation (eval-…) to its head or its end."""
    from gentui import jobs

    if run is None:
        if where is not None:
            raise click.UsageError(f"--{where}: name the run", click.get_current_context())
        return _list_queue(app)
    if where is None:
        raise click.UsageError("use --first or --last", click.get_current_context())
    job_id = find_job(app, run)
    jobs.reorder(app.home, job_id, where)
    say(f"{job_id} is now {where} in the queue")
    out(job_id)
    return Exit.OK


def _run(app: App, run: str) -> RunDir:
    return RunDir(app.home / "runs" / app.find_id(run))


def _list_queue(app: App) -> int:
    """Print what each device works on, and what waits for it, in order."""
    from gentui.index.files import name_of
    from gentui.jobs.launchers.local.slot_queues import queue_by_slot

    places: dict[str, tuple[str, list[str], str]] = {}  # of each job: its place, its devices, what it is
    for slot, queued in queue_by_slot(app.home).items():
        for job in queued:
            place = f"{job.place}" if job.place else "runs"
            places.setdefault(job.id, (place, [], job.kind))[1].append(slot)
    rows = [
        [place, job, ", ".join(slots), kind, name_of(app.home / "runs" / job)]
        for job, (place, slots, kind) in places.items()
    ]
    if rows:
        rows.sort(key=lambda row: (row[0] != "runs", int(row[0]) if row[0] != "runs" else 0))
        table(["PLACE", "JOB", "DEVICE", "KIND", "NAME"], rows, drop=["KIND", "DEVICE", "NAME"])
    else:
        say("nothing is queued, and nothing runs")
    return Exit.OK


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("run", metavar="RUN", type=RUN)
@click.argument("words", metavar="[+TAG|-TAG]...", nargs=-1, type=click.UNPROCESSED)
@pass_app
def tag_command(app: App, run: str, words: tuple[str, ...]) -> int:
    """Add tags (`+x` or just `x`) to a run and remove others (`-y`); prints its tags, as it does without any."""
    from gentui import jobs
    from gentui.jobs import annotations

    if not words:
        for tag in annotations.read(_run(app, run)).tags:
            out(clean(tag))
        return Exit.OK
    add, remove = annotations.parse_changes(" ".join(words))
    for tag in jobs.tag(app.home, app.find_id(run), add, remove).tags:
        out(tag)
    return Exit.OK


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.argument("text", metavar="[TEXT]", required=False)
@pass_app
def note_command(app: App, run: str, text: str | None) -> int:
    """Replace a run's notes, which appear in reports. An empty TEXT removes them, - reads them from stdin; without
    TEXT they are printed."""
    from gentui import jobs
    from gentui.jobs.annotations import LONGEST_NOTES, read

    run_id = app.find_id(run)
    if text is None:
        if notes := read(_run(app, run_id)).notes:
            out_bytes(f"{notes.rstrip()}\n".encode())
        return Exit.OK
    jobs.note(app.home, run_id, sys.stdin.read(LONGEST_NOTES + 1) if text == "-" else text)
    out(run_id)
    return Exit.OK


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.argument("text", metavar="[TEXT]", required=False)
@pass_app
def rename_command(app: App, run: str, text: str | None) -> int:
    """Rename a run. An empty TEXT removes its name; without TEXT it is printed."""
    from gentui import jobs
    from gentui.index.files import name_of

    run_id = app.find_id(run)
    if text is None:
        if name := name_of(_run(app, run_id).path):
            out(clean(name))
        return Exit.OK
    jobs.rename(app.home, run_id, text)
    out(run_id)
    return Exit.OK
