"""A grid of pictures of one or several runs, as many as fit."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual import containers, events

from gentui.index.rows import Tiles
from gentui.text.paths import resolve_inside
from gentui.text.sanitize import clean
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.tiles import ALONE, EXAMPLES, TABLE, Grid
from gentui.tui.widgets.viewer import Viewer, rows_of

EXAMPLES_ARE = ("noises", "images")
"""What columns are where the tiles of a row are examples of the same."""
MOST_NAMES = 64
_LAYOUT = re.compile(r"(, |^)one (row|column) for each [^,:]+(: )?")
MIN_WIDTH, MIN_HEIGHT = 22, 9
"""Smallest size of a picture, in cells."""


def at_step(samples: Sequence[Any], step: int | None) -> Any | None:
    """Return a run's newest sample grid up to a step (None: the newest of all); None if there is none."""
    of = [sample for sample in samples if step is None or sample.step <= step]
    return of[-1] if of else None


class PictureGrid(containers.Grid):
    """A grid of pictures in half-blocks, even where the terminal could draw a single one in pixels. Their tiles scroll
    together."""

    DEFAULT_CSS = "PictureGrid { height: 1fr; width: 1fr; grid-gutter: 0 1; }"

    def __init__(self, images: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._images = "none" if images == "none" else "half"
        self._count = 0
        self.can_focus = True

    def show(self, pictures: Sequence[tuple[Sheet | None, str]]) -> int:
        """Show pictures with their captions. Return how many do not fit."""
        self._count = len(pictures)
        viewers = list(self.query(Viewer))
        new = [Viewer(self._images, more="↓") for _ in range(len(pictures) - len(viewers))]
        self.mount_all(new)
        for viewer, (sheet, caption) in zip([*viewers, *new], pictures, strict=False):
            viewer.show(sheet, caption)
        return max(0, len(pictures) - self._lay_out())

    def on_resize(self) -> None:
        self._lay_out()

    def on_key(self, event: events.Key) -> None:
        if rows := rows_of(event.key, 1):
            event.stop()
            event.prevent_default()
            for viewer in self.query(Viewer):
                viewer.scroll_tiles(rows)

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


def sheet_of(folder: Path, picture: Any, like: Any | None = None) -> Sheet:
    """Return the sheet of a picture (a SampleRow or FigureRow) of the run in ``folder``.

    ``like``: a grid of samples, as which it is laid out if its own record does not say and there are lines between its
    tiles.
    """
    is_sample = not hasattr(picture, "name")
    tiles, caption, is_guess = picture.tiles, picture.caption, False
    if not tiles.rows and like is not None:
        tiles, caption, is_guess, is_sample = like.tiles, like.caption, True, True
    tiles = named_tiles(tiles, caption)
    order = TABLE
    if is_sample or tiles.columns_are in EXAMPLES_ARE:
        order = EXAMPLES if tiles.row_names else ALONE
    fields = {field.name: getattr(tiles, field.name) for field in dataclasses.fields(Tiles)}
    return Sheet(
        picture_path(folder, picture.path), Grid(**fields, order=order, certain=not is_guess),
        "samples" if is_sample else "images", picture.t,
    )  # fmt: skip


def detail_of(picture: Any) -> str:
    """Return what the trainer says of a picture, without how its file is laid out: the screen may do otherwise."""
    return clean(_LAYOUT.sub("", picture.caption or ""), 200)


def named_tiles(tiles: Tiles, caption: str) -> Tiles:
    """The tiles with the numbers of classes as names, where an old record says only in its caption that rows are
    classes."""
    if tiles.row_names or not tiles.rows or "row for each class" not in caption:
        return tiles
    names = tuple(map(str, range(min(tiles.rows, MOST_NAMES))))
    return dataclasses.replace(tiles, rows_are="classes", columns_are="noises", row_names=names)
