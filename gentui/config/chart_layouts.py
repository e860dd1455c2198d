"""How a person likes the charts of each recipe family, kept in ``charts.json`` of the config directory."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from engine.runs.directory import DIR_MODE, write_atomically
from engine.runs.paths import config_dir

MARKS = ("braille", "block", "ascii")
SMOOTHING = (0.0, 0.6, 0.9, 0.97)
KINDS = ("ema", "window")
AXES = ("step", "epoch", "time", "images")
GUIDES = ("none", "lines", "dots")
"""What leads the eye from the ticks of the y axis across the chart."""
MOST_COLUMNS = 9
PICTURE = (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
NEAR_PICTURE = 40
"""Widths of the newest picture beside the charts, in percent; and about the one that suits."""
_saving = threading.Lock()


@dataclass(frozen=True)
class Layout:
    """``columns`` and ``rows`` of charts, 0 for as many as suit the screen; ``hidden``: the first metric of each
    hidden chart; ``filter``: the words that the others are chosen by; ``others``: the first metric of each chart whose
    y axis is logarithmic where the others are linear, or linear where they are not; ``picture``: how much of the
    width the newest picture has, in percent, 0 for as much as suits."""

    columns: int = 0
    smoothing: float = 0.6
    kind: str = "ema"
    log_y: bool = False
    clip: bool = False
    axis: str = "step"
    marks: str = "braille"
    hidden: tuple[str, ...] = ()
    filter: str = ""
    rows: int = 0
    guides: str = "none"
    others: tuple[str, ...] = ()
    picture: int = 0


def path() -> Path:
    return config_dir() / "charts.json"


def load(family: str) -> tuple[Layout, str]:
    """The layout of a family, and one sentence where the file had to be ignored."""
    found, trouble = _read()
    try:
        layout = _checked(found.get(family, {}))
    except (TypeError, ValueError) as error:
        layout, trouble = Layout(), f"The saved layout of {family} in {path()} is ignored: {error}."
    return replace(layout, marks=_of_terminal() or layout.marks), trouble


def save(family: str, layout: Callable[[], Layout]) -> None:
    """Keep what ``layout`` returns once it is this call's turn. A file that cannot be read is begun anew."""
    with _saving:
        found, _ = _read()
        now = layout()
        if now.marks == _of_terminal():  # what this terminal can draw is no choice to be kept
            now = replace(now, marks=_marks_of(found.get(family)))
        found[family] = asdict(now)
        path().parent.mkdir(mode=DIR_MODE, parents=True, exist_ok=True)
        write_atomically(path(), json.dumps(found, indent=1).encode())


def _read() -> tuple[dict[str, Any], str]:
    try:
        found = json.loads(path().read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it is no table of families")
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"Saved layouts are ignored, for {path()} cannot be read: {error}."
    return found, ""


def _checked(saved: Any) -> Layout:
    if not isinstance(saved, dict):
        raise ValueError("it is no table")
    known = {field.name for field in fields(Layout)}
    layout = Layout(**{name: value for name, value in saved.items() if name in known})
    choices = {"kind": KINDS, "axis": AXES, "marks": MARKS, "smoothing": SMOOTHING}
    choices |= {"log_y": (True, False), "clip": (True, False), "columns": tuple(range(MOST_COLUMNS + 1))}
    choices |= {"rows": tuple(range(MOST_COLUMNS + 1)), "guides": GUIDES, "picture": (0, *PICTURE)}
    for name, allowed in choices.items():
        if getattr(layout, name) not in allowed:
            raise ValueError(f"{name} is none of {', '.join(map(str, allowed))}")
    for name in ("hidden", "others"):
        value = getattr(layout, name)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is no list of names")
    if not isinstance(layout.filter, str):
        raise ValueError("filter is no text")
    return replace(layout, hidden=tuple(layout.hidden), others=tuple(layout.others))


def _of_terminal() -> str | None:
    """What ``GENTUI_PLOT`` says that this terminal can draw."""
    wanted = os.environ.get("GENTUI_PLOT", "")
    return wanted if wanted in MARKS else None


def _marks_of(saved: Any) -> str:
    try:
        return _checked(saved).marks
    except (TypeError, ValueError):
        return Layout.marks
