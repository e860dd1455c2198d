"""Pictures of several runs side by side, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.containers import Grid

from gentui.text.paths import resolve_inside
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.viewer import Viewer

LEAST = 22, 9
"""Columns and lines of cells that a picture has at least."""


def at_step(samples: Sequence[Any], step: int | None) -> Any | None:
    """The newest of a run's grids that is not of a later step (None: the newest of all); None where there is none."""
    of = [sample for sample in samples if step is None or sample.step <= step]
    return of[-1] if of else None


class Pictures(Grid):
    """Drawn in half-blocks, however well the terminal could draw one alone."""

    DEFAULT_CSS = "Pictures { height: 1fr; width: 1fr; grid-gutter: 0 1; }"

    def __init__(self, images: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = "none" if images == "none" else "half"
        self._count = 0

    def show(self, pictures: Sequence[tuple[Sheet | None, str]]) -> int:
        """Each with its caption; how many of them have no room."""
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
        """For how many there is room."""
        width, height = self.size if self.size.width else self.screen.size
        most = max(1, width // LEAST[0])
        down = max(1, min(height // LEAST[1], -(-self._count // most)))
        across = max(1, min(most, -(-self._count // down)))  # the rows are about as full as one another
        self.styles.grid_size_columns = across
        room = across * down
        for place, viewer in enumerate(self.query(Viewer)):
            viewer.display = place < min(self._count, room)
        return room


def inside(folder: Path, path: str) -> Path:
    """The path of a picture named by an event; a missing file if it would lead out of the run's directory."""
    return resolve_inside(folder, str(path)) or folder / "outside"


def sheet_of(folder: Path, sample: Any) -> Sheet:
    """A grid of the run in this folder."""
    return Sheet(inside(folder, sample.path), sample.rows or 0, sample.columns or 0, stamp=sample.t)
