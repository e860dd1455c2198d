"""What was drawn in the playground, so that it can be brought back or shown beside what was drawn after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gentui.text.sanitize import clean
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.tiles import ALONE, Grid

KEPT = 8
"""Pictures that are kept; the sampler's process keeps as many files."""


@dataclass(frozen=True)
class Drawn:
    """One picture. ``arguments`` draw it again, ``texts`` are those of the form's fields, by key. ``sheet`` is None
    once its file is gone."""

    arguments: tuple[str, ...]
    texts: Mapping[str, str]
    name: str
    caption: str
    detail: str = ""
    sheet: Sheet | None = None


class History:
    """The pictures that were drawn, oldest first, one of which is shown."""

    def __init__(self) -> None:
        self.drawn: list[Drawn] = []
        self._at = 0

    def add(self, drawn: Drawn) -> None:
        """Add a picture, which is shown from now on. One with the same arguments gives way to it."""
        before = [each for each in self.drawn if each.arguments != drawn.arguments]
        self.drawn = [*before, drawn][-KEPT:]
        self._at = len(self.drawn) - 1

    def forget_files(self) -> None:
        """The files of all pictures are gone."""
        self.drawn = [replace(each, sheet=None) for each in self.drawn]

    @property
    def shown(self) -> Drawn | None:
        return self.drawn[self._at] if self.drawn else None

    @property
    def before(self) -> Drawn | None:
        """The picture drawn before the one that is shown; before the oldest, the one after it."""
        at = self._at - 1 if self._at else 1
        return self.drawn[at] if at < len(self.drawn) else None

    @property
    def place(self) -> str:
        """``2 of 5 drawn``; "" of a single one."""
        return f"{self._at + 1} of {len(self.drawn)} drawn" if len(self.drawn) > 1 else ""

    def scrub(self, by: int) -> bool:
        """Go to another picture. Return whether there is one."""
        at = self._at + by
        if not 0 <= at < len(self.drawn):
            return False
        self._at = at
        return True

    def newest(self, count: int) -> Sequence[tuple[bool, Drawn]]:
        """The last ``count`` pictures, the newest first, and whether each is the one that is shown."""
        shown = self.shown
        return [(each is shown, each) for each in reversed(self.drawn[-count:])]


def name_of(texts: Mapping[str, str], label: str) -> str:
    """What a picture is called: ``label 3 · seed 0 · heun 18``."""
    sampler = " ".join(filter(None, (texts.get("sample.sampler"), texts.get("sample.steps"))))
    to = f" → {texts['to-seed']}" if texts.get("to-seed") else ""
    return clean(" · ".join(filter(None, [label or "any", f"seed {texts.get('seed', '')}{to}", sampler])), 80)


def grid_of(answer: Mapping[str, Any]) -> Grid:
    """How the tiles of a sampler's picture are laid out: each for itself, or in rows with what is beside it."""
    names, columns = (
        tuple(clean(name, 60) for name in answer.get(key, ())) for key in ("names", "column_names")
    )
    rows, count = answer["rows"], answer.get("count", 0)
    if columns:
        return Grid(rows, answer["columns"], row_names=names, column_names=columns)
    return Grid(rows, answer["columns"], order=ALONE, count=count, names=names)


def sheet_of(answer: Mapping[str, Any], number: int) -> Sheet:
    """The sheet of a sampler's picture, the ``number``-th."""
    return Sheet(Path(answer["path"]), grid_of(answer), stamp=number)
