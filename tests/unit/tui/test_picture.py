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
    arrange,
    decode,
    half_blocks,
    lay_out,
    prepare,
    read_frames,
    render_frames,
    shades,
    tiles_of,
)


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


@pytest.mark.parametrize(("side", "factor", "gap"), [(8, 4, 2), (28, 2, 2), (28, 1, 1), (64, 1, 0), (8, 1, 0)])
def test_a_grid_comes_apart_at_native_size(side, factor, gap):
    canvas, tiles = grid(10, 8, side, factor, gap)
    assert np.array_equal(tiles_of(canvas, 10, 8), tiles)


def test_a_picture_that_is_no_grid_is_one_tile():
    canvas = np.random.default_rng(0).integers(0, 255, (37, 41, 3), np.uint8)
    assert tiles_of(canvas, 10, 8).shape == (1, 1, 37, 41, 3)
    assert tiles_of(canvas, 0, 0).shape == (1, 1, 37, 41, 3)


@pytest.mark.parametrize("room", [(34, 78), (70, 80), (100, 200), (12, 30), (2, 2), (1, 1)])
@pytest.mark.parametrize(("rows", "columns", "side"), [(10, 8, 8), (8, 8, 28), (4, 8, 64), (1, 1, 128)])
def test_what_is_laid_out_fits_and_digits_keep_their_pixels(rows, columns, side, room):
    layout = lay_out(rows, columns, side, side, *room)
    shown = max(1, side * layout.up // layout.down)
    assert layout.rows * (shown + layout.gap) - layout.gap <= max(room[0], shown)
    assert layout.columns * (shown + layout.gap) - layout.gap <= max(room[1], shown)
    if side == 8 and min(room) >= 8:
        assert layout.down == 1, "an 8×8 digit is never reduced"


def test_a_grid_that_fits_is_whole_and_enlarged():
    layout = lay_out(10, 8, 8, 8, 200, 200)
    assert (layout.rows, layout.columns, layout.transposed) == (10, 8, False) and layout.up == 2


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


def test_room_for_fewer_tiles_is_said(tmp_path):
    canvas, _ = grid(10, 8, 8, 4, 2)
    Image.fromarray(canvas).save(tmp_path / "grid.png")
    shown = prepare(Sheet(tmp_path / "grid.png", 10, 8), 78, 17)
    assert len(shown.strips) <= 17 and shown.width <= 78
    assert "of 80 tiles" in shown.remark
    picture, layout = arrange(tiles_of(canvas, 10, 8), 34, 78)
    assert picture.shape[0] <= 34 and layout.rows * layout.columns >= 24  # lines between tiles included


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
    assert np.array_equal(tiles_of(canvas, 10, 8, certain=False), tiles)
    plain = np.random.default_rng(0).integers(0, 255, (100, 80, 3), np.uint8)
    assert tiles_of(plain, 10, 8).shape[:2] == (10, 8)
    assert tiles_of(plain, 10, 8, certain=False).shape[:2] == (1, 1)
