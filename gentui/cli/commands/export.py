"""``export``, ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from engine.runs.directory import STATUSES
from gentui.cli.commands.runs import matching
from gentui.cli.console import App, filter_option, pass_app, say
from gentui.cli.errors import Exit
from gentui.cli.words import RUN

FORMATS = ("csv", "md", "latex", "json", "html")
_BY_SUFFIX = {".csv": "csv", ".md": "md", ".tex": "latex", ".json": "json", ".html": "html", ".htm": "html"}


@click.command()
@click.option(
    "-f", "--format", "chosen", type=click.Choice(FORMATS), help="Default: by FILE's suffix, else csv."
)
@click.option("-o", "--out", "path", default="-", metavar="FILE", help="Default: -, standard output.")
@click.option("--dataset", metavar="NAME", help="Only scores on this data set.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs with this status.")
@filter_option
@pass_app
def export_command(
    app: App, chosen: str | None, path: str, dataset: str | None, status: str | None, words: str
) -> int:
    """Export the results table: every score with its protocol, sample count and seed, and published figures."""
    from gentui.export import render, write_text

    target = Path(path).expanduser()
    format = chosen or _BY_SUFFIX.get(target.suffix.lower(), "csv")
    index = app.index()
    runs = {row.id for row in matching(index, index.runs(), words)} if words else None
    text = render(app.home, format, dataset, status, index, runs)
    if path == "-":
        click.echo(text, nl=False)
        return Exit.OK
    write_text(target, text)
    say(f"wrote {target}")
    return Exit.OK


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RUN)
@click.option("-o", "--out", "folder", required=True, metavar="DIR", help="Created if missing.")
@pass_app
def report_command(app: App, runs: tuple[str, ...], folder: str) -> int:
    """Write a report of runs in HTML and Markdown, with curves, sample grids, scores and settings."""
    from gentui.export.report import write_report

    index = app.index()
    found = [index.find(run) for run in dict.fromkeys(runs)]
    for page in write_report(app.home, list(dict.fromkeys(found)), Path(folder).expanduser()):
        click.echo(str(page))
    return Exit.OK
