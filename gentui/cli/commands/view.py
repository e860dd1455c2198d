"""``open``: the app at one run; ``events``: the records that a run is read from."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import click

from engine.runs.directory import RunDir
from gentui.cli.console import App, finite, out, pass_app


@click.command()
@click.argument("run", metavar="RUN|DIR", default="latest")
@pass_app
def open_command(app: App, run: str) -> None:
    """The app, opened at one run: an id, a prefix, a name, `latest`, or the path of its directory."""
    from gentui.cli.console import open_app

    path = Path(run)
    if (path / "recipe.toml").is_file():
        folder = path.resolve()
        app.home_option = str(folder.parents[1])
        open_app(app, folder.name)
    else:
        open_app(app, app.index().find(run))


@click.command()
@click.argument("run", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only metrics, alert, sample, status …; may be repeated.",
)
@pass_app
def events_command(app: App, run: str, follow: bool, kinds: tuple[str, ...]) -> None:
    """The run's records, one JSON object a line, oldest first. NaN and infinities are null."""
    from gentui import jobs

    found = RunDir(app.home / "runs" / app.index().find(run))
    read: dict[int, int] = {}
    for looks in itertools.count(1):
        if looks % 10 == 0:
            jobs.reconcile_and_spawn(app.home)
        state = (
            found.read_state()
        )  # before the records: what was written before the end is then surely among them
        for attempt, path in found.events_files():
            read[attempt] = _print(path, read.get(attempt, 0), kinds)
        if not follow or state.ended:
            return
        time.sleep(0.2)


def _print(path: Path, offset: int, kinds: tuple[str, ...]) -> int:
    """Print a log's whole records from ``offset`` on; where the next begin."""
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
    return json.dumps(finite(event))  # in ASCII: nothing in it can act on a terminal
