"""Find the logs at a path, by file names alone: nothing is opened.

Links are followed, as TensorBoard does; each directory is found once, by whichever path, and one that a link leads back
to is not entered again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gentui.imports.csv_table import CsvTable
from gentui.imports.json_lines import JsonLinesFile, StandardInput
from gentui.imports.log_entries import NoSuchPath, Skipped, Skips, Unusable
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


LEADS_NOWHERE, LEADS_UP = "links to nothing", "links to a folder that contains them"
UNREADABLE = "folders that cannot be read"
BEYOND = f"links to folders beyond the first {_MOST_FOLDERS:,}"
Skip = Callable[[Skipped], None]


def find(path: str, skip: Skip = lambda skipped: None) -> list[Opener]:
    """Openers of the logs at a path, one per run, in the order of their names; ``skip`` gets what was left out.

    Raises Unusable or NoSuchPath.
    """
    if path == STANDARD_INPUT:
        return [partial(StandardInput, "standard input")]
    try:
        place = Path(path).expanduser().resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchPath(f"there is nothing at {path}") from None
    except (RuntimeError, ValueError):  # links in a circle, or an invalid path
        raise Unusable(f"{path} is not a valid path") from None
    skipped: list[Skipped] = []
    openers = list(_in_folder(place, skipped.append) if place.is_dir() else _of_file(place))
    if not openers:
        left_out = f" ({Skips.of(skipped)})" if skipped else ""
        raise Unusable(f"nothing at {path} can be imported{left_out}: it should be {READABLE}")
    for one in skipped:
        skip(one)
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


def _in_folder(folder: Path, skip: Skip) -> Iterator[Opener]:
    lost: list[Skipped] = []
    runs = _wandb_runs(folder, lost.append)
    for place in (folder, folder / "wandb"):
        runs = runs or [
            run for inner in _folders(place, lost.append) for run in _wandb_runs(inner, lost.append)
        ]
    if runs:
        for one in {one.example: one for one in lost}.values():  # some were met twice
            skip(one)
        yield from (partial(WandbLog, run) for run in dict.fromkeys(runs))
        return
    found = [(name, place) for name, place in _tree(folder, skip) if event_files(place)]
    for name, place in sorted(found):
        yield partial(TensorBoardLog, place, f"{folder.name}/{name}" if name else folder.name)


def _tree(folder: Path, skip: Skip) -> Iterator[tuple[str, Path]]:
    """(path below ``folder``, real directory) of every directory at or below it: first those inside, then by links."""
    seen: set[Path] = set()
    starts = [("", folder)]
    for start, place in starts:  # grows by the links
        for at, folders, files in os.walk(place, onerror=partial(_unreadable, skip)):
            if len(seen) >= _MOST_FOLDERS and start:
                skip(Skipped(BEYOND, example=at))
                return
            if len(seen) >= _MOST_FOLDERS:
                raise Unusable(
                    f"{folder} holds more than {_MOST_FOLDERS:,} folders: name the one with the event files"
                )
            here = Path(at)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            name = "/".join(filter(None, (start, *here.relative_to(place).parts)))
            yield name, here
            folders.sort()
            for link in sorted(one for one in (*folders, *files) if (here / one).is_symlink()):
                target = _target(here / link, skip)
                if target is None or target in seen or not target.is_dir():
                    continue
                if target in here.parents or target in folder.parents:
                    skip(Skipped(LEADS_UP, example=str(here / link)))
                else:
                    starts.append(("/".join(filter(None, (name, link))), target))


def _target(link: Path, skip: Skip) -> Path | None:
    """Where a link leads; None if that is nowhere."""
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: in a circle
        skip(Skipped(LEADS_NOWHERE, example=str(link)))
        return None


def _unreadable(skip: Skip, error: OSError) -> None:
    skip(Skipped(UNREADABLE, example=f"{error.filename}: {error.strerror}"))


def _wandb_runs(folder: Path, skip: Skip) -> list[Path]:
    return sorted(file for file in _inside(folder, skip) if file.suffix == _WANDB and file.is_file())


def _folders(folder: Path, skip: Skip) -> list[Path]:
    return sorted(inner for inner in _inside(folder, skip) if inner.is_dir())


def _inside(folder: Path, skip: Skip) -> list[Path]:
    """What is in a folder, each once; links, such as wandb's ``latest-run``, by where they lead."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    real = [_target(one, skip) if one.is_symlink() else one for one in entries]
    return list(dict.fromkeys(filter(None, real)))
