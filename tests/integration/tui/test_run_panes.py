"""The panes of the run view: which is in focus decides the keys, Enter enlarges it and Esc leads back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.runs.directory import RunDir
from gentui.index import Index
from gentui.tui.screens.run import RunScreen
from gentui.tui.screens.run_aside import health_facts, score_facts
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.lines import Lines
from gentui.tui.widgets.viewer import Viewer
from tests.support.app import Desk

LARGE = [(120, 36), (160, 48)]
LOG = b"".join(b"12:00:00  step %d/300  loss 0.2\n" % step for step in range(10, 301, 10))


async def opened(d: Desk, run: RunDir) -> RunScreen:
    d.app.open_run(run.id)
    screen = await d.on("RunScreen")
    await d.until(lambda: screen.chart_data and screen.query(Chart).first().drawings)
    return screen


def heavy(d: Desk) -> list[str]:
    """The titles with a heavy rule."""
    parts = [part for line in d.text.splitlines() for part in line.split("│")]
    return [part.split()[1] for part in parts if part.startswith("━ ")]


@pytest.mark.parametrize("size", LARGE)
async def test_curves_samples_scores_and_log_are_in_sight_together(desk, runs, size):
    async with desk(size) as d:
        screen = await opened(d, runs.make(log=LOG, fid=9.3))
        await d.sees("━ curves ━", "─ samples ─", "─ scores ─", "─ log ─", "step 300/300", "at step 300")
        beside = ["samples", "scores", "health", "settings"]
        assert screen.panes == [*beside[: 4 if size[1] > 40 else 3], "log"]
        assert screen.query_one("#thumbnail", Viewer).picture.strips


@pytest.mark.parametrize("size", LARGE)
async def test_tab_goes_round_charts_and_panes_and_enter_there_and_back(desk, runs, size):
    async with desk(size) as d:
        screen = await opened(d, runs.make(log=LOG))
        await d.press(*["tab"] * (len(screen.chart_data.charts) - 1))
        assert heavy(d) == ["curves"] and screen.chart_data.focus == len(screen.chart_data.charts) - 1
        for pane in screen.panes:
            await d.press("tab")
            assert heavy(d) == [pane] == [screen.subject]
            await d.press("enter")
            assert screen._tab == pane and not screen.panes
            await d.press("escape")
            assert heavy(d) == [pane], "Esc leads back to where Enter was pressed"
        await d.press("tab")
        assert heavy(d) == ["curves"] and screen.chart_data.focus == 0
        await d.press("shift+tab")
        assert heavy(d) == ["log"]
        await d.press("escape")
        assert d.app.screen is not screen


async def test_keys_are_about_the_pane_in_focus(desk, runs):
    async with desk((120, 36)) as d:
        screen = await opened(d, runs.make(log=LOG, samples=3))
        thumbnail, below = screen.query_one("#thumbnail", Viewer), screen.query_one("#below", Lines)
        await d.sees("w Smooth")
        screen.go_to_pane("samples")
        await d.sees("] Newer", "↓ for more")
        assert "w Smooth" not in d.text
        await d.press("left")
        await d.sees("grid · step 200")
        await d.press("down")
        await d.until(lambda: thumbnail._drawn.at > 0)
        screen.go_to_pane("log")
        await d.press("slash", *"20/", "enter")
        await d.until(lambda: [*below.lines] == ["12:00:00  step 20/300  loss 0.2", "12:00:00  step 120/300  loss 0.2",
                                                 "12:00:00  step 220/300  loss 0.2"])  # fmt: skip
        assert not screen.chart_layout.filter
        await d.press("enter")
        assert [*screen.query_one("#log-lines", Lines).lines] == [*below.lines], "the same filter on its tab"
        await d.press("escape", "escape")
        await d.until(lambda: len(below.lines) == 30)
        await d.press("up", "up")
        await d.until(lambda: below.scroll_offset.y < below.max_scroll_y)
        await d.press("n")
        await d.until(lambda: below.scroll_offset.y == below.max_scroll_y)
        screen.go_to_pane("curves")
        await d.press("slash", *"grad", "enter")
        await d.until(lambda: screen.chart_layout.filter == "grad" and len(below.lines) == 30)


async def test_a_click_gives_a_pane_the_focus(desk, runs):
    async with desk((160, 48)) as d:
        screen = await opened(d, runs.make(log=LOG))
        await d.pilot.click("#health-facts")
        await d.until(lambda: heavy(d) == ["health"])
        await d.pilot.click("#thumbnail")
        await d.until(lambda: heavy(d) == ["samples"] and screen.query_one("#thumbnail").has_focus)


async def test_a_small_terminal_has_one_pane_and_tab_goes_through_all_charts(desk, runs):
    async with desk((80, 24)) as d:
        screen = await opened(d, runs.make(log=LOG))
        assert not screen.panes and "─ samples" not in d.text and "curves ─" not in d.text
        number = len(screen.chart_data.groups)
        assert number > 2
        for focus in [*range(1, number), 0]:
            await d.press("tab")
            await d.until(lambda focus=focus: screen.chart_data.focus == focus)


async def test_what_stands_in_the_panes_is_what_the_tabs_say(runs):
    run = runs.make(fid=9.3, alerts=1)
    index = Index(runs.home)
    index.refresh()
    row, evaluations, alerts = index.run(run.id), index.evaluations(run.id), index.alerts(run.id)
    (name, words, tone), (real, floor, _) = score_facts(evaluations)[:2]
    assert (name, words, tone) == ("FD", "9.3 at step 300", "strong") and (real, floor) == (
        "  real images",
        "1.9",
    )
    (alarm, since, _), *signals = health_facts(row, alerts)
    assert alarm[0] in "‼▲i" and since == f"since step {alerts[0].began:,}"
    assert all(value for _, value, _ in signals)
    row = SimpleNamespace(
        alarms=[], alerts=0, metrics={"health/diversity": 1.0}, settings={}, step=1, family="gan"
    )
    assert [name for name, _, _ in health_facts(row, [])] == ["✓ no problems found", "diversity"]
