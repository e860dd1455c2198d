"""Shared by every command. Data goes to stdout, messages go to stderr."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.errors import Exit, Failure
from gentui.cli.words import SETTING

if TYPE_CHECKING:
    from engine.recipes.recipe import Data
    from gentui.index import Index, RunRow


@dataclass
class App:
    """The options of ``gentui`` itself, for its commands. ``home`` is created on first use."""

    home_option: str | None = None
    images: str = "auto"
    low_bandwidth: bool = False
    quiet: bool = False

    @property
    def home(self) -> Path:
        from gentui.config.home import resolve_home

        return resolve_home(self.home_option)

    def index(self) -> Index:
        """The index, brought up to date (waiting briefly if another process is doing so)."""
        from gentui.index import Index

        index = Index(self.home)
        index.refresh(wait=2.0)
        if index.note:
            say(index.note)
        return index

    def find_id(self, run: str) -> str:
        """The id of the run that ``find`` finds, for commands that need no index. Raises RunNotFound."""
        from gentui.index import Index

        return Index(self.home).find(run)

    def find(self, index: Index, run: str) -> RunRow:
        """The run given by an id, a unique prefix of one, a name or ``latest``. Raises RunNotFound."""
        return index.run(index.find(run))


WIDE, HIDDEN = "gentui.wide", "gentui.hidden"
LEAST_COLUMN = 12
"""Cells to which a column of texts is narrowed at most."""


def find_dataset(name: str) -> type[Data]:
    """The data set called so. Raises Failure."""
    from engine.recipes.recipe import datasets, did_you_mean

    registered = datasets()
    if name not in registered:
        hint = did_you_mean(name, registered) or f"known: {', '.join(registered)}"
        raise Failure(f"no data set called {name!r}; {hint}", Exit.NOT_FOUND)
    return registered[name]


def has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def open_app(app: App, run: str = "") -> None:
    """Start the app, at its home screen or at a run."""
    if not has_terminal():
        raise click.UsageError("the app needs a terminal; `gentui --help` lists the commands that do not")
    from gentui.tui import app as tui

    tui.run(app.home, app.images, app.low_bandwidth, run)


pass_app = click.make_pass_decorator(App)


def json_option(content: str) -> Callable[[Any], Any]:
    """The option ``--json`` of a command, whose output ``content`` describes."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print JSON: {content}.")


on_option = click.option(
    "--on",
    metavar="HOST",
    help="Run elsewhere: a host of hosts.toml (Slurm, or a machine by SSH), or slurm:partition=NAME,gres=gpu:1,time=8h;"
    " local is this machine.",
)
override_option = click.option(
    "-o",
    "--set",
    "overrides",
    multiple=True,
    type=SETTING,
    metavar="KEY=VALUE",
    help="Override a setting, such as optim.lr=1e-4.",
)


filter_option = click.option(
    "--filter", "words", default="", metavar="TEXT", help="Only runs that match, as in `gentui runs --filter`."
)


def is_quiet() -> bool:
    """Whether only data and what went wrong is printed, as ``gentui --quiet`` asks."""
    context = click.get_current_context(silent=True)
    app = context.find_object(App) if context is not None else None
    return app is not None and app.quiet


def say(*lines: object) -> None:
    """Print messages to stderr, without characters that could manipulate the terminal, unless that is quiet."""
    if not is_quiet():
        complain(*lines)


def complain(*lines: object) -> None:
    """Print what went wrong to stderr, as ``say`` does, also where that is quiet."""
    from gentui.text.sanitize import clean

    for line in lines:
        click.echo(clean(line), err=True)


def out(line: str = "") -> None:
    """Print one line of data to stdout. The caller sanitises text from files."""
    click.echo(line)


def out_bytes(data: bytes) -> None:
    """Print text from a file: byte for byte to a file or a pipe, sanitised to a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    from gentui.text.sanitize import clean_lines

    text = data.decode("utf-8", "replace")
    click.echo("\n".join(clean_lines(text)), nl=not text.endswith("\n"))


def finite(value: Any) -> Any:
    """``value`` with NaN and infinities replaced by None at any depth, since JSON cannot express them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def out_json(value: Any) -> None:
    """Print one JSON document to stdout, in ASCII, so that nothing in it can manipulate the terminal."""
    click.echo(json.dumps(finite(value), indent=2, default=str, allow_nan=False))


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    right: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> None:
    """Print an aligned table to stdout. ``right``: columns that are right-aligned.

    On a terminal it fits the columns there are, unless ``--wide`` is given: empty columns and then those of ``drop``,
    in this order, are left out, which a message says, and texts are shortened, but neither the first column nor RUN.
    """
    from rich.cells import cell_len

    from gentui.text.sanitize import clean, fit

    cells = [[clean(value if value is not None else "", 200) for value in row] for row in rows]
    widths = [max(cell_len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    kept = [*range(len(header))]
    if sys.stdout.isatty() and not _is_wide():
        room = shutil.get_terminal_size().columns
        kept = [i for i in kept if not cells or not i or any(row[i] for row in cells)]
        fixed = {i for i in kept if not i or header[i] in (*right, "RUN")}
        gone = _fit_columns(widths, kept, fixed, [header.index(name) for name in drop if name in header], room)
        _note_hidden([header[i] for i in gone])
    for row in [list(header), *cells]:
        parts = [fit(row[i], widths[i], "right" if header[i] in right else "left") for i in kept]
        out("  ".join(parts).rstrip())


def _fit_columns(
    widths: list[int], kept: list[int], fixed: set[int], drop: Sequence[int], room: int
) -> list[int]:
    """Take columns out of ``kept``, and make others narrower, until they fit. Return those that were taken out."""
    least = lambda i: widths[i] if i in fixed else min(widths[i], LEAST_COLUMN)  # noqa: E731
    gone = []
    for index in drop:
        if sum(map(least, kept)) + 2 * (len(kept) - 1) <= room:
            break
        if index in kept:
            kept.remove(index)
            gone.append(index)
    for index in reversed(gone):  # where a wide one was taken out, a narrow one may fit
        if sum(map(least, [*kept, index])) + 2 * len(kept) <= room:
            kept.append(index)
    kept.sort()
    for _ in range(sum(widths[i] for i in kept) + 2 * (len(kept) - 1) - room):
        able = [i for i in kept if i not in fixed and widths[i] > LEAST_COLUMN]
        if able:
            widths[max(able, key=widths.__getitem__)] -= 1
    return [index for index in gone if index not in kept]


def _note_hidden(names: Sequence[str]) -> None:
    """Say once, when the command has ended, for which columns there was no room."""
    context = click.get_current_context(silent=True)
    if context is None or not names:
        return
    hidden: dict[str, None] = context.meta.setdefault(HIDDEN, {})
    if not hidden:
        context.call_on_close(lambda: say(f"no room for {', '.join(hidden)}: --wide shows all columns"))
    hidden.update(dict.fromkeys(names))


def _is_wide() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(WIDE))


def _set_wide(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[WIDE] = value


wide_option = click.option(
    "--wide",
    is_flag=True,
    expose_value=False,
    callback=_set_wide,
    help="All columns in full, also where the terminal is too narrow.",
)
