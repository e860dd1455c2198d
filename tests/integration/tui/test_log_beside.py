"""The log beside the charts, each following the other's place; the run's records in its stead."""

from __future__ import annotations

from gentui.config import preferences
from gentui.tui.screens.run import RunScreen
from gentui.tui.screens.run_log import steps_of
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.lines import Lines
from tests.support.app import Desk

LOG = b"probe: fp32\n" + b"".join(
    b"12:00:%02d  step %d/300  loss 0.2\n12:00:%02d  said in between\n" % (s // 10, s, s // 10)
    for s in range(10, 301, 10)
)


async def opened(d: Desk, run) -> RunScreen:
    d.app.open_run(run.id)
    screen = await d.on("RunScreen")
    await d.until(lambda: screen.chart_data and screen.query(Chart).first().drawings)
    return screen


def marked(lines: Lines) -> str:
    return lines.lines[lines.marked] if lines.marked is not None else ""


async def test_the_log_beneath_the_charts_and_the_cursor_follow_each_other(desk, runs):
    async with desk((160, 45)) as d:
        screen = await opened(d, runs.make(log=LOG))
        below = screen.query_one("#below", Lines)
        await d.sees("loss", "step 300/300")
        await d.press("K")
        await d.until(lambda: screen.viewport.cursor == 300 and "step 300" in marked(below))
        await d.press("K", "K")
        await d.until(lambda: screen.viewport.cursor == 280 and "step 280" in marked(below))
        await d.sees("at step 280")
        await d.press(*["shift+left"] * 2)
        await d.until(lambda: screen.viewport.cursor < 250)
        await d.until(lambda: steps_of([marked(below)])[0] == int((screen.viewport.cursor + 0.5) // 10 * 10))
        await d.press("J")
        await d.until(
            lambda: screen.viewport.cursor % 10 == 0 and f"step {screen.viewport.cursor:.0f}/" in marked(below)
        )
        await d.press("a")
        await d.until(lambda: screen.axis == "epoch")
        await d.press("K", "K")
        await d.until(lambda: screen.viewport.cursor == 290 / 11)
        await d.press("escape")
        await d.until(lambda: below.marked is None)
        await d.press("G")
        await d.until(lambda: not below.display)
        await d.until(lambda: not preferences.read().run_log)
    async with desk((160, 45)) as d:
        screen = await opened(d, runs.make(log=LOG))
        assert not screen.query_one("#below").display, "as it was left"


async def test_on_the_log_pane_too_the_cursor_goes_along(desk, runs):
    async with desk() as d:
        screen = await opened(d, runs.make(log=LOG))
        await d.press("K")
        await d.sees("The log is not in sight")
        await d.press("G", "G")
        await d.sees("where there are 34 lines or more")
        await d.press("g")
        lines = screen.query_one("#log-lines", Lines)
        await d.until(lambda: len(lines.lines) == 61)
        await d.press("K", "K", "K")
        await d.until(lambda: "step 280" in marked(lines))
        await d.sees("▸12:00:28")
        await d.press("c")
        await d.sees("at step 280")


async def test_the_records_are_there_as_lines_filtered_and_followed(desk, size, runs):
    run = runs.live(40, alerts=1)
    async with desk(size) as d:
        screen = await opened(d, run)
        await d.press("g", "ctrl+g")
        lines = screen.query_one("#log-lines", Lines)
        await d.until(lambda: any("metrics" in line and '"loss"' in line for line in lines.lines))
        kinds = {line.split()[3] for line in lines.lines}
        assert {"status", "metrics", "sample", "alert"} <= kinds
        await d.press("slash", *"alert", "enter")
        await d.until(lambda: len(lines.lines) == 1)
        runs.event(run, "alert", 40, severity="info", name="new", sentence="\x1b[2J more")
        await d.until(lambda: len(lines.lines) == 2 and "more" in lines.lines[1])
        assert "\x1b" not in lines.lines[1]
        await d.press("escape", "ctrl+g")
        await d.until(lambda: any("probe" in line for line in lines.lines))


async def test_under_the_settings_stands_how_the_run_was_launched(desk, runs):
    async with desk() as d:
        screen = await opened(d, runs.make())
        await d.press("o", "slash", *"host|command", "enter")
        lines = screen.query_one("#settings-lines", Lines)
        await d.until(lambda: {"host = box", "command = gentui run digits-unet"} <= set(lines.lines))
