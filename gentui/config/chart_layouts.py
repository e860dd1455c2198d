"""How the user left the charts of each recipe family, kept in ``charts.json`` of the config directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gentui.config.schema import ConfigFile, parse, setting

MARKS = ("braille", "block", "ascii")
SMOOTHING = (0.0, 0.6, 0.9, 0.97, 0.99, 0.999)
KINDS = ("ema", "window")
AXES = ("step", "epoch", "time", "images")
GUIDES = ("none", "lines", "dots")
"""Guide lines from the ticks of the y axis across the chart."""
MOST_COLUMNS = 9
PICTURE = (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
NEAR_PICTURE = 40
"""Possible widths of the sample picture beside the charts, in percent of the screen; and the usual one."""
_COUNTS = tuple(range(MOST_COLUMNS + 1))
_file = ConfigFile("charts.json")


@dataclass(frozen=True)
class Layout:
    """Layout and style of the charts.

    ``columns`` and ``rows`` of charts (0: as many as fit). ``hidden``: hidden charts, each by its first metric.
    ``filter``: words that select the charts shown. ``outliers``: the y axis holds these as well. ``others``: charts,
    by first metric, whose y axis is logarithmic when ``log_y`` is off and linear when it is on. ``picture``: width of
    the sample picture in percent (0: auto).
    """

    columns: int = setting(0, choices=_COUNTS)
    smoothing: float = setting(0.6, choices=SMOOTHING)
    kind: str = setting("ema", choices=KINDS)
    log_y: bool = setting(False)
    outliers: bool = setting(False)
    axis: str = setting("step", choices=AXES)
    marks: str = setting("braille", choices=MARKS)
    hidden: tuple[str, ...] = setting(())
    filter: str = setting("")
    rows: int = setting(0, choices=_COUNTS)
    guides: str = setting("none", choices=GUIDES)
    others: tuple[str, ...] = setting(())
    picture: int = setting(0, choices=(0, *PICTURE))


def path() -> Path:
    return _file.path


def load(family: str) -> tuple[Layout, str]:
    """The saved layout of a family, and a sentence if it, or the whole file, had to be ignored."""
    content, trouble = _file.read()
    if trouble:
        trouble = f"Saved layouts are ignored: {trouble}"
    layout, problems = parse(Layout, content.get(family, {}))
    if problems:
        layout, trouble = Layout(), f"The saved layout of {family} is ignored: {path()}: {problems[0]}."
    return replace(layout, marks=_terminal_marks() or layout.marks), trouble


def save(family: str, layout: Callable[[], Layout]) -> None:
    """Save what ``layout`` returns when it is this call's turn. Raises OSError if the file cannot be written."""

    def change(content: dict[str, Any]) -> dict[str, Any]:
        current = layout()
        if current.marks == _terminal_marks():  # dictated by the terminal, not chosen by the user
            current = replace(current, marks=_saved_marks(content.get(family)))
        return content | {family: asdict(current)}

    _file.update(change)


def _terminal_marks() -> str | None:
    """The marks that ``GENTUI_PLOT`` says this terminal can draw."""
    marks = os.environ.get("GENTUI_PLOT", "")
    return marks if marks in MARKS else None


def _saved_marks(saved: Any) -> str:
    layout, problems = parse(Layout, saved)
    return Layout.marks if problems else layout.marks
