"""Pictures in half-blocks: two pixels per cell, whole tiles, whole factors, with the names of rows and columns.

A grid is cut into its tiles, which are laid out for the space there is (``tiles``). Decoding and layout are pure
functions that run in a thread; the widget only shows finished strips.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from gentui.text.sanitize import fit, shorten
from gentui.tui.widgets.tiles import GAP, Grid, Layout, lay_out, scaled, tiles_of, words_of

MAX_PIXELS = 64 << 20  # larger files are refused before they are decoded
MAX_FRAMES, MAX_ANIMATION_PIXELS = 96, 32 << 20  # further frames of an animation are left out
MIN_FRAME_SECONDS = 0.1
GAP_GREY = 72
SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class Sheet:
    """A picture to show, the grid of its tiles, and what they are called together.

    ``stamp`` changes when the file is replaced by another of the same name.
    """

    path: Path
    grid: Grid = field(default_factory=Grid)
    noun: str = "images"
    stamp: float = 0.0


@dataclass(frozen=True)
class RenderedPicture:
    """Strips ready to draw. ``remark``: what the rows or columns are, or why the picture cannot be read.

    Tiles ``first`` to ``last`` of ``total`` are seen, from row ``at`` of tiles on; it can be at most ``at_most``, and
    ``page`` rows fit.
    """

    strips: tuple[Strip, ...]
    width: int
    remark: str = ""
    first: int = 0
    last: int = 0
    total: int = 0
    at: int = 0
    at_most: int = 0
    page: int = 0


def decode(path: Path) -> np.ndarray:
    """Return the pixels of an image file, or of an animation's first frame: uint8 H,W,3. Raises as ``read_frames``."""
    return next(read_frames(path))[0]


