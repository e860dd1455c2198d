"""``stop``, ``resume``, ``rm``: of runs, and of evaluations in the queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gentui.commands.console import App, Exit, out, pass_app, say

if TYPE_CHECKING:
    from gentui.index import Index

runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True)


def find_job(home: Path, index: Index, spec: str) -> str:
    """The id of the run, or else the evaluation, that a person means. Raises RunNotFound."""
    from gentui import jobs
    from gentui.index import RunNotFound

    try:
        return index.find(spec)
    except RunNotFound:
        if found := jobs.find_evaluation(home, spec):
            return found
        raise


def _each(app: App, runs: tuple[str, ...], do: Callable[[str], str]) -> int:
    """Do a thing to every run, or evaluation, named. One that cannot be done does not keep the others from it."""
    from gentui.index import RunNotFound
    from gentui.jobs import JobError

    index = app.index()
    code: int = Exit.OK
    targets: list[str] = []
    for run in runs:
        try:
            targets.append(find_job(app.home, index, run))
        except RunNotFound as error:
            say(error)
            code = Exit.NOT_FOUND
    if code:
        return code  # a mistyped name: nothing is done to any of them
    for run_id in dict.fromkeys(targets):
        try:
            say(do(run_id))
            out(run_id)
        except JobError as error:
            say(error)
            code = Exit.CANNOT
    return code


@click.command()
@runs_argument
@click.option(
    "--grace", type=click.FloatRange(0, 86400), default=30.0, show_default=True, metavar="SECONDS",
    help="Time to write a checkpoint before the run is killed.",
)  # fmt: skip
@click.option("--wait", is_flag=True, help="End when the runs have ended.")
@pass_app
def stop_command(app: App, runs: tuple[str, ...], grace: float, wait: bool) -> int:
    """Ask runs to write a checkpoint and end; prints their ids. An evaluation just ends.

    RUN may be an evaluation's id (eval-…), as `gentui runs` lists them while they are in the queue.
    """
    from engine.rundir import RunDir
    from gentui import jobs

    def stop(run_id: str) -> str:
        job = jobs.get_job(app.home, run_id)
        state = job.read_state()
        if state.ended:
            return f"{run_id} has ended already: {state.status}"
        jobs.stop(app.home, run_id, grace=grace, wait=wait)
        again = "goes on from its checkpoint" if isinstance(job, RunDir) else "queues it again"
        return f"stopping {run_id}; `gentui resume {run_id}` {again}"

    return _each(app, runs, stop)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--wait", is_flag=True, help="Show progress and end with the run. Ctrl-C leaves it running.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_app
def resume_command(app: App, run: str, wait: bool, as_json: bool) -> int:
    """Go on from a run's last checkpoint; or queue an evaluation (eval-…) again."""
    from gentui import jobs
    from gentui.commands.evaluating import after_queueing_evaluation
    from gentui.jobs.kinds import EvaluationDir
    from gentui.progress import Leaving, after_queueing

    run_id = find_job(app.home, app.index(), run)
    with Leaving() as leaving:
        jobs.resume(app.home, run_id)
        job = jobs.get_job(app.home, run_id)
        if isinstance(job, EvaluationDir):
            return after_queueing_evaluation(app, job, wait, as_json, leaving)
        return after_queueing(app.home, run_id, wait, as_json, leaving)


@click.command()
@runs_argument
@pass_app
def rm_command(app: App, runs: tuple[str, ...]) -> int:
    """Delete runs, or evaluations (eval-…), with all their files. One that is running is refused.

    What an evaluation scored stays with its run.
    """
    from gentui import jobs

    def remove(run_id: str) -> str:
        jobs.remove(app.home, run_id)
        return f"removed {run_id}"

    code = _each(app, runs, remove)
    app.index()
    return code
