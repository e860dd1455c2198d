"""What random keys have found: dialogs, palettes, charts and commands that were overtaken by others."""

from __future__ import annotations

import numpy as np
from textual import events

from gentui.tui.curves import ChartStyle, Curve
from gentui.tui.screens.notice import NoticeScreen
from gentui.tui.widgets.chart import Chart


async def test_a_dialog_that_is_answered_below_another_can_be_closed_later(desk):
    async with desk() as d:
        dialog = await d.opens("JumpScreen", "ctrl+o")
        d.app.push_screen(NoticeScreen("A notice", "that comes by itself"))
        await d.on("NoticeScreen")
        dialog.dismiss(None)
        await d.opens("JumpScreen", "escape")
        await d.opens("HomeScreen", "escape")


async def test_keys_typed_after_the_one_that_quits_go_nowhere(desk, home):
    async with desk() as d:
        d.app.exit()
        app = d.app
    await app.dispatch_message(events.Key("x", "x"))
    await app.dispatch_message(events.Paste("x"))
    assert not app.screen_stack and not (home / "crash.log").exists()


async def test_a_palette_that_is_closed_before_it_has_read_harms_nothing(desk):
    async with desk() as d:
        await d.type("ctrl+p", "x", "escape", "escape")
        await d.on("HomeScreen")
        await d.settle()
        assert not d.app.crashes


async def test_a_chart_that_is_told_before_its_parts_are_there_is_drawn_when_they_are(desk):
    async with desk() as d:
        chart = Chart()
        line = np.arange(9.0)
        told = d.app.screen.mount(chart)
        chart.show([Curve("loss", line, line, line, np.zeros(0), 9)], ChartStyle())
        await told
        await d.sees("──")
        await chart.remove()
        chart.show([Curve("other", line, line, line, np.zeros(0), 9)], ChartStyle())
        assert not d.app.crashes


async def test_a_command_for_a_screen_that_was_left_meanwhile_is_none(desk, runs):
    runs.make()
    async with desk() as d:
        screen = await d.opens("RunScreen", "4")
        await d.opens("HomeScreen", "1")
        await d.until(lambda: not screen.is_attached)
        d.app.call_later(screen.run_action, "back")
        await d.settle()
        assert not d.app.crashes
