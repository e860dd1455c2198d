"""Shared by every command. Data goes to stdout, messages go to stderr."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
on_option = click.option(
    "--on",
    metavar="HOST",
    help="Run elsewhere: a host of hosts.toml, or slurm:partition=NAME,gres=gpu:1,time=8h; local is this machine.",
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


def say(*lines: object) -> None:
    """Print messages to stderr, without characters that could manipulate the terminal."""
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


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print an aligned table to stdout. On a terminal the last column is shortened to fit. ``right``: right-aligned."""
    from rich.cells import cell_len

    from gentui.text.sanitize import clean, fit, shorten

    cells = [[clean(value if value is not None else "", 200) for value in row] for row in rows]
    widths = [max(cell_len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
        widths[-1] = max(8, min(widths[-1], room))
    for row in [list(header), *cells]:
        parts = [
            fit(text, width, "right" if name in right else "left")
            for text, width, name in zip(row[:-1], widths[:-1], header[:-1], strict=True)
        ]
        last = shorten(row[-1], widths[-1])
        if header[-1] in right:
            last = fit(row[-1], widths[-1], "right")
        out("  ".join([*parts, last]).rstrip())
