"""The preview beside the recipes: the net and the samples of the newest run, and room for them on a small screen."""

from __future__ import annotations

from gentui.tui.widgets.chart import Chart
from tests.support.app import THREADED


async def test_the_preview_shows_what_the_newest_run_left(desk, each_size, runs):
    run = runs.make(fid=5.31)
    run.architecture_path.write_text("unet: 1,234 parameters\n\x1b[2Jstem  conv  8×8\n")
    async with desk(each_size) as d:
        if each_size[0] < 110:
            await d.press("p")
        await d.until(lambda: d.app.screen._previewed == run.id)
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


async def test_the_preview_follows_a_run_in_training_and_reads_nothing_when_it_stands_still(
    desk, runs, monkeypatch
):
    run = runs.live(120, samples=1)
    async with desk((160, 45), reader=THREADED) as d:
        home = d.app.screen
        await d.sees("Newest run ● running · step 120 of 300", "  step 120 ·")
        runs.extend(run, 120, 240, samples=1)
        run.architecture_path.write_text("unet: 1,234 parameters\n")
        await d.sees("step 240 of 300", "  step 240 ·")
        await d.until(lambda: "unet: 1,234" in home.query_one("#detail-text").visual.plain)
        runs.event(run, "status", 300, status="done", reason="")
        run.write_state(run.read_state().with_(status="done", ended_at=1.0))
        runs.let_go()
        await d.sees("Newest run ✓ done")
        looks, passes = [], d.app.reader.passes
        monkeypatch.setattr("gentui.tui.screens.home_data.best_scores", looks.append)
        await d.until(lambda: d.app.reader.passes > passes + 2)
        assert looks == []


async def test_your_best_is_in_the_metric_that_was_published_or_that_the_runs_were_scored_by(desk, runs):
    run = runs.make(fid=None)
    for metric, value in (("target_accuracy", 0.5), ("oracle_target_accuracy", 0.75)):
        protocol = {"protocol": metric, "protocol_id": metric}
        runs.event(run, "evaluation", 300, metric=metric, value=value, lower_is_better=False, **protocol)
    async with desk((160, 45)) as d:
        await d.sees("Your best  target accuracy 0.5", "acc 0.5 ")


async def test_the_menu_below_a_run_takes_no_news_from_it(desk, runs):
    run = runs.live(5)
    async with desk() as d:
        home = d.app.screen
        d.app.open_run(run.id)
        await d.until(lambda: d.app.screen is not home and d.app.reader._target[0] is d.app.screen)
        home._read_preview(run.id)  # as its timer does, a little late
        assert d.app.reader._target[0] is d.app.screen


async def test_the_curve_of_the_newest_run_stands_beside_its_samples(desk, runs):
    runs.make()
    async with desk((120, 36)) as d:
        await d.sees("─ your newest run  ✓ done · step 300", "loss 0.", "▀")
        box = d.app.screen.query_one(Chart)
        assert box.curves[0].key == "loss" and box.region.width > 24
        await d.press("down")
        await d.until(lambda: "your newest run" not in d.text)


async def test_a_preview_that_was_put_away_says_how_it_comes_back(desk, runs):
    runs.make()
    async with desk((120, 36)) as d:
        await d.sees("─ digits-unet ", "diffusion · digits ─")
        assert "p shows" not in d.text
        await d.press("p")
        await d.sees("p shows the preview")
        assert "─ digits-unet " not in d.text
    async with desk((160, 48)) as d:
        await d.sees("p shows the preview")
        await d.resize(80, 24)
        await d.sees("p more of the preview", "─ digits-unet ")
        await d.resize(160, 48)
        await d.press("p")
        await d.sees("─ digits-unet ", "your newest run")
    async with desk((120, 36)) as d:
        await d.sees("─ digits-unet ")


async def test_where_data_is_missing_the_keys_that_help_are_named(desk, home, monkeypatch):
    monkeypatch.setenv("GENTUI_DATA", "/nowhere")
    async with desk((120, 36)) as d:
        d.app.screen.show_recipe("celeba-unet")
        await d.sees("✗ Data missing", "t short test run on toonfaces · e choose a")
        await d.opens("LaunchScreen", "enter")
        await d.opens("NoticeScreen", "enter")
        await d.sees("│ t short test run on toonfaces · e choose a folder", "Nothing was started.")
