"""Which tiles of a picture are shown, at which size, in which order and under which names.

All of them, as large as they can be, where they fit by whole factors. Where they do not, they are not made unreadable:
rows of tiles scroll, and one of each class comes first. Everything here is a pure function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len

from gentui.index.rows import Tiles

MIN_TILE = 14  # pixels a side; smaller tiles are not reduced
GAP = 1  # pixels between tiles, which keep digits that fill their tiles apart
LONGEST_FACTOR = 12
LINES_GREY = 128  # of the lines between tiles in a trainer's picture
LEFT = 14  # cells of the name of a row, at most
FEW = 6  # tiles without classes that have to be in sight before they are reduced

TABLE, EXAMPLES, ALONE = "table", "examples", "alone"
"""What the places of tiles say: their row and column both matter; the tiles of a row are examples of the same; each
tile stands for itself."""


@dataclass(frozen=True, slots=True)
class Grid(Tiles):
    """A grid of tiles to show. 0 rows: it is found out from the lines between tiles.

    If not ``certain`` of the rows and columns, the picture is cut only where lines separate its tiles. ``count``: how
    many tiles there are, if the last row is not full. ``names``: of each tile, where it stands for itself.
    """

    order: str = TABLE
    certain: bool = True
    count: int = 0
    names: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The number of tiles."""
        return min(self.count or self.rows * self.columns, self.rows * self.columns)

    def name_of(self, tile: int) -> str:
        """The name over a tile that stands in no table; "" if it has none."""
        if self.names:
            return self.names[tile] if tile < len(self.names) else ""
        names, at = (
            (self.row_names, tile // self.columns)
            if self.order == EXAMPLES
            else (self.column_names, tile % self.columns)
        )
        return names[at] if at < len(names) else ""

    @property
    def is_named(self) -> bool:
        """Whether tiles that stand in no table have names."""
        return bool(self.names or (self.row_names if self.order == EXAMPLES else self.column_names))


@dataclass(frozen=True)
class Layout:
    """Which tiles are shown at which size: enlarged ``up`` times or reduced ``down`` times.

    ``lines``: the tiles of each row of the screen, all of them; ``fit`` of them can be seen at once. ``header`` and
    ``left``: names of the columns and of the rows of the screen; ``over``: each tile has its name over it.
    ``transposed``: the picture's rows are the screen's columns. ``is_flow``: tiles are in neither.
    """

    up: int
    down: int
    lines: tuple[tuple[int, ...], ...]
    fit: int
    header: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    over: bool = False
    transposed: bool = False
    is_flow: bool = False

    @property
    def is_whole(self) -> bool:
        return self.fit >= len(self.lines)

    @property
    def left_width(self) -> int:
        return min(LEFT, max(map(cell_len, self.left))) + 1 if any(self.left) else 0

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """The height and width at which a tile of this size is shown, in pixels."""
        return max(1, height * self.up // self.down), max(1, width * self.up // self.down)


@dataclass(frozen=True)
class _Room:
    """The room in cells, and the size of a tile in pixels: a cell is one pixel wide and two high."""

    lines: int
    width: int
    tile_height: int
    tile_width: int

    def across(self, scale: tuple[int, int], left: int = 0) -> int:
        """How many tiles fit beside one another."""
        width = max(1, self.tile_width * scale[0] // scale[1])
        return max(0, (self.width - left + GAP) // (width + GAP))

    def down(self, scale: tuple[int, int], header: bool = False, over: bool = False) -> int:
        """How many rows of tiles fit beneath one another."""
        height = max(1, self.tile_height * scale[0] // scale[1])
        if over:
            return self.lines // (1 + -(-height // 2))
        return max(0, (2 * (self.lines - header) + GAP) // (height + GAP))

    @property
    def scales(self) -> list[tuple[int, int]]:
        """How a tile may be enlarged or reduced, the largest first."""
        smallest = max(1, min(self.tile_height, self.tile_width) // MIN_TILE)
        return [(up, 1) for up in range(LONGEST_FACTOR, 1, -1)] + [(1, n) for n in range(1, smallest + 1)]


def lay_out(grid: Grid, height: int, width: int, lines: int, columns: int) -> Layout:
    """Return how to show a grid of tiles of ``height`` × ``width`` pixels in ``lines`` × ``columns`` cells."""
    room = _Room(lines, columns, height, width)
    whole = max(_wholes(grid, room), key=lambda ranked: ranked[0], default=None)
    if whole is not None:
        return whole[1]
    partial = max(_partials(grid, room), key=lambda ranked: ranked[0], default=None)
    if partial is not None:
        return partial[1]
    down = max(2, -(-height // max(1, 2 * lines)), -(-width // max(1, columns)))
    return Layout(1, down, tuple((tile,) for tile in range(grid.total)), 1, is_flow=grid.total > 1)


def _wholes(grid: Grid, room: _Room) -> Iterator[tuple[tuple[float, ...], Layout]]:
    """Layouts that show all tiles, with their rank: tables before others, then the largest."""
    if grid.order != ALONE:
        for scale in room.scales:
            for transposed in (False, True) if grid.order == EXAMPLES else (False,):
                table = _table(grid, room, scale, transposed)
                if table is not None and table.is_whole:
                    yield (1, scale[0] / scale[1], not transposed), table
    if grid.order == TABLE:
        return
    for scale in room.scales:
        most, fit = room.across(scale), room.down(scale, over=grid.is_named)
        if most * fit >= grid.total:
            across = -(-grid.total // -(-grid.total // most))  # lines of about equal length
            if not grid.is_named and most >= grid.columns and not grid.total % grid.columns:
                across = grid.columns if grid.total // grid.columns <= fit else across
            yield (0, scale[0] / scale[1], 1), _flow(grid, scale, across, fit)
            return


def _partials(grid: Grid, room: _Room) -> Iterator[tuple[tuple[float, ...], Layout]]:
    """Layouts of rows that scroll, with their rank: those that show enough at once by size, others by how much."""
    group = grid.columns if grid.order == TABLE else 2 * grid.rows if grid.order == EXAMPLES else FEW
    for scale in room.scales:
        if scale[0] > 1:
            continue
        if (layout := _scrolling(grid, room, scale)) is None:
            continue
        seen = sum(map(len, layout.lines[: layout.fit]))
        is_enough = seen >= min(group, grid.total)
        yield (is_enough, scale[0] / scale[1] if is_enough else seen), layout


def _scrolling(grid: Grid, room: _Room, scale: tuple[int, int]) -> Layout | None:
    """The layout of rows that scroll: a table where its columns fit, of examples one with a column for each class; or
    else tiles with their names over them."""
    table = _table(grid, room, scale, grid.order == EXAMPLES) if grid.order != ALONE else None
    if table is not None and table.fit:
        return table
    across, fit = room.across(scale), room.down(scale, over=grid.is_named)
    return _flow(grid, scale, across, fit) if across and fit else None


def _table(grid: Grid, room: _Room, scale: tuple[int, int], transposed: bool) -> Layout | None:
    """The tiles in rows and columns, or these swapped; None where the columns do not fit."""
    rows, columns = (grid.columns, grid.rows) if transposed else (grid.rows, grid.columns)
    header, left = (grid.row_names, grid.column_names) if transposed else (grid.column_names, grid.row_names)
    places = ([(c, r) if transposed else (r, c) for c in range(columns)] for r in range(rows))
    lines = [tuple(r * grid.columns + c for r, c in line) for line in places]
    lines = [tuple(tile for tile in line if tile < grid.total) for line in lines]
    fit = room.down(scale, header=any(header))
    table = Layout(*scale, tuple(lines), fit, header if any(header) else (), left, transposed=transposed)
    return table if room.across(scale, table.left_width) >= columns else None


def _flow(grid: Grid, scale: tuple[int, int], across: int, fit: int) -> Layout:
    """The tiles one after the other: of a table row by row, of examples one of each row first."""
    tiles = list(range(grid.total))
    if grid.order == EXAMPLES:
        tiles.sort(key=lambda tile: (tile % grid.columns, tile))
    if grid.order == TABLE:
        across = -(-grid.columns // -(-grid.columns // across))
        bands = [tiles[at : at + grid.columns] for at in range(0, len(tiles), grid.columns)]
    else:
        bands = [tiles]
    lines = tuple(tuple(band[at : at + across]) for band in bands for at in range(0, len(band), across))
    return Layout(*scale, lines, fit, over=grid.is_named, is_flow=True)


def words_of(grid: Grid, layout: Layout) -> str:
    """What the rows or columns on screen are: ``columns are classes``; "" where nothing is known of them."""
    if layout.is_flow:
        return ""
    names = [(grid.rows_are, layout.transposed), (grid.columns_are, not layout.transposed)]
    for what, are_columns in names:
        if what:
            return f"{'columns' if are_columns else 'rows'} are {what}"
    return ""


# -- cutting a picture into its tiles


def tiles_of(pixels: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """Cut a picture, uint8 H,W,3, into its tiles, without the gaps and not enlarged: uint8 N,h,w,3, with their grid.

    Where the grid does not say how many there are, the lines between them do. What is no grid is a single tile.
    """
    if grid.rows > 0 and grid.columns > 0:
        cut = _cut(pixels, grid.rows, grid.columns, (2, 1, 0) if grid.certain else (2, 1))
        if cut is not None:
            return cut[: grid.total], grid
    if (found := _found(pixels)) is not None:
        cut = _cut(pixels, *found, (2,))
        if cut is not None:
            return cut, Grid(*found, order=grid.order)
    return _native(pixels[None]), Grid(1, 1, order=ALONE)


def _cut(pixels: np.ndarray, rows: int, columns: int, gaps: Sequence[int]) -> np.ndarray | None:
    height, width = pixels.shape[:2]
    for gap in gaps:
        if (height - gap) % rows or (width - gap) % columns:
            continue
        pitch_y, pitch_x = (height - gap) // rows, (width - gap) // columns
        if min(pitch_y, pitch_x) <= gap or not _are_gaps(pixels, pitch_y, pitch_x, gap):
            continue
        inner = pixels[gap:, gap:] if gap else pixels
        cut = inner.reshape(rows, pitch_y, columns, pitch_x, 3).swapaxes(1, 2)
        tiles = cut[:, :, : pitch_y - gap, : pitch_x - gap]
        return _native(tiles.reshape(rows * columns, *tiles.shape[2:]))
    return None


def _are_gaps(pixels: np.ndarray, pitch_y: int, pitch_x: int, gap: int) -> bool:
    if not gap:
        return True
    colour = pixels[0, 0]
    lines = [pixels[i::pitch_y] for i in range(gap)] + [pixels[:, i::pitch_x] for i in range(gap)]
    return all((line == colour).all() for line in lines)


def _found(pixels: np.ndarray) -> tuple[int, int] | None:
    """How many rows and columns of tiles lie between grey lines of two pixels, as the trainer draws them, if any."""
    is_line = (pixels == LINES_GREY).all(axis=2)
    counts = [_parts(is_line.all(axis=1)), _parts(is_line.all(axis=0))]
    return (counts[0], counts[1]) if min(counts) >= 1 and max(counts) > 1 else None


def _parts(is_line: np.ndarray) -> int:
    """How many parts of equal length the lines of two pixels leave; 0 if they do not."""
    if len(is_line) < 5 or not (is_line[0] and is_line[1] and is_line[-1] and is_line[-2]):
        return 0
    length = len(is_line)
    for parts in range((length - 2) // 3, 0, -1):
        pitch, rest = divmod(length - 2, parts)
        if not rest and is_line[0::pitch].all() and is_line[1::pitch].all():
            return parts
    return 0


def _native(tiles: np.ndarray) -> np.ndarray:
    """Undo an enlargement by an integer factor."""
    height, width = tiles.shape[1:3]
    for factor in range(min(16, height // 4, width // 4), 1, -1):
        if height % factor or width % factor:
            continue
        small = tiles[:, ::factor, ::factor]
        if np.array_equal(small.repeat(factor, axis=1).repeat(factor, axis=2), tiles):
            return small
    return tiles


def scaled(tiles: np.ndarray, layout: Layout) -> np.ndarray:
    """Tiles, uint8 N,h,w,3, enlarged or reduced; each by itself, so that nothing is averaged over a border."""
    height, width = tiles.shape[1:3]
    if layout.up > 1:
        return tiles.repeat(layout.up, axis=1).repeat(layout.up, axis=2)
    if (d := layout.down) > 1:
        h, w = max(1, height // d), max(1, width // d)
        tiles = tiles[:, : h * d, : w * d]
        if min(tiles.shape[1:3]) >= d:
            return tiles.reshape(len(tiles), h, d, w, d, 3).mean(axis=(2, 4)).astype(np.uint8)
    return tiles
