"""``open``: the app at one run; ``events``: a run's event log."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import click

from engine.runs.directory import RunDir
from gentui.cli.console import App, finite, out, pass_app
from gentui.cli.words import RUN


@click.command()
@click.argument("run", metavar="RUN|DIR", default="latest")
@pass_app
def open_command(app: App, run: str) -> None:
    """Open the app at one run: an id, a prefix, a name, `latest`, or the path of its directory."""
    from gentui.cli.console import open_app

    path = Path(run)
    if (path / "recipe.toml").is_file():
        folder = path.resolve()
        app.home_option = str(folder.parents[1])
        open_app(app, folder.name)
    else:
        open_app(app, app.find_id(run))


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until the run has ended.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only events of this kind: metrics, alert, sample, status … Repeat for several.",
)
@pass_app
def events_command(app: App, run: str, follow: bool, kinds: tuple[str, ...]) -> None:
    """Print the run's events, one JSON object per line, oldest first. NaN and infinities are null."""
    from gentui import jobs

    found = RunDir(app.home / "runs" / app.find_id(run))
    read: dict[int, int] = {}
    for looks in itertools.count(1):
        if looks % 10 == 0:
            jobs.reconcile_and_spawn(app.home)
        # Read the state before the log, which then includes everything written before the end.
        state = jobs.settled(found)
        for attempt, path in found.events_files():
            read[attempt] = _print(path, read.get(attempt, 0), kinds)
        if not follow or state is None or state.ended:
            return
        time.sleep(0.2)


def _print(path: Path, offset: int, kinds: tuple[str, ...]) -> int:
    """Print a log's complete events from byte ``offset`` on; return the offset of the next."""
    from engine.runs.events import read_events

    while True:
        batch = read_events(path, offset)
        for event in batch.events:
            if not kinds or event["kind"] in kinds:
                out(_line(event))
        if batch.offset <= offset:
            return offset
        offset = batch.offset


def _line(event: dict[str, Any]) -> str:
    return json.dumps(finite(event))  # in ASCII: nothing in it can manipulate the terminal