def read_frames(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the frames of an image file, each uint8 H,W,3, and the seconds it is shown. A still image has one frame.

    Raises OSError or ValueError, or whatever Pillow raises for a broken file.
    """
    from PIL import Image

    from engine.runs.files import open_plain_file

    with os.fdopen(open_plain_file(path), "rb") as file, Image.open(file) as image:
        size = image.width * image.height
        if size > MAX_PIXELS:
            raise ValueError("the picture is too large to show")
        for number in range(max(1, min(MAX_FRAMES, MAX_ANIMATION_PIXELS // max(1, size)))):
            try:
                image.seek(number)
            except EOFError:
                return
            milliseconds = image.info.get("duration", 0)
            yield np.asarray(image.convert("RGB")), max(MIN_FRAME_SECONDS, milliseconds / 1000)


_styles: dict[bytes, Style] = {}


def _style(pair: bytes) -> Style:
    style = _styles.get(pair)
    if style is None:
        if len(_styles) > 20_000:
            _styles.clear()
        style = _styles[pair] = Style(
            color=Color.from_rgb(*pair[:3]), bgcolor=Color.from_rgb(*pair[3:])  # type: ignore[arg-type]
        )  # fmt: skip
    return style


def half_blocks(canvas: np.ndarray) -> list[Strip]:
    """Draw pixels (uint8 H,W,3) as half-blocks: one strip for every two rows."""
    if len(canvas) % 2:
        canvas = np.concatenate([canvas, np.zeros_like(canvas[:1])])
    pairs = np.concatenate([canvas[0::2], canvas[1::2]], axis=2)  # H/2, W, 6
    strips = []
    for line in pairs:
        changes = np.flatnonzero((line[1:] != line[:-1]).any(axis=1)) + 1
        starts = [0, *changes.tolist()]
        ends = [*starts[1:], len(line)]
        segments = []
        for start, end in zip(starts, ends, strict=True):
            pair = line[start].tobytes()
            segments.append(Segment((" " if pair[:3] == pair[3:] else "▀") * (end - start), _style(pair)))
        strips.append(Strip(segments, len(line)))
    return strips


def shades(canvas: np.ndarray) -> list[Strip]:
    """Draw pixels (uint8 H,W,3) as ASCII characters of different density: one strip for every two rows."""
    if len(canvas) % 2:
        canvas = np.concatenate([canvas, np.zeros_like(canvas[:1])])
    grey = canvas.astype(np.float32).mean(axis=2)
    level = ((grey[0::2] + grey[1::2]) / 2 / 256 * len(SHADES)).astype(int)
    return [Strip([Segment("".join(SHADES[v] for v in line))], len(line)) for line in level]


def prepare(sheet: Sheet, width: int, height: int, colour: bool = True, at: int = 0) -> RenderedPicture:
    """Read a picture (of an animation, the first frame) and lay it out for ``width`` × ``height`` cells."""
    return next(render_frames(sheet, width, height, colour, at))[0]


def render_frames(
    sheet: Sheet, width: int, height: int, colour: bool = True, at: int = 0
) -> Iterator[tuple[RenderedPicture, float]]:
    """Yield every frame of a picture, laid out from its row ``at`` of tiles on, and the seconds it is shown; only a
    remark if it cannot be read."""
    if width < 2 or height < 1:
        yield RenderedPicture((), 0, ""), 0.0
        return
    is_shown = False
    try:
        for pixels, seconds in read_frames(sheet.path):
            tiles, grid = tiles_of(pixels, sheet.grid)
            yield (
                draw(tiles, grid, lay_out(grid, tiles.shape[1], tiles.shape[2], height, width), colour, at),
                seconds,
            )
            is_shown = True
    except FileNotFoundError:
        yield RenderedPicture((), 0, "the picture is not there"), 0.0
    except Exception as error:  # Pillow may raise anything for a broken file
        if not is_shown:  # of an animation that breaks off, the frames before are shown
            yield RenderedPicture((), 0, f"the picture cannot be read ({type(error).__name__})"), 0.0


def draw(tiles: np.ndarray, grid: Grid, layout: Layout, colour: bool = True, at: int = 0) -> RenderedPicture:
    """Draw the tiles, uint8 N,h,w,3, that are seen from row ``at`` of the screen's tiles on."""
    at_most = max(0, len(layout.lines) - layout.fit)
    at = max(0, min(at, at_most))
    lines = layout.lines[at : at + layout.fit]
    tiles_shown = [scaled(tiles[list(line)], layout) for line in lines]
    height, width = tiles_shown[0].shape[1:3]
    if layout.over:
        strips = []
        for line, shown in zip(lines, tiles_shown, strict=True):
            strips += [_names([grid.name_of(tile) for tile in line], width, 0), *_pixels(shown[None], colour)]
    else:
        strips = _beside(layout.left[at:], layout.left_width, _pixels_of(tiles_shown, colour), height)
        if layout.header:
            strips.insert(0, _names(layout.header, width, layout.left_width))
    before, seen = sum(map(len, layout.lines[:at])), sum(map(len, lines))
    return RenderedPicture(
        tuple(strips), max(strip.cell_length for strip in strips), words_of(grid, layout),
        before + 1, before + seen, len(tiles), at, at_most, layout.fit,
    )  # fmt: skip


def _pixels_of(lines: Sequence[np.ndarray], colour: bool) -> list[Strip]:
    """Rows of tiles, uint8 n,h,w,3 each, beneath one another; the last may be shorter."""
    if len(lines[-1]) == len(lines[0]):
        return _pixels(np.stack(lines), colour)
    height, width = lines[0].shape[1:3]
    last = np.full_like(lines[0], GAP_GREY)
    last[: len(lines[-1])] = lines[-1]
    strips = _pixels(np.stack([*lines[:-1], last]), colour)
    end = len(lines[-1]) * (width + GAP) - GAP
    top = -(-((len(lines) - 1) * (height + GAP) - GAP) // 2)  # no cell of the rows above
    return [*strips[:top], *(strip.crop(0, end) for strip in strips[top:])]


def _pixels(tiles: np.ndarray, colour: bool) -> list[Strip]:
    """Tiles, uint8 rows,columns,h,w,3, with lines between them."""
    r, c, h, w = tiles.shape[:4]
    canvas = np.full((r * (h + GAP) - GAP, c * (w + GAP) - GAP, 3), GAP_GREY, np.uint8)
    for i in range(r):
        for j in range(c):
            canvas[i * (h + GAP) : i * (h + GAP) + h, j * (w + GAP) : j * (w + GAP) + w] = tiles[i, j]
    return half_blocks(canvas) if colour else shades(canvas)


def _names(names: Sequence[str], width: int, left: int) -> Strip:
    """A line of names, each in the middle over a tile."""
    cells = (fit(_in_the_middle(name, width), width) for name in names)
    text = " " * left + (" " * GAP).join(cells)
    return Strip([Segment(text)])


def _in_the_middle(name: str, width: int) -> str:
    name = shorten(name, width)
    return " " * ((width - cell_len(name)) // 2) + name


def _beside(names: Sequence[str], width: int, strips: list[Strip], height: int) -> list[Strip]:
    """Strips with the name of each row of tiles on their left, at the middle of the row."""
    if not width:
        return strips
    at = {(row * (height + GAP) + height // 2) // 2: name for row, name in enumerate(names)}
    return [Strip([Segment(fit(at.get(y, ""), width - 1) + " "), *strip]) for y, strip in enumerate(strips)]


class Picture(Widget):
    """Shows finished strips, centred."""

    DEFAULT_CSS = "Picture { background: $background; color: $text-muted; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = RenderedPicture((), 0)

    def show(self, shown: RenderedPicture) -> None:
        """Show these strips. If they have the size of those shown, only the lines that differ are drawn."""
        before, self._shown = self._shown, shown
        if (len(shown.strips), shown.width) != (len(before.strips), before.width) or not shown.strips:
            if shown != before:
                self.refresh()
            return
        top = self._top
        changed = [top + y for y, (a, b) in enumerate(zip(before.strips, shown.strips, strict=True)) if a != b]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    @property
    def _top(self) -> int:
        return max(0, (self.size.height - len(self._shown.strips)) // 2)

    @property
    def strips(self) -> Sequence[Strip]:
        return self._shown.strips

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        strips = self._shown.strips
        if not strips:
            text = self._shown.remark if y == self.size.height // 2 else ""
            return Strip([Segment(text.center(width)[:width], base)], width)
        top = self._top
        if not 0 <= y - top < len(strips):
            return Strip.blank(width, base)
        left = max(0, (width - self._shown.width) // 2)
        strip = Strip([Segment(" " * left, base), *strips[y - top].apply_style(base)])
        return strip.adjust_cell_length(width, base)
