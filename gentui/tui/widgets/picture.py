"""Sample grids in half-blocks: two pixels per cell, whole tiles, integer scaling factors.

A grid is cut into its tiles, which are laid out for the space there is: fewer tiles at a readable size are better
than all of them unreadable. Decoding and layout are pure functions that run in a thread; the widget only shows
finished strips.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

MIN_TILE = 14  # pixels a side; smaller tiles are not reduced
MAX_PIXELS = 64 << 20  # larger files are refused before they are decoded
MAX_FRAMES, MAX_ANIMATION_PIXELS = 96, 32 << 20  # further frames of an animation are left out
MIN_FRAME_SECONDS = 0.1
GAP, GAP_GREY = 1, 72  # a line between tiles, which keeps digits that fill their tiles apart
SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class Sheet:
    """A picture to show: ``rows`` × ``columns`` tiles, or a single tile if they are 0.

    If not ``certain`` of them, the picture is cut only where lines separate its tiles. ``stamp`` changes when the
    file is replaced by another of the same name.
    """

    path: Path
    rows: int = 0
    columns: int = 0
    certain: bool = True
    stamp: float = 0.0


@dataclass(frozen=True)
class RenderedPicture:
    """Strips ready to draw, and a remark if not everything fits or the picture cannot be read."""

    strips: tuple[Strip, ...]
    width: int
    remark: str = ""


@dataclass(frozen=True)
class Layout:
    """Which tiles are shown at which size: ``rows`` × ``columns`` of them, enlarged ``up`` times or reduced
    ``down`` times.

    ``gap`` is in pixels; ``transposed`` swaps rows and columns.
    """

    up: int
    down: int
    rows: int
    columns: int
    gap: int
    transposed: bool


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


def tiles_of(pixels: np.ndarray, rows: int, columns: int, certain: bool = True) -> np.ndarray:
    """Cut a grid into its tiles: uint8 rows,columns,h,w,3, without the gaps and not enlarged."""
    height, width = pixels.shape[:2]
    if rows > 0 and columns > 0:
        for gap in (2, 1, 0) if certain else (2, 1):
            if (height - gap) % rows or (width - gap) % columns:
                continue
            pitch_y, pitch_x = (height - gap) // rows, (width - gap) // columns
            if min(pitch_y, pitch_x) <= gap or not _are_gaps(pixels, pitch_y, pitch_x, gap):
                continue
            inner = pixels[gap:, gap:] if gap else pixels
            cut = inner.reshape(rows, pitch_y, columns, pitch_x, 3).swapaxes(1, 2)
            return _native(cut[:, :, : pitch_y - gap, : pitch_x - gap])
    return _native(pixels[None, None])


def _are_gaps(pixels: np.ndarray, pitch_y: int, pitch_x: int, gap: int) -> bool:
    if not gap:
        return True
    colour = pixels[0, 0]
    lines = [pixels[i::pitch_y] for i in range(gap)] + [pixels[:, i::pitch_x] for i in range(gap)]
    return all((line == colour).all() for line in lines)


def _native(tiles: np.ndarray) -> np.ndarray:
    """Undo an enlargement by an integer factor."""
    height, width = tiles.shape[2:4]
    for factor in range(min(16, height // 4, width // 4), 1, -1):
        if height % factor or width % factor:
            continue
        small = tiles[:, :, ::factor, ::factor]
        if np.array_equal(small.repeat(factor, axis=2).repeat(factor, axis=3), tiles):
            return small
    return tiles


def lay_out(rows: int, columns: int, height: int, width: int, max_height: int, max_width: int) -> Layout:
    """Return how to show ``rows`` × ``columns`` tiles of ``height`` × ``width`` pixels in the space given in pixels."""
    best: tuple[tuple[float, ...], Layout] | None = None
    floor = max(1, min(height, width) // MIN_TILE)
    scales = [(up, 1) for up in range(12, 1, -1)] + [(1, down) for down in range(1, floor + 1)]
    for transposed in (False, True):
        r, c = (columns, rows) if transposed else (rows, columns)
        for up, down in scales:
            h, w = max(1, height * up // down), max(1, width * up // down)
            visible_r = min(r, (max_height + GAP) // (h + GAP))
            visible_c = min(c, (max_width + GAP) // (w + GAP))
            is_whole = visible_r == r and visible_c == c
            visible = visible_r * visible_c
            rank = (is_whole, up / down if is_whole else visible, not transposed, up / down)
            if visible and (best is None or rank > best[0]):
                best = rank, Layout(up, down, visible_r, visible_c, GAP, transposed)
    if best is not None:
        return best[1]
    down = max(2, -(-height // max(1, max_height)), -(-width // max(1, max_width)))
    return Layout(1, down, 1, 1, 0, False)


def arrange(
    tiles: np.ndarray, max_height: int, max_width: int, background: int = GAP_GREY
) -> tuple[np.ndarray, Layout]:
    """Return the tiles that fit on one canvas, uint8 H,W,3, and their layout."""
    rows, columns, height, width = tiles.shape[:4]
    layout = lay_out(rows, columns, height, width, max_height, max_width)
    if layout.transposed:
        tiles = tiles.swapaxes(0, 1)
    tiles = tiles[: layout.rows, : layout.columns]
    if layout.up > 1:
        tiles = tiles.repeat(layout.up, axis=2).repeat(layout.up, axis=3)
    elif layout.down > 1:
        d = layout.down
        h, w = max(1, height // d), max(1, width // d)
        tiles = tiles[:, :, : h * d, : w * d]
        if min(tiles.shape[2:4]) >= d:
            tiles = tiles.reshape(*tiles.shape[:2], h, d, w, d, 3).mean(axis=(3, 5)).astype(np.uint8)
    r, c, h, w = tiles.shape[:4]
    gap = layout.gap
    canvas = np.full((r * (h + gap) - gap, c * (w + gap) - gap, 3), background, np.uint8)
    for i in range(r):
        for j in range(c):
            canvas[i * (h + gap) : i * (h + gap) + h, j * (w + gap) : j * (w + gap) + w] = tiles[i, j]
    return canvas, layout


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


def prepare(sheet: Sheet, width: int, height: int, colour: bool = True) -> RenderedPicture:
    """Read a picture (of an animation, the first frame) and lay it out for ``width`` × ``height`` cells."""
    return next(render_frames(sheet, width, height, colour))[0]


def render_frames(
    sheet: Sheet, width: int, height: int, colour: bool = True
) -> Iterator[tuple[RenderedPicture, float]]:
    """Yield every frame of a picture, laid out, and the seconds it is shown; only a remark if it cannot be read."""
    if width < 2 or height < 1:
        yield RenderedPicture((), 0, ""), 0.0
        return
    is_shown = False
    try:
        for pixels, seconds in read_frames(sheet.path):
            tiles = tiles_of(pixels, sheet.rows, sheet.columns, sheet.certain)
            yield _laid_out(tiles, width, height, colour), seconds
            is_shown = True
    except FileNotFoundError:
        yield RenderedPicture((), 0, "the picture is not there"), 0.0
    except Exception as error:  # Pillow may raise anything for a broken file
        if not is_shown:  # of an animation that breaks off, the frames before are shown
            yield RenderedPicture((), 0, f"the picture cannot be read ({type(error).__name__})"), 0.0


def _laid_out(tiles: np.ndarray, width: int, height: int, colour: bool) -> RenderedPicture:
    canvas, layout = arrange(tiles, height * 2, width)
    strips = half_blocks(canvas) if colour else shades(canvas)
    remark = ""
    if layout.rows * layout.columns < tiles.shape[0] * tiles.shape[1]:
        remark = f"{layout.rows * layout.columns} of {tiles.shape[0] * tiles.shape[1]} tiles"
    if layout.transposed:
        remark += (", " if remark else "") + "rows shown as columns"
    return RenderedPicture(tuple(strips), canvas.shape[1], remark)


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
        return Strip([Segment(" " * left, base), *strips[y - top]]).adjust_cell_length(width, base)
