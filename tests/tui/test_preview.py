"""The preview beside the recipes: the net and the samples of the newest run, and room for them on a small screen."""

from __future__ import annotations


async def test_the_preview_shows_what_the_newest_run_left(desk, size, runs):
    run = runs.make(fid=5.31)
    run.architecture_path.write_text("unet: 1,234 parameters\n\x1b[2Jstem  conv  8×8\n")
    async with desk(size) as d:
        if size[0] < 110:
            await d.press("p")
        await d.sees("Your best", run.id)
        detail = d.app.screen.query_one("#detail-text")
        await d.until(lambda: "unet: 1,234 parameters\nstem  conv  8×8" in detail.visual.plain)
        await d.sees("step 300", "▀")
        top = d.app.screen.query_one("#detail-scroll")
        await d.press("J")
        await d.until(lambda: top.scroll_offset.y > 0)
        await d.press("K")
        await d.until(lambda: top.scroll_offset.y == 0)
        await d.press("p")
        await d.until(lambda: "▀" not in d.text)


async def test_a_recipe_without_a_run_has_no_picture(desk, runs):
    runs.make()
    async with desk((160, 45)) as d:
        await d.sees("▀")
        await d.press("down")
        await d.until(lambda: "▀" not in d.text)
        await d.press("up")
        await d.sees("▀")
