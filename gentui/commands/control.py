"""``stop``, ``resume``, ``rm``."""

from __future__ import annotations

from collections.abc import Callable

import click

from engine.rundir import RunDir
from gentui.commands.console import App, Exit, out, pass_app, say

runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True)


def _each(app: App, runs: tuple[str, ...], do: Callable[[str], str]) -> int:
    """Do a thing to every run named. One that cannot be done does not keep the others from it."""
    from gentui.index import RunNotFound
    from gentui.jobs import JobError

    index = app.index()
    code: int = Exit.OK
    targets: list[str] = []
    for run in runs:
        try:
            targets.append(index.find(run))
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
    """Ask runs to write a checkpoint and end; prints their ids."""
    from gentui import jobs

    def stop(run_id: str) -> str:
        state = RunDir(app.home / "runs" / run_id).read_state()
        if state.ended:
            return f"{run_id} has ended already: {state.status}"
        jobs.stop(app.home, run_id, grace=grace, wait=wait)
        return f"stopping {run_id}; `gentui resume {run_id}` goes on from its checkpoint"

    return _each(app, runs, stop)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--wait", is_flag=True, help="Show progress and end with the run. Ctrl-C leaves it running.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_app
def resume_command(app: App, run: str, wait: bool, as_json: bool) -> int:
    """Go on from a run's last checkpoint."""
    from gentui import jobs
    from gentui.progress import Leaving, after_queueing

    run_id = app.index().find(run)
    with Leaving() as leaving:
        jobs.resume(app.home, run_id)
        return after_queueing(app.home, run_id, wait, as_json, leaving)


@click.command()
@runs_argument
@pass_app
def rm_command(app: App, runs: tuple[str, ...]) -> int:
    """Delete runs with all their files. A run that is queued or running is refused."""
    from gentui import jobs

    def remove(run_id: str) -> str:
        jobs.remove(app.home, run_id)
        return f"removed {run_id}"

    code = _each(app, runs, remove)
    app.index()
    return code
