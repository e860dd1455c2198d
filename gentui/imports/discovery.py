"""Find the logs at a path, by file names alone: nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gentui.imports.csv_table import CsvTable
from gentui.imports.json_lines import JsonLinesFile, StandardInput
from gentui.imports.log_entries import NoSuchPath, Unusable
from gentui.imports.parsing import Opener
from gentui.imports.tensorboard_log import MARK, TensorBoardLog, event_files
from gentui.imports.wandb_log import WandbLog

STANDARD_INPUT = "-"
_WANDB = ".wandb"
_TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")
_MOST_FOLDERS = 100_000
READABLE = (
    "a run or folder of wandb, a .wandb file, an event file or log directory of TensorBoard,"
    " a .csv or .jsonl file, or - for standard input"
)


def find(path: str) -> list[Opener]:
    """Openers of the logs at a path, one per run, in the order of their names. Raises Unusable or NoSuchPath."""
    if path == STANDARD_INPUT:
        return [partial(StandardInput, "standard input")]
    try:
        place = Path(path).expanduser().resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchPath(f"there is nothing at {path}") from None
    except (RuntimeError, ValueError):  # links in a circle, or an invalid path
        raise Unusable(f"{path} is not a valid path") from None
    openers = list(_in_folder(place) if place.is_dir() else _of_file(place))
    if not openers:
        raise Unusable(f"nothing at {path} can be imported: it should be {READABLE}")
    return openers


def _of_file(file: Path) -> Iterator[Opener]:
    suffix = file.suffix.lower()
    if suffix == _WANDB:
        yield partial(WandbLog, file)
    elif MARK in file.name:
        yield partial(TensorBoardLog, file, file.parent.name)
    elif suffix in _TABLES:
        yield partial(CsvTable, file, file.stem)
    elif suffix in _LINES:
        yield partial(JsonLinesFile, file, file.stem)


def _in_folder(folder: Path) -> Iterator[Opener]:
    runs = _wandb_runs(folder) or [run for inner in _folders(folder) for run in _wandb_runs(inner)]
    runs = runs or [run for inner in _folders(folder / "wandb") for run in _wandb_runs(inner)]
    if runs:
        yield from (partial(WandbLog, run) for run in runs)
        return
    for count, (name, folders, _) in enumerate(os.walk(folder)):
        if count == _MOST_FOLDERS:
            raise Unusable(
                f"{folder} holds more than {_MOST_FOLDERS:,} folders: name the one with the event files"
            )
        folders.sort()
        if event_files(Path(name)):
            inner = Path(name).relative_to(folder).as_posix()
            yield partial(TensorBoardLog, Path(name), folder.name if inner == "." else f"{folder.name}/{inner}")


def _wandb_runs(folder: Path) -> list[Path]:
    return sorted(file for file in _inside(folder) if file.suffix == _WANDB and file.is_file())


def _folders(folder: Path) -> list[Path]:
    return sorted(inner for inner in _inside(folder) if inner.is_dir())


def _inside(folder: Path) -> list[Path]:
    """The entries of a folder except links, which may lead elsewhere or in a circle."""
    try:
        return [inner for inner in folder.iterdir() if not inner.is_symlink()]
    except OSError:
        return []
