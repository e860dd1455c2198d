"""``data``, ``doctor``, ``index``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gentui.commands.console import App, Exit, Failure, out, out_json, pass_app, say, table

if TYPE_CHECKING:
    from engine.recipe import Data

json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def _dataset(name: str) -> type[Data]:
    from engine.recipe import datasets, did_you_mean

    known = datasets()
    if name not in known:
        hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
        raise Failure(f"no data set called {name!r}; {hint}", Exit.NOT_FOUND)
    return known[name]


@click.group(invoke_without_command=True)
@click.pass_context
def data_command(ctx: click.Context) -> None:
    """Data sets: which are here, whether they are whole, fetching them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(data_list)


@data_command.command("list")
@json_option
def data_list(as_json: bool = False) -> None:
    """Every data set gentui knows."""
    from engine.recipe import datasets

    rows = []
    for name, cls in datasets().items():
        place = cls.locate()
        rows.append(
            {
                "name": name,
                "title": cls.title,
                "here": place is not None,
                "embedded": cls.embedded,
                "place": None if place is None or cls.embedded else str(place),
                "sizes": cls.sizes,
                "shape": cls.shape,
                "classes": list(cls.classes),
                "licence": cls.licence,
            }
        )
    if as_json:
        out_json(rows)
        return
    table(
        ["NAME", "DATA", "TRAIN", "TEST", "TITLE", "PLACE"],
        [
            [
                row["name"], "here" if row["here"] else "missing", row["sizes"].get("train"),
                row["sizes"].get("test"), row["title"], "embedded" if row["embedded"] else row["place"],
            ]
            for row in rows
        ],
        right=["TRAIN", "TEST"],
    )  # fmt: skip


@data_command.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1)
def data_check(names: tuple[str, ...]) -> int:
    """Whether data sets are here and hold exactly what was published."""
    from engine.recipe import datasets
    from gentui.datasets import check

    chosen = {name: _dataset(name) for name in names} or datasets()
    code: int = Exit.OK
    for name, cls in chosen.items():
        problems = check(cls)
        if not problems:
            out(f"{name}: whole")
            continue
        code = Exit.CANNOT
        out(f"{name}: " + ("damaged" if cls.locate() else "not here"))
        say(*problems)
    return code


@data_command.command("fetch")
@click.argument("name", metavar="NAME")
def data_fetch(name: str) -> int:
    """Download a data set into $GENTUI_DATA; prints the folder."""
    from engine.recipe import data_root
    from gentui.datasets import FetchError, check, fetch

    cls = _dataset(name)
    if cls.embedded:
        say(f"{name} comes with gentui: nothing to fetch")
        return Exit.OK
    if (place := cls.locate()) is not None and not check(cls):
        say(f"{name} is here already")
        out(str(place))
        return Exit.OK
    if not cls.files:
        raise Failure(cls.remedy(), Exit.CANNOT)
    shown = -1

    def progress(file: str, done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // total
        if sys.stderr.isatty() and percent != shown:
            click.echo(f"\r{file} {percent:3d} %", err=True, nl=False)
            shown = percent
        if done == total:
            click.echo("\r" if sys.stderr.isatty() else "", err=True, nl=False)
            say(f"{file}: {total:,} bytes")

    try:
        out(str(fetch(cls, data_root(), progress)))
    except FetchError as error:
        say(error)
        return Exit.CANNOT
    return Exit.OK


@click.command()
@json_option
@pass_app
def doctor_command(app: App, as_json: bool) -> int:
    """What this machine can do with gentui, and how to mend what it cannot."""
    from gentui.doctor import NEEDED, examine

    checks = examine(app.home)
    code = Exit.CANNOT if any(check.name in NEEDED and not check.ok for check in checks) else Exit.OK
    if as_json:
        out_json({"checks": [vars(check) for check in checks]})
        return code
    table(
        ["", "CHECK", "FOUND"],
        [["ok" if check.ok else "--", check.name, check.detail] for check in checks],
    )
    for check in checks:
        if check.fix and not check.ok:
            say(check.fix if check.fix.startswith(check.name) else f"{check.name}: {check.fix}")
    return code


@click.group()
def index_command() -> None:
    """The index of runs: it can always be made anew from their files."""


@index_command.command("rebuild")
@pass_app
def index_rebuild(app: App) -> None:
    """Make the index anew from the runs' directories."""
    from gentui.index import Index

    index = Index(app.home)
    index.rebuild()
    say(f"{len(index.runs())} runs in the index")
