"""A grid of pictures of one or several runs, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.containers import Grid

from gentui.text.paths import resolve_inside
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.viewer import Viewer

MIN_WIDTH, MIN_HEIGHT = 22, 9
"""Smallest size of a picture, in cells."""


def at_step(samples: Sequence[Any], step: int | None) -> Any | None:
    """Return a run's newest sample grid up to a step (None: the newest of all); None if there is none."""
    of = [sample for sample in samples if step is None or sample.step <= step]
    return of[-1] if of else None


class PictureGrid(Grid):
    """A grid of pictures in half-blocks, even where the terminal could draw a single one in pixels."""

    DEFAULT_CSS = "PictureGrid { height: 1fr; width: 1fr; grid-gutter: 0 1; }"

    def __init__(self, images: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = "none" if images == "none" else "half"
        self._count = 0

    def show(self, pictures: Sequence[tuple[Sheet | None, str]]) -> int:
        """Show pictures with their captions. Return how many do not fit."""
        self._count = len(pictures)
        viewers = list(self.query(Viewer))
        new = [Viewer(self._images) for _ in range(len(pictures) - len(viewers))]
        self.mount_all(new)
        for viewer, (sheet, caption) in zip([*viewers, *new], pictures, strict=False):
            viewer.show(sheet, caption)
        return max(0, len(pictures) - self._lay_out())

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> int:
        """Lay out the grid. Return how many pictures fit."""
        width, height = self.size if self.size.width else self.screen.size
        most = max(1, width // MIN_WIDTH)
        down = max(1, min(height // MIN_HEIGHT, -(-self._count // most)))
        across = max(1, min(most, -(-self._count // down)))  # rows of about equal length
        self.styles.grid_size_columns = across
        capacity = across * down
        for place, viewer in enumerate(self.query(Viewer)):
            viewer.display = place < min(self._count, capacity)
        return capacity


def picture_path(folder: Path, path: str) -> Path:
    """Return the path of a picture named by an event of the run in ``folder``; a missing file if it lies outside."""
    return resolve_inside(folder, str(path)) or folder / "outside"


def sheet_of(folder: Path, sample: Any) -> Sheet:
    """Return the sheet of a sample grid (a SampleRow) of the run in ``folder``."""
    return Sheet(picture_path(folder, sample.path), sample.rows or 0, sample.columns or 0, stamp=sample.t)
