"""The charts of a run view by keyboard: columns, zoom, cursor, other runs, heat maps, what is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from textual import events

from gentui.config import chart_layouts
from gentui.text import numbers
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.heatmap import HeatMap
from tests.support.app import Desk
from tests.support.textual_private import notices


async def opened(d: Desk, run) -> object:
    d.app.open_run(run.id)
    screen = await d.on("RunScreen")
    await d.until(lambda: screen.chart_data and screen.query(Chart).first().drawings)
    return screen


def keys_shown(screen) -> list[str]:
    return [chart.curves[0].key for chart in screen.query(Chart) if chart.display and chart.curves]


def shown(screen) -> list[Chart]:
    """The charts that are drawn; scores with few values are bars."""
    return [chart for chart in screen.query(Chart) if chart.display and chart.plot]


def title_of(chart: Chart) -> str:
    return "".join(text for text, _ in chart.picture().row(0))


async def test_columns_are_added_up_to_nine_and_as_many_drawn_as_fit(desk, each_size, runs):
    async with desk(each_size) as d:
        screen = await opened(d, runs.make())
        charts = screen.query_one(ChartGrid)
        across = charts.across
        await d.press("greater_than_sign")
        await d.until(lambda: charts.across == across + 1)
        for _ in range(9 - across - 1):
            await d.press("greater_than_sign")
        fit = each_size[0] // 26
        await d.sees(f"columns of charts: 9, {fit} fit")
        await d.until(lambda: charts.across == fit and len(keys_shown(screen)) == min(5, charts.count))
        assert charts.across * 26 <= each_size[0]
        await d.press("greater_than_sign")
        await d.until(lambda: charts.across == 1)
        await d.press("less_than_sign")
        await d.until(lambda: charts.across == fit)


async def test_tab_goes_round_the_charts_and_enter_shows_one_alone(desk, each_size, runs):
    async with desk(each_size) as d:
        screen = await opened(d, runs.make())
        number = len(screen.chart_data.groups)
        await d.press("tab", "tab")
        await d.until(lambda: screen.chart_data.focus == 2)
        name = screen.chart_data.groups[2][0]
        await d.press("enter")
        await d.until(lambda: keys_shown(screen) == [name])
        await d.until(lambda: screen.query_one(ChartGrid).across == 1)
        await d.press("escape")
        await d.until(
            lambda: screen.query_one(ChartGrid).count == len(keys_shown(screen)) or each_size[0] > 100
        )
        await d.press("shift+tab", "shift+tab", "shift+tab")
        if each_size[0] > 100:
            assert screen.subject == "log", "the last of the panes"
        else:
            await d.until(lambda: screen.chart_data.focus == number - 1)
        assert await d.on("RunScreen")


async def test_zoom_and_pan_move_every_chart_and_read_finer_values(desk, size, runs):
    async with desk(size) as d:
        screen = await opened(d, runs.make(steps=4000, total=4000))
        await d.press("greater_than_sign")
        await d.until(lambda: len(keys_shown(screen)) > 1)
        points = screen.chart_data.charts[0][0].points
        await d.press("plus", "equals_sign", "plus")
        await d.until(lambda: screen.chart_data.charts[0][0].points < points / 6)
        left, right = screen.viewport.window
        assert right - left == pytest.approx((4000 - 1) / 8)
        await d.until(lambda: all(c.plot.x.limits == pytest.approx((left, right)) for c in shown(screen)))
        await d.press("full_stop")
        await d.until(lambda: screen.viewport.window[0] == pytest.approx(left + (right - left) / 4))
        await d.press(*["right"] * 20)
        await d.until(lambda: screen.viewport.window[1] == 4000)
        await d.press("comma", "minus", "minus", "minus")
        await d.until(
            lambda: screen.viewport.window is None and screen.chart_data.charts[0][0].points == points
        )
        await d.press("plus", "0")
        await d.sees("x axis: all of it")
        await d.press(*["plus"] * 30)
        assert screen.viewport.window[1] - screen.viewport.window[0] == pytest.approx(4), (
            "no nearer than a few steps"
        )


async def test_the_cursor_tells_the_values_of_every_chart(desk, size, runs):
    async with desk(size) as d:
        screen = await opened(d, runs.make(steps=60, total=60))
        await d.press("greater_than_sign", "vertical_line")
        await d.sees("at step 60")
        charts = [chart for chart in screen.query(Chart) if chart.display]
        await d.press("left", "left", "shift+left")
        await d.until(lambda: all("at step" in title_of(chart) for chart in charts))
        at = screen.viewport.cursor
        assert at < 50
        loss = screen.chart_data.charts[0][0]
        from gentui.tui.curves import value_at

        assert f"loss {numbers.number(value_at(loss, at))}" in title_of(charts[0])
        await d.press("plus", "plus")
        assert screen.viewport.window[0] <= at <= screen.viewport.window[1], "zoom is about the cursor"
        await d.press(*["right"] * 60)
        await d.until(lambda: screen.viewport.cursor == 60 or screen.viewport.window[1] == 60)
        await d.press("escape")
        assert screen.viewport.cursor is None
        assert not any("at step" in title_of(chart) for chart in charts)
        assert await d.on("RunScreen")


async def test_what_is_chosen_is_kept_for_the_family(desk, runs, home):
    run, other = runs.make(), runs.make()
    config = home.parent / "config" / "charts.json"
    async with desk((160, 45)) as d:
        screen = await opened(d, run)
        for key in ("y", "percent_sign", "W", "w", "a", "greater_than_sign", "H"):
            await d.press(key)
        await d.sees("1 chart hidden (U)")
        await d.until(
            lambda: config.exists() and json.loads(config.read_text())["diffusion"]["hidden"] == ["loss"]
        )
        assert json.loads(config.read_text())["diffusion"] == {
            "columns": 3, "smoothing": 0.9, "kind": "window", "log_y": True, "outliers": True, "axis": "epoch",
            "marks": "braille", "hidden": ["loss"], "filter": "", "rows": 0, "guides": "none", "others": [],
            "picture": 0,
        }  # fmt: skip
    async with desk((160, 45)) as d:
        screen = await opened(d, other)
        await d.sees("1 chart hidden (U)", "log y", "by epoch")
        await d.until(lambda: screen.query_one(ChartGrid).across == 3 and "loss" not in keys_shown(screen))
        await d.press("tab", "enter")
        await d.sees("by epoch · log y · mean of 19")
        await d.press("enter", "U")
        await d.until(lambda: "loss" in keys_shown(screen) and "hidden" not in d.text)


async def test_a_damaged_file_of_layouts_is_told_and_the_charts_are_there(desk, runs, home):
    (home.parent / "config").mkdir(exist_ok=True)
    (home.parent / "config" / "charts.json").write_text("{")
    async with desk((200, 45)) as d:  # wide enough for the path
        await opened(d, runs.make())
        await d.sees("charts.json cannot be read and is ignored", "loss")


async def test_other_runs_are_laid_over_with_a_baseline(desk, size, runs):
    base = runs.make(name="the base", seed=1)
    more = runs.make(name="another", seed=2, fid=None)
    run = runs.make(name="mine", seed=3)
    async with desk(size) as d:
        screen = await opened(d, run)
        dialog = await d.opens("OverlayScreen", "V")
        await d.sees("this run", "the base", "another")
        await d.press("enter")
        await d.sees("the others are overlaid on")
        table = dialog.query_one("Table")
        table.move_to(base.id)
        await d.press("b")
        await d.sees("baseline")
        table.move_to(more.id)
        await d.press("space")
        await d.sees("2 of at most 31")
        await d.opens("RunScreen", "escape")
        await d.until(lambda: len(screen.chart_data.charts[0]) == 3)
        await d.sees("● mine", "▲ the base baseline", "■ another")
        fid = next(i for i, group in enumerate(screen.chart_data.groups) if group == ("fid",))
        await d.press(*["tab"] * fid)
        await d.until(
            lambda: screen.chart_data.first <= fid < screen.chart_data.first + len(screen.chart_data.charts)
        )
        assert [c.slot for c in screen.chart_data.charts[fid - screen.chart_data.first]] == [0, 1], (
            "those that have scores"
        )
        await d.press("vertical_line")
        await d.sees("at step")
        assert all(len(group) == 1 for group in screen.chart_data.groups)
        d.app.open_run(more.id)
        await d.until(lambda: d.app.screen is not screen)
        screen = await d.on("RunScreen")
        await d.until(lambda: screen.chart_data and screen.chart_data.charts)
        assert len(screen.overlaid) == 1 and "the base" not in d.text, (
            "an overlay is that of the run it was laid on"
        )
        d.app.open_run(run.id)
        await d.until(lambda: d.app.screen is not screen)
        screen = await d.on("RunScreen")
        await d.until(lambda: screen.chart_data and len(screen.chart_data.charts[0]) == 3)
        await d.sees("● mine", "▲ the base baseline", "■ another")


async def test_runs_marked_in_the_list_are_laid_over_the_one_under_the_cursor(desk, runs):
    made = [runs.make(name=f"run {number}", steps=40, samples=0) for number in range(34)]
    async with desk((100, 30)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("run 33")
        await d.press("space", "space", "up", "V")
        screen = await d.on("RunScreen")
        assert screen.run_id == made[32].id
        await d.sees("● run 32", "▲ run 33")
        await d.opens("RunsScreen", "2")
        await d.press("escape", "asterisk", "V")
        screen = await d.on("RunScreen")
        assert len(d.app.overlays.of(screen.run_id)) == 31
        await d.opens("RunsScreen", "2")
        await d.press("escape", "space", "space", "V")
        assert len(d.app.overlays.of((await d.on("RunScreen")).run_id)) == 1, "those marked now, and no others"
        assert any("2 are left out" in told.message for told in notices(d.app))


async def test_the_charts_are_drawn_along_another_metric(desk, size, runs):
    other = runs.make(name="another", seed=2, fid=None)
    run = runs.make(name="mine", seed=3)
    async with desk(size) as d:
        screen = await opened(d, run)
        await d.opens("PromptScreen", "X")
        await d.sees("One of: loss", "grad_norm", "Nothing: by step")
        await d.press(*"zebra")
        await d.sees("No metric of this run is called zebra")
        await d.press(*["backspace"] * 5, "r")
        await d.sees("Which of")
        await d.press("backspace", *"lr")
        await d.opens("RunScreen", "enter")
        await d.sees("by lr")
        curve = await d.until(lambda: (c := screen.chart_data.charts[0][0]) and c.x.max() < 1 and c)
        assert curve.points == 300 and curve.x[0] > curve.x[-1], "the learning rate falls"
        lo, hi = screen.chart_data.extent
        assert 0 <= lo < hi < 1
        await d.press("plus", "vertical_line")
        await d.sees("at lr 0.00")
        await d.until(lambda: screen.chart_data.charts[0] and screen.chart_data.charts[0][0].points < 300)
        d.app.overlays.of(run.id).add(other.id, "another")
        screen.ask()
        await d.until(lambda: len(screen.chart_data.charts[0]) == 2)
        assert all(c.x.max() < 1 for c in screen.chart_data.charts[0])
        await d.press("escape", "X")
        await d.sees("x axis by the metric")
        await d.press("backspace", "backspace")
        await d.opens("RunScreen", "enter")
        await d.until(lambda: screen.chart_data.extent[1] >= 300)
        assert "by lr" not in d.text
        await d.press("X")
        await d.press(*"loss", "enter")
        await d.until(lambda: screen.axis == "metric:loss")
        await d.press("a")
        await d.until(lambda: screen.axis == "epoch")


def many(runs, run, steps: int = 12, series: int = 30) -> None:
    for step in range(1, steps + 1):
        values = {f"layer/{number:02d}": step * number / 100 for number in range(series)}
        values["layer/03"] = np.nan if step == 6 else 1.0
        runs.event(run, "metrics", 300 + step, values=values)


async def test_many_series_are_a_heat_map(desk, each_size, runs):
    run = runs.make()
    many(runs, run)
    async with desk(each_size) as d:
        screen = await opened(d, run)
        assert screen.chart_data.heat_maps == ("layer", "all metrics")
        await d.press("d")
        await d.sees("layer:", "30 series", "0 to 3.48", "·░▒▓█")
        rows = {line.split()[0]: line for line in d.text.splitlines() if line[:3].strip().isdigit()}
        assert "✗" in rows["03"] and "✗" not in rows["02"]
        heat = screen.query_one(HeatMap)
        if heat.rows < 30:
            assert " 29 " not in d.text
            await d.press("m")
            await d.until(lambda: "29 " in d.text)
        await d.press("vertical_line", "left")
        await d.until(lambda: screen.viewport.cursor is not None and screen.viewport.cursor < 312)
        await d.press("tilde", "tilde")
        await d.sees(".:o*#")
        await d.press("escape", "d")
        await d.sees("all metrics", "each row from its smallest")
        await d.press("d")
        await d.until(lambda: not heat.display and keys_shown(screen))


async def test_a_heat_map_needs_no_colour(desk, runs, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    run = runs.make()
    many(runs, run)
    async with desk((80, 24)) as d:
        await opened(d, run)
        await d.press("d")
        await d.sees("30 series")
        assert all(glyph in d.text for glyph in "·░▒▓")


async def test_the_axis_of_a_run_in_training_holds_still_for_a_while(desk, runs):
    run = runs.live(1000, 4000)
    async with desk((100, 30)) as d:
        screen = await opened(d, run)
        extent = screen.chart_data.extent
        assert 1000 < extent[1] < 1040
        runs.event(run, "metrics", 1001, values={"loss": 0.5})
        await d.until(lambda: screen.chart_data.charts[0][0].points == 1001)
        assert screen.chart_data.extent == extent
        runs.event(run, "metrics", 1100, values={"loss": 0.5})
        await d.until(lambda: screen.chart_data.extent[1] >= 1100)


async def test_rows_of_charts_are_as_many_as_asked_for_and_kept(desk, each_size, runs):
    async with desk(each_size) as d:
        screen = await opened(d, runs.make())
        charts = screen.query_one(ChartGrid)
        fit = charts.size.height // 7
        for rows in range(charts.down + 1, 10):
            await d.press("right_curly_bracket")
            await d.until(lambda rows=rows: charts.down == min(rows, fit))
        await d.sees(f"rows of charts: 9, {fit} fit")
        await d.press("right_curly_bracket")
        await d.until(lambda: charts.down == 1 and charts.count == charts.across)
        await d.until(lambda: chart_layouts.load("diffusion")[0].rows == 1)


async def test_guides_lead_from_the_ticks_across_the_chart_beneath_the_curve(desk, runs):
    async with desk() as d:
        screen = await opened(d, runs.make())
        chart = shown(screen)[0]

        def cells() -> str:
            plot, picture = chart.plot, chart.picture()
            rows = range(plot.top, plot.top + plot.rows)
            return "".join("".join(text for text, _ in picture.row(row))[plot.left :] for row in rows)

        def curve() -> set[int]:
            return {at for at, char in enumerate(cells()) if char >= "\u2800"}

        await d.press("number_sign")
        await d.until(lambda: cells().count("┈") > chart.size.width)
        beneath = curve()
        await d.press("number_sign")
        await d.until(lambda: "┈" not in cells() and cells().count("·") > 20)
        await d.press("number_sign")
        await d.until(lambda: "·" not in cells())
        assert curve() == beneath
        await d.press("number_sign", "number_sign", "tilde", "tilde")
        await d.until(lambda: cells().count(".") > 20 and "·" not in cells())
        await d.press("number_sign")
        await d.sees("guides across the charts: none")


async def test_the_mouse_zooms_about_its_place_and_points_at_values(desk, runs):
    async with desk((160, 45)) as d:
        screen = await opened(d, runs.make(steps=1000, total=1000, fid=None))
        await d.until(lambda: len(shown(screen)) > 1 and shown(screen)[1].is_drawn)
        second = shown(screen)[1]
        at = (second.size.width * 3 // 4, second.size.height // 2)
        x = second.plot.x_of(at[0])
        await d.pilot.click(second, offset=at)
        await d.until(lambda: screen.viewport.cursor is not None)
        assert screen.viewport.cursor == pytest.approx(x, abs=1000 / second.size.width)
        assert screen.chart_data.focus == 1
        await d.sees(f"at step {screen.viewport.cursor:,.0f}")
        second.post_message(wheel(second, at, up=True))
        await d.until(lambda: screen.viewport.window is not None)
        left, right = screen.viewport.window
        assert right - left == pytest.approx(999 / 2) and left < x < right
        assert (x - left) / (right - left) == pytest.approx((x - 1) / 999, abs=0.02)
        second.post_message(wheel(second, at, up=False))
        await d.until(lambda: screen.viewport.window is None)


def wheel(chart, at, up: bool):
    region, event = chart.region, events.MouseScrollUp if up else events.MouseScrollDown
    return event(
        chart, x=at[0], y=at[1], delta_x=0, delta_y=-1 if up else 1, button=0, shift=False, meta=False, ctrl=False,
        screen_x=region.x + at[0], screen_y=region.y + at[1],
    )  # fmt: skip


async def test_what_is_zoomed_at_the_newest_values_stays_with_them(desk, runs):
    async with desk() as d:
        run = runs.live(400, total=4000)
        screen = await opened(d, run)
        await d.press("plus", *["full_stop"] * 4)
        await d.until(
            lambda: screen.viewport.window and screen.viewport.window[1] == screen.chart_data.extent[1]
        )
        width = screen.viewport.window[1] - screen.viewport.window[0]
        runs.extend(run, 400, 900, 4000)
        await d.until(lambda: screen.viewport.window[1] > 850)
        assert screen.viewport.window[1] - screen.viewport.window[0] == pytest.approx(width)
        await d.press("comma")
        await d.until(lambda: screen.viewport.window[1] < screen.chart_data.extent[1])
        held = screen.viewport.window
        runs.extend(run, 900, 1400, 4000)
        await d.until(lambda: screen.chart_data.extent[1] > 1350)
        assert screen.viewport.window == held


async def test_one_chart_alone_has_a_logarithmic_axis_and_keeps_it(desk, runs):
    async with desk((160, 45)) as d:
        screen = await opened(d, runs.make(fid=None))
        await d.until(lambda: len(shown(screen)) > 2)
        await d.press("tab", "Z")
        await d.until(lambda: [chart.chart_style.log_y for chart in shown(screen)][:3] == [False, True, False])
        await d.sees("y axis of grad_norm: logarithmic")
        await d.press("y")
        await d.until(lambda: [chart.chart_style.log_y for chart in shown(screen)][:3] == [True, False, True])
        await d.until(lambda: chart_layouts.load("diffusion")[0].others == ("grad_norm",))
        await d.press("Z")
        await d.until(lambda: all(chart.chart_style.log_y for chart in shown(screen)))


async def test_the_picture_beside_the_charts_is_made_wider_by_keys_and_by_the_mouse(desk, runs):
    async with desk((160, 45)) as d:
        screen = await opened(d, runs.make())
        picture = screen.query_one("#aside")
        await d.press("right_parenthesis", "right_parenthesis")
        await d.until(lambda: picture.outer_size.width == 48)
        await d.press("left_parenthesis")
        await d.until(lambda: picture.outer_size.width == 56)
        x, y = picture.region.offset
        await d.pilot.mouse_down(offset=(x, y + 5))
        await d.pilot.mouse_up(offset=(80, y + 5))
        await d.until(lambda: picture.outer_size.width == 80)
        await d.sees("the picture has 50 % of the width")
        await d.until(lambda: chart_layouts.load("diffusion")[0].picture == 50)


async def test_charts_have_all_the_room_until_there_is_a_picture(desk, runs):
    run = runs.live(50, samples=0)
    async with desk((160, 45)) as d:
        screen = await opened(d, run)
        grid = screen.query_one(ChartGrid)
        await d.until(lambda: grid.size.width == 160 and "no pictures" not in d.text)
        runs.extend(run, 51, 60, samples=1)
        await d.until(lambda: grid.size.width < 110 and screen.query_one("#thumbnail").display)


async def test_a_key_for_charts_changes_nothing_while_there_are_none(desk, runs, home):
    run = runs.make(status="stopped", steps=0, samples=0, fid=None)
    other = runs.make()
    async with desk((160, 45)) as d:
        d.app.open_run(run.id)
        screen = await d.on("RunScreen")
        await d.sees("■ stopped")
        before = screen.chart_layout
        for key in ("y", "percent_sign", "a", "w", "W", "Z"):
            await d.press(key)
            await d.sees("There is no curve yet: nothing is changed.")
            screen.say("")
        assert screen.chart_layout == before and not (home.parent / "config" / "charts.json").exists()
        screen = await opened(d, other)
        await d.press("y")
        await d.sees("y axis: logarithmic (in all charts of runs of diffusion, also later)")
