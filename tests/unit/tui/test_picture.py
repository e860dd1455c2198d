"""Grids come apart into tiles and are shown at whole factors, as many as a person can read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gentui.tui.widgets.picture import (
    MAX_ANIMATION_PIXELS,
    MAX_FRAMES,
    MIN_FRAME_SECONDS,
    Sheet,
    decode,
    draw,
    half_blocks,
    prepare,
    read_frames,
    render_frames,
    shades,
)
from gentui.tui.widgets.tiles import ALONE, EXAMPLES, TABLE, Grid, lay_out, tiles_of, words_of
from gentui.tui.widgets.viewer import fit_words

DIGITS = tuple("0123456789")


def grid(rows: int, columns: int, side: int, factor: int, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """A grid as the trainer saves one, and its tiles."""
    tiles = np.random.default_rng(0).integers(0, 255, (rows, columns, side, side, 3), np.uint8)
    big = tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    h = side * factor
    canvas = np.full((rows * (h + gap) + gap, columns * (h + gap) + gap, 3), 128, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = gap + r * (h + gap), gap + c * (h + gap)
            canvas[top : top + h, left : left + h] = big[r, c]
    return canvas, tiles


def classes(rows: int = 10, columns: int = 8) -> Grid:
    """The grid of samples of a conditional recipe."""
    return Grid(rows, columns, "classes", "noises", DIGITS[:rows], order=EXAMPLES)


def save(path, canvas) -> None:
    Image.fromarray(canvas).save(path)


@pytest.mark.parametrize(("side", "factor", "gap"), [(8, 4, 2), (28, 2, 2), (28, 1, 1), (64, 1, 0), (8, 1, 0)])
def test_a_grid_comes_apart_at_native_size(side, factor, gap):
    canvas, tiles = grid(10, 8, side, factor, gap)
    assert np.array_equal(tiles_of(canvas, Grid(10, 8))[0], tiles.reshape(80, side, side, 3))


def test_a_picture_that_is_no_grid_is_one_tile():
    canvas = np.random.default_rng(0).integers(0, 255, (37, 41, 3), np.uint8)
    for given in (Grid(10, 8), Grid(), Grid(10**9, 1)):
        tiles, found = tiles_of(canvas, given)
        assert tiles.shape == (1, 37, 41, 3) and (found.rows, found.columns) == (1, 1)


@pytest.mark.parametrize(("rows", "columns"), [(1, 8), (8, 6), (2, 8), (3, 10), (8, 1)])
def test_a_figure_of_an_old_run_is_cut_at_the_lines_between_its_tiles(rows, columns):
    canvas, tiles = grid(rows, columns, 8, 4, 2)
    cut, found = tiles_of(canvas, Grid())
    assert (found.rows, found.columns) == (rows, columns)
    assert np.array_equal(cut, tiles.reshape(-1, 8, 8, 3))


def test_a_plot_with_a_white_border_is_no_grid():
    canvas = np.full((100, 202, 3), 255, np.uint8)
    canvas[20:80, 20:90] = canvas[20:80, 112:182] = 40
    assert tiles_of(canvas, Grid())[1].total == 1


@pytest.mark.parametrize("room", [(17, 78), (35, 80), (50, 200), (6, 30), (1, 2), (1, 1)])
@pytest.mark.parametrize(("rows", "columns", "side"), [(10, 8, 8), (8, 8, 28), (4, 8, 64), (1, 1, 128)])
@pytest.mark.parametrize("order", [TABLE, EXAMPLES, ALONE])
def test_what_is_laid_out_fits_and_digits_keep_their_pixels(rows, columns, side, room, order):
    whole = Grid(rows, columns, row_names=DIGITS[:rows], order=order)
    layout = lay_out(whole, side, side, *room)
    tiles = np.zeros((rows * columns, side, side, 3), np.uint8)
    shown = draw(tiles, whole, layout)
    if min(room) > 1:
        assert len(shown.strips) <= room[0] and shown.width <= room[1]
    assert sorted(tile for line in layout.lines for tile in line) == list(range(rows * columns))
    if side == 8 and room[0] >= 4 and room[1] >= 8:
        assert layout.down == 1, "an 8×8 digit is never reduced"


def test_a_grid_that_fits_is_whole_and_enlarged():
    layout = lay_out(Grid(10, 8, order=EXAMPLES), 8, 8, 100, 200)
    assert (len(layout.lines), layout.is_whole, layout.transposed, layout.up) == (10, True, False, 2)


@pytest.mark.parametrize(("side", "room"), [(8, (17, 78)), (28, (17, 78)), (28, (30, 118)), (8, (9, 40))])
def test_where_not_all_fit_one_of_each_class_comes_first(side, room):
    layout = lay_out(classes(), side, side, *room)
    assert not layout.is_whole
    order = [tile for line in layout.lines for tile in line]
    assert [tile // 8 for tile in order[:10]] == list(range(10)) and {tile % 8 for tile in order[:10]} == {0}
    if room[0] >= 17:
        assert sum(map(len, layout.lines[: layout.fit])) >= 10


def test_columns_are_classes_where_they_stand_in_columns_and_so_says_the_caption(tmp_path):
    canvas, _ = grid(10, 8, 8, 4, 2)
    save(tmp_path / "grid.png", canvas)
    wide = prepare(Sheet(tmp_path / "grid.png", classes(), "samples"), 118, 24)
    assert wide.remark == "columns are classes"
    assert wide.strips[0].text.split() == list(DIGITS)
    tall = prepare(Sheet(tmp_path / "grid.png", classes(), "samples"), 80, 60)
    assert tall.remark == "rows are classes"
    assert [strip.text[:2].strip() for strip in tall.strips if strip.text[:2].strip()] == list(DIGITS)


def test_the_rest_of_the_tiles_comes_into_sight_by_scrolling(tmp_path):
    canvas, _ = grid(10, 8, 28, 2, 2)
    save(tmp_path / "grid.png", canvas)
    sheet = Sheet(tmp_path / "grid.png", classes(), "samples")
    seen, at = 0, 0
    while True:
        shown = prepare(sheet, 78, 17, at=at)
        assert shown.at == at and shown.first <= seen + 1 and shown.total == 80
        seen = shown.last
        if at == shown.at_most:
            break
        at += 1
    assert seen == 80
    assert prepare(sheet, 78, 17, at=10**6).at == at, "never past the end"


def test_every_tile_has_its_name_over_it_where_it_stands_in_no_column(tmp_path):
    canvas, _ = grid(10, 8, 28, 2, 2)
    save(tmp_path / "grid.png", canvas)
    shown = prepare(Sheet(tmp_path / "grid.png", classes()), 78, 17)
    across = shown.strips[0].text.split()
    assert 3 <= len(across) < 10 and across == list(DIGITS[: len(across)])
    assert not shown.remark


def test_a_strip_wider_than_the_room_goes_on_in_the_next_line_tile_by_tile(tmp_path):
    canvas, tiles = grid(1, 8, 8, 4, 2)
    save(tmp_path / "strip.png", canvas)
    strip = Grid(1, 8, columns_are="sampling steps", column_names=tuple("036bdgij"))
    shown = prepare(Sheet(tmp_path / "strip.png", strip), 40, 17)
    assert (shown.first, shown.last) == (1, 8)
    assert [strip.text.split() for strip in shown.strips if "▀" not in strip.text and strip.text.strip()] == [
        list("036b"), list("dgij"),
    ]  # fmt: skip
    enlarged = lay_out(strip, 8, 8, 17, 40)
    assert enlarged.up >= 1 and enlarged.down == 1 and len(tiles[0]) == 8


@pytest.mark.parametrize("count", [1, 5, 12, 16, 20])
def test_pictures_that_stand_alone_fill_the_room_without_blanks(count):
    alone = Grid(-(-count // 10), 10, order=ALONE, count=count)
    layout = lay_out(alone, 8, 8, 20, 60)
    assert layout.is_whole and sum(map(len, layout.lines)) == count
    tiles = np.full((count, 8, 8, 3), 200, np.uint8)
    shown = draw(tiles, alone, layout)
    last = layout.lines[-1]
    assert shown.strips[-1].cell_length == len(last) * (8 * layout.up + 1) - 1, "no grey where no tile is"
    larger = lay_out(alone, 8, 8, 40, 120)
    assert larger.up > layout.up or layout.up == 12


def test_the_words_for_a_file_as_it_is():
    assert words_of(Grid(4, 8), lay_out(Grid(4, 8), 8, 8, 40, 100)) == ""


def test_of_a_caption_what_matters_most_is_kept():
    words = [
        ("grid", 1),
        ("step 1,250", 1),
        ("3 of 3", 1),
        ("live", 1),
        ("24 of 80 samples, ↓ for more", 3),
        ("x" * 50, 0),
    ]
    assert fit_words(words, 34) == "24 of 80 samples, ↓ for more"
    assert fit_words(words, 60) == "grid · step 1,250 · 3 of 3 · 24 of 80 samples, ↓ for more"
    wide = fit_words(words, 90)
    assert (
        wide.startswith("grid · step 1,250 · 3 of 3 · live · 24 of 80 samples, ↓ for more · xxx")
        and len(wide) == 90
    )
    assert fit_words(words, 0) == ""


def test_half_blocks_carry_every_pixel():
    canvas = np.random.default_rng(0).integers(0, 255, (6, 5, 3), np.uint8)
    strips = half_blocks(canvas)
    assert len(strips) == 3
    for y, strip in enumerate(strips):
        pixels = [(s.style.color.triplet, s.style.bgcolor.triplet) for s in strip for _ in s.text]
        assert [tuple(top) for top, _ in pixels] == [tuple(p) for p in canvas[2 * y]]
        assert [tuple(bottom) for _, bottom in pixels] == [tuple(p) for p in canvas[2 * y + 1]]


def test_without_colour_there_are_shades():
    strips = shades(np.array([[[0] * 3, [255] * 3]] * 2, np.uint8))
    assert strips[0].text == " @"


def test_a_broken_or_missing_picture_is_told(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    assert "cannot be read" in prepare(Sheet(tmp_path / "broken.png"), 40, 20).remark
    assert "not there" in prepare(Sheet(tmp_path / "none.png"), 40, 20).remark


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("gentui.tui.widgets.picture.MAX_PIXELS", 100)
    Image.new("L", (11, 11)).save(tmp_path / "big.png")
    with pytest.raises(ValueError):
        decode(tmp_path / "big.png")


def animation(path, frames: int, size=(20, 10), milliseconds=500):
    pictures = [Image.new("L", size, 2 * number) for number in range(frames)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
    return path


def test_a_film_gives_every_frame_and_how_long_it_stays(tmp_path):
    frames = list(read_frames(animation(tmp_path / "a.gif", 3)))
    assert [(pixels.shape, int(pixels[0, 0, 0]), seconds) for pixels, seconds in frames] == [
        ((10, 20, 3), 0, 0.5), ((10, 20, 3), 2, 0.5), ((10, 20, 3), 4, 0.5),
    ]  # fmt: skip
    hurried = list(read_frames(animation(tmp_path / "b.gif", 3, milliseconds=10)))
    assert [seconds for _, seconds in hurried] == [MIN_FRAME_SECONDS] * 3


def test_a_still_is_a_film_of_one_frame(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "still.png")
    assert len(list(read_frames(tmp_path / "still.png"))) == 1
    assert len(list(render_frames(Sheet(tmp_path / "still.png"), 20, 10))) == 1


def test_a_film_without_end_is_cut(tmp_path, monkeypatch):
    animation(tmp_path / "long.gif", MAX_FRAMES + 4)
    assert len(list(read_frames(tmp_path / "long.gif"))) == MAX_FRAMES
    monkeypatch.setattr("gentui.tui.widgets.picture.MAX_ANIMATION_PIXELS", 20 * 10 * 5)
    assert len(list(read_frames(tmp_path / "long.gif"))) == 5 and MAX_ANIMATION_PIXELS > 1000


def test_a_torn_film_is_shown_as_far_as_it_goes(tmp_path):
    path = animation(tmp_path / "a.gif", 4, size=(200, 100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    frames = [shown for shown, _ in render_frames(Sheet(path), 40, 20)]
    assert 1 <= len(frames) < 4 and all(shown.strips for shown in frames)
    path.write_bytes(data[:20])
    assert "cannot be read" in next(render_frames(Sheet(path), 40, 20))[0].remark


def test_a_picture_only_guessed_to_be_a_grid_comes_apart_at_its_lines_alone():
    canvas, tiles = grid(10, 8, 8, 4, 2)
    assert np.array_equal(tiles_of(canvas, Grid(10, 8, certain=False))[0], tiles.reshape(80, 8, 8, 3))
    plain = np.random.default_rng(0).integers(0, 255, (100, 80, 3), np.uint8)
    assert tiles_of(plain, Grid(10, 8))[1].total == 80
    assert tiles_of(plain, Grid(10, 8, certain=False))[1].total == 1
