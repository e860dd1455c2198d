"""Every kind of picture of a run at once, moving together."""

from __future__ import annotations

from gentui.tui.widgets.picture_grid import PictureGrid
from gentui.tui.widgets.viewer import Viewer
from tests.support.runs import digit_tiles, grid_png


async def test_every_kind_of_picture_stands_in_one_grid_as_of_one_step(desk, runs):
    run = runs.make(steps=300, total=300)
    for step in (100, 200):
        grid_png(run.path / "figures" / f"map-{step}.png", digit_tiles(4, 4))
        runs.event(run, "figure", step, name="map", path=f"figures/map-{step}.png", caption="")
    async with desk((160, 45)) as d:
        d.app.open_run(run.id)
        screen = await d.on("RunScreen")
        await d.until(lambda: len(screen.pictures.kinds) == 3)
        await d.press("F")
        await d.sees("grid · step 300", "map · step 200", "strip · step 300", "the newest of each, live")
        assert sum(viewer.display for viewer in screen.query_one(PictureGrid).query(Viewer)) == 3
        await d.press("left_square_bracket")
        await d.sees("grid · step 200", "map · step 200", "strip · none yet at this step", "as of step 200")
        await d.press("left_square_bracket")
        await d.sees("grid · step 100", "map · step 100")
        await d.press("n")
        await d.sees("grid · step 300")
        await d.press("F")
        await d.until(lambda: not screen.query_one(PictureGrid).display)
