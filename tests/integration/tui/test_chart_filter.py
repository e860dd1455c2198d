"""Charts and lines that are filtered, and the charts of the machine."""

from __future__ import annotations

import json

from gentui.config import chart_layouts
from gentui.tui.screens.run import RunScreen
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.lines import Lines
from tests.support.app import Desk
from tests.support.runs import Runs


async def opened(d: Desk, run) -> RunScreen:
    d.app.open_run(run.id)
    screen = await d.on("RunScreen")
    await d.until(lambda: screen.chart_data and screen.query(Chart).first().drawings)
    return screen


def keys_shown(screen: RunScreen) -> list[str]:
    return [chart.curves[0].key for chart in screen.query(Chart) if chart.display and chart.curves]


def watched(runs: Runs, **made):
    """A run whose machine was watched."""
    run = runs.make(**made)
    for step in range(10, 300, 10):
        values = {"cpu_percent": 40.0 + step / 10, "memory_percent": 30.0, "swap_percent": 1.0}
        runs.event(run, "system", step, values={**values, "process_memory_gib": 1.5})
    return run


async def test_charts_are_filtered_while_one_types_and_so_they_stay(desk, size, runs):
    first, second = runs.make(), runs.make(seed=1)
    async with desk(size) as d:
        screen = await opened(d, first)
        number = len(screen.chart_data.groups)
        await d.press("slash", *"lr|^grad")
        await d.until(lambda: [group[0] for group in screen.chart_data.groups] == ["grad_norm", "lr"])
        await d.sees(f"{number - 2} left out by lr|^grad (/)")
        await d.press("enter", "tab")
        await d.until(lambda: screen.chart_data.focus == 1)
        await d.until(lambda: chart_layouts.load("diffusion")[0].filter == "lr|^grad")
        d.app.open_run(second.id)
        await d.until(lambda: d.app.screen is not screen and getattr(d.app.screen, "chart_data", None))
        other = d.app.screen
        await d.until(lambda: [group[0] for group in other.chart_data.groups] == ["grad_norm", "lr"])
        await d.press("slash")
        await d.until(lambda: other.query_one(Filter).value == "lr|^grad")
        await d.press("escape")
        await d.until(lambda: len(other.chart_data.groups) == number)
        assert d.app.screen is other
    assert json.loads(chart_layouts.path().read_text())["diffusion"]["filter"] == ""


async def test_a_filter_that_nothing_passes_or_that_is_no_expression_says_so(desk, size, runs):
    async with desk(size) as d:
        screen = await opened(d, runs.make())
        await d.press("slash", *"moon(")
        await d.sees("moon( is not a regular expression")
        await d.sees("No chart is called moon(.")
        await d.press("escape")
        await d.until(lambda: keys_shown(screen))
        assert "no regular expression" not in d.text


async def test_the_lines_of_the_log_and_the_settings_are_filtered_each_by_their_own_words(desk, size, runs):
    log = b"".join(b"12:00:%02d  step %d  loss 0.%d\n" % (i % 60, i, i) for i in range(1, 200))
    async with desk(size) as d:
        screen = await opened(d, runs.make(log=log))
        await d.press("g")
        lines = screen.query_one("#log-lines", Lines)
        await d.until(lambda: len(lines.lines) == 199)
        await d.press("slash", *"0.17[0-9] -175", "enter")
        await d.until(lambda: [line.split()[2] for line in lines.lines] == [
            str(i) for i in range(170, 180) if i != 175
        ])  # fmt: skip
        with screen.dir.joinpath("log.txt").open("ab") as file:
            file.write(b"12:09:00  step 179  loss 0.179\n12:09:01  step 200  loss 0.2\n")
        await d.until(lambda: lines.lines[-1].startswith("12:09:00"))
        await d.press("o")
        settings = screen.query_one("#settings-lines", Lines)
        await d.until(lambda: len(settings.lines) > 20)
        await d.press("slash", *"^lr", "enter")
        await d.until(lambda: settings.lines and all(line.startswith("lr") for line in settings.lines))
        await d.press("g")
        await d.until(lambda: screen.query_one(Filter).value == "0.17[0-9] -175" and len(lines.lines) == 10)
        await d.press("escape")
        await d.until(lambda: len(lines.lines) == 201)
        await d.press("Q", "slash")
        await d.sees("There is nothing to filter on this pane")


async def test_the_machine_has_charts_of_its_own_beside_those_of_the_run(desk, size, runs):
    async with desk(size) as d:
        screen = await opened(d, watched(runs))
        of_run = list(screen.chart_data.groups)
        assert not any("system" in name for group in of_run for name in group)
        await d.press("L")
        await d.until(lambda: screen.chart_data.groups == [
            ("system/memory_percent", "system/swap_percent"), ("system/cpu_percent",),
            ("system/process_memory_gib",),
        ])  # fmt: skip
        await d.sees("the machine (L)")
        await d.press("slash", *"memory", "enter")
        await d.until(lambda: len(screen.chart_data.groups) == 2)
        await d.press("escape", "d")
        await d.until(lambda: screen.chart_data.heat_map and len(screen.chart_data.heat_map.curves) == 4)
        await d.press("escape", "L")
        await d.until(lambda: screen.chart_data.groups == of_run)


async def test_a_run_that_nobody_watched_says_so(desk, size, runs):
    async with desk(size) as d:
        await opened(d, runs.make())
        await d.press("L")
        await d.sees("The machine was not watched while this run trained.")
