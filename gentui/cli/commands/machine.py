"""``data``, ``doctor``, ``index``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.console import (
    App,
    complain,
    find_dataset,
    json_option,
    out,
    out_json,
    override_option,
    pass_app,
    say,
    table,
    wide_option,
)
from gentui.cli.errors import Exit, Failure
from gentui.cli.words import RECIPE

if TYPE_CHECKING:
    from engine.recipes.recipe import Data


class _DataCommands(click.Group):
    """Takes the name of a data set for ``show NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from engine.recipes.recipe import datasets

        if args and args[0] not in self.commands and args[0] in datasets():
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_DataCommands, invoke_without_command=True)
@click.pass_context
def data_command(ctx: click.Context) -> None:
    """List, verify and download data sets; with the name of one, explain it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(data_list)


def _described(name: str, cls: type[Data]) -> dict[str, Any]:
    """A data set, as ``--json`` prints it."""
    place = cls.locate()
    return {
        "name": name,
        "title": cls.title,
        "state": _state(cls),
        "here": place is not None,
        "embedded": cls.embedded,
        "place": None if place is None or cls.embedded else str(place),
        "remedy": None if place is not None else cls.remedy(),
        "sizes": cls.sizes,
        "shape": cls.shape,
        "classes": list(cls.classes),
        "attributes": list(cls.attributes),
        "groups": list(cls.groups),
        "licence": cls.licence,
    }


@data_command.command("show")
@click.argument("name", metavar="NAME")
@json_option("the data set with sizes, classes, place and recipes")
def data_show(name: str, as_json: bool) -> None:
    """Explain one data set: what it holds, whether it is here, how to get it, and which recipes train on it."""
    from engine.recipes.recipe import menu
    from gentui.text.sanitize import clean

    cls = find_dataset(name)
    row = _described(name, cls)
    recipes = [recipe.name for recipe in menu()[0] if recipe.dataset == name]
    if as_json:
        out_json(row | {"recipes": recipes})
        return
    sizes = ", ".join(f"{count:,} {split}" for split, count in row["sizes"].items())
    facts = {
        "data": f"{name}: {row['title']}", "state": row["state"], "place": row["place"], "images": sizes,
        "shape": "×".join(map(str, row["shape"])) if row["shape"] else "", "classes": ", ".join(row["classes"]),
        "attributes": ", ".join(row["attributes"]), "licence": row["licence"], "recipes": ", ".join(recipes),
        "get it": _advice(name, row["remedy"]) if row["remedy"] else "",
    }  # fmt: skip
    for key, value in facts.items():
        if value:
            out(f"{key:<11}{clean(value, 2000)}")


@data_command.command("list")
@wide_option
@json_option("a list of data sets with state, place, sizes and classes")
def data_list(as_json: bool = False) -> None:
    """List every data set, and how to get the missing ones."""
    from engine.recipes.recipe import datasets

    rows = [_described(name, cls) for name, cls in datasets().items()]
    rows.sort(key=lambda row: _STATES.index(row["state"]))
    if as_json:
        out_json(rows)
        return
    table(
        ["NAME", "DATA", "TRAIN", "TEST", "TITLE", "PLACE"],
        [
            [
                row["name"], row["state"], row["sizes"].get("train"), row["sizes"].get("test"), row["title"],
                row["place"],
            ]
            for row in rows
        ],
        right=["TRAIN", "TEST"],
        drop=["PLACE", "TEST", "TITLE"],
    )  # fmt: skip
    if any(row["remedy"] for row in rows):
        say("`gentui data NAME` explains one, and says how to get it")


def _advice(name: str, remedy: str) -> str:
    """How to get a missing data set. For one made of others: which of those are missing."""
    absent = [
        part.model_fields["dataset"].default
        for part in find_dataset(name).components()
        if part.locate() is None
    ]
    if absent not in ([], [name]):
        return f"{name}: needs {' and '.join(absent)}"
    return remedy if remedy.startswith(f"{name} ") else f"{name}: {remedy}"


_STATES = ("embedded", "here", "yours", "missing")


def _state(cls: type[Data]) -> str:
    """``embedded``, ``here`` or ``missing``; ``yours`` for a folder that the user supplies."""
    if cls.embedded:
        return "embedded"
    return "here" if cls.locate() is not None else "yours" if cls.user_supplied else "missing"


@data_command.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1)
def data_check(names: tuple[str, ...]) -> int:
    """Verify data sets against their published hashes."""
    from engine.recipes.recipe import datasets
    from gentui.machine.datasets import check

    chosen = {name: find_dataset(name) for name in names} or datasets()
    code: int = Exit.OK
    for name, cls in chosen.items():
        if cls.user_supplied:
            out(f"{name}: yours")
            say(cls.remedy())
            continue
        problems = check(cls)
        if not problems:
            has_hashes = cls.embedded or all(part.files for part in cls.components())
            out(f"{name}: whole" if has_hashes else f"{name}: here (no hash was published to check it against)")
            continue
        code = Exit.CANNOT
        out(f"{name}: " + ("damaged" if cls.locate() else "not here"))
        complain(*problems)
    return code


@data_command.command("fetch")
@click.argument("name", metavar="NAME")
def data_fetch(name: str) -> int:
    """Download a data set into $GENTUI_DATA; prints the folder."""
    from engine.recipes.recipe import data_root
    from gentui.machine.datasets import FetchError, check, fetch

    cls = find_dataset(name)
    if cls.embedded:
        say(f"{name} comes with gentui: nothing to fetch")
        return Exit.OK
    if (place := cls.locate()) is not None and not check(cls):
        say(f"{name} is here already")
        out(str(place))
        return Exit.OK
    incomplete = [part for part in cls.components() if part.files and (part.locate() is None or check(part))]
    if not incomplete:
        raise Failure(cls.remedy(), Exit.CANNOT)
    try:
        for part in incomplete:
            out(str(fetch(part, data_root(), _Progress())))
    except FetchError as error:
        complain(error)
        return Exit.CANNOT
    if cls.locate() is None:  # another part cannot be downloaded by gentui
        raise Failure(cls.remedy(), Exit.CANNOT)
    return Exit.OK


@data_command.command("statistics")
@click.argument("recipe", metavar="RECIPE", type=RECIPE)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, resolve_path=True))
@override_option
@click.option("--split", type=click.Choice(["train", "test"]), help="Real images (default: the recipe's).")
def data_statistics(recipe: str, file: str, overrides: tuple[str, ...], split: str | None) -> int:
    """Write the statistics of the real images that RECIPE is scored against to FILE.

    FILE.npz gets the mean and covariance of their features, as pytorch-fid and EDM write and read them, FILE.npy the
    features themselves. `gentui evaluate --statistics FILE` compares with them.
    """
    from gentui.cli.engine_process import run_module

    chosen = [f"--split={split}"] if split else []
    return run_module("statistics", recipe, file, *(f"--set={text}" for text in overrides), *chosen)


class _Progress:
    """Shows a download's progress: redrawn in place on a terminal, one line per file elsewhere."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, file: str, done: int, total: int) -> None:
        far = f"{100 * done // total:3d} %" if total else f"{done >> 20:,} MiB"
        if sys.stderr.isatty() and far != self._shown:
            click.echo(f"\r{file} {far}", err=True, nl=False)
            self._shown = far
        if done == total:
            click.echo("\r" if sys.stderr.isatty() else "", err=True, nl=False)
            say(f"{file}: {total:,} bytes")


