"""What is seen of a grid of samples: all of it by scrolling, what its rows and columns are, figures tile by tile."""

from __future__ import annotations

import re

from textual.widgets import Static

from gentui.tui.widgets.picture_grid import PictureGrid
from gentui.tui.widgets.viewer import Viewer
from tests.support.runs import digit_tiles, grid_png


def caption_of(viewer: Viewer) -> str:
    return str(viewer.query_one(".viewer--caption", Static).content)


async def test_every_sample_is_reached_by_scrolling_and_the_caption_says_how(desk, runs):
    runs.make(samples=2)
    async with desk((80, 24)) as d:
        screen = await d.opens("RunScreen", "4")
        await d.press("s")
        gallery = screen.query_one("#gallery", Viewer)
        await d.sees("of 80 samples, ↓ for more")
        assert gallery.has_focus
        reached, first = 0, 1
        while True:
            seen = re.search(r"(?:(\d+)–)?(\d+) (?:of|/) ?80", caption_of(gallery))
            assert seen, caption_of(gallery)
            first = int(seen[1] or 1)
            assert first <= reached + 1
            reached = int(seen[2])
            if "↓" not in caption_of(gallery):
                break
            await d.press("down")
            await d.until(lambda before=first: f"{before}–" not in caption_of(gallery))
        assert reached == 80 and first > 1 and "↑" in caption_of(gallery)
        await d.press("down")
        assert caption_of(gallery).count("–80 of 80") == 1
        await d.press("home")
        await d.sees("of 80 samples, ↓ for more")
        await d.press("pagedown")
        await d.sees("↑↓ for more")
        await d.type("home", "down", "down")  # faster than they are drawn
        await d.until(lambda: gallery._drawn.at == 2)
        await d.press("left_square_bracket")
        await d.sees("1 of 2", "↑↓ for more")


async def test_columns_are_labelled_by_class_and_so_says_the_caption(desk, runs):
    runs.make(samples=1)
    async with desk((120, 30)) as d:
        await d.opens("RunScreen", "4")
        await d.press("s")
        await d.sees("columns are classes")
        assert re.search(r"0 +1 +2 +3 +4 +5 +6 +7 +8 +9", d.text)
        assert "one row for each class" not in d.text


async def test_the_classes_of_an_old_run_are_numbers(desk, runs):
    run = runs.make()
    grid_png(run.path / "samples" / "000200.png", digit_tiles())
    runs.event(
        run, "sample", 200, path="samples/000200.png", rows=10, columns=8,
        caption="one row for each class, one column for each noise",
    )  # fmt: skip
    async with desk((120, 30)) as d:
        await d.opens("RunScreen", "4")
        await d.press("s")
        await d.sees("columns are classes")
        assert re.search(r"0 +1 +2 +3 +4 +5 +6 +7 +8 +9", d.text)


async def test_beside_the_charts_the_caption_says_where_the_rest_is(desk, runs):
    runs.make(samples=1)
    async with desk((120, 36)) as d:
        screen = await d.opens("RunScreen", "4")
        thumbnail = screen.query_one("#thumbnail", Viewer)
        await d.until(lambda: thumbnail.picture.strips)
        assert re.search(r"of 80 samples, s for more", caption_of(thumbnail))
        assert f"{thumbnail._drawn.last} of 80" in d.text


async def test_figures_are_laid_out_as_they_were_made(desk, runs):
    run = runs.make(samples=1)
    neighbours = run.path / "figures" / "neighbours-300.png"
    grid_png(neighbours, digit_tiles(8, 6))
    runs.event(
        run, "figure", 300, name="neighbours", path="figures/neighbours-300.png", caption="left a sample",
        rows=8, columns=6, row_names=[*"01234567"], column_names=["sample", "nearest", "2.", "3.", "4.", "5."],
    )  # fmt: skip
    old = run.path / "figures" / "interpolation-300.png"
    grid_png(old, digit_tiles(4, 8))
    runs.event(
        run, "figure", 300, name="interpolation", path="figures/interpolation-300.png", caption="each row"
    )
    async with desk((120, 36)) as d:
        screen = await d.opens("RunScreen", "4")
        await d.press("s", "p")
        gallery = screen.query_one("#gallery", Viewer)
        await d.sees("interpolation")
        await d.until(lambda: gallery._drawn.total == 32)
        await d.press("p")
        await d.sees("neighbours · step 300", "nearest")
        await d.until(lambda: gallery._drawn.total == 48)
        assert re.search(r"sample +nearest +2\. +3\. +4\. +5\.", d.text)


async def test_pictures_side_by_side_scroll_together(desk, runs):
    runs.make(samples=1)
    async with desk((80, 24)) as d:
        screen = await d.opens("RunScreen", "4")
        await d.press("s", "F")
        grid = screen.query_one("#beside", PictureGrid)
        viewer = next(iter(grid.query(Viewer)))
        await d.until(lambda: viewer.picture.strips and viewer._drawn.at_most)
        assert grid.has_focus and "of 80" in caption_of(viewer) and "↓" in caption_of(viewer)
        await d.press("down")
        await d.until(lambda: viewer._drawn.at == 1)