DOCTOR_NAME = 24
"""Cells of the name of a check: lines are printed as they come, so they cannot be measured first."""


@click.command()
@json_option("each check with its remedy, and a summary")
@pass_app
def doctor_command(app: App, as_json: bool) -> int:
    """Check what gentui can do on this machine, and how to fix what it cannot."""
    from gentui.cli.doctor import NEEDED, examine, is_optional, summary
    from gentui.text.sanitize import clean

    checks = []
    for check in examine(app.home):
        checks.append(check)
        if not as_json:
            sign = "ok" if check.ok else "  " if is_optional(check) else "--"
            out(f"{sign}  {clean(check.name):<{DOCTOR_NAME}} {clean(check.detail)}".rstrip())
            sys.stdout.flush()
    code = Exit.CANNOT if any(check.name in NEEDED and not check.ok for check in checks) else Exit.OK
    if as_json:
        out_json({"checks": [vars(check) for check in checks], "summary": summary(checks)})
        return code
    for check in checks:
        if check.fix and not check.ok and not is_optional(check):
            say(check.fix if check.fix.startswith(check.name) else f"{check.name}: {check.fix}")
    for line in summary(checks):
        out(clean(line))
    return code


@click.group()
def index_command() -> None:
    """The index of runs, which can always be rebuilt from their files."""


@index_command.command("rebuild")
@pass_app
def index_rebuild(app: App) -> None:
    """Rebuild the index from the runs' directories."""
    from gentui.index import Index

    index = Index(app.home)
    index.rebuild()
    say(f"{len(index.runs())} runs in the index")
