"""Runs side by side."""

from __future__ import annotations

import shutil

import pytest

from gentui.index import Evaluation
from gentui.tui.screens.compare import CompareScreen, score_cell
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.viewer import Viewer


def scored(value: float, lower: bool = True) -> Evaluation:
    return Evaluation("fid", value, "fid · p", "id", 1, True, None, None, lower)


async def chosen(d, *names: str) -> CompareScreen:
    """Mark the runs of these names in the dialog and compare them."""
    dialog = await d.opens("ChooseScreen", "C")
    table = dialog.query_one(Table)
    for name in names:
        run = next(run for run in dialog._runs if run.name == name)
        at = [row.key for row in table.rows].index(run.id) - table._at
        await d.press(*["down" if at > 0 else "up"] * abs(at), "space")
    return await d.opens("CompareScreen", "enter")


async def test_scores_settings_and_cost_stand_side_by_side(desk, runs, size):
    runs.make(name="one", fid=14.2)
    runs.make(name="two", fid=10.2, quick=True)
    async with desk(size) as d:
        await chosen(d, "one", "two")
        await d.sees("A one", "B two", "14.2", "★ 10.2 (−4)", "Cost", "evaluation share", "fid")
        await d.press("o")
        await d.sees("train", "steps")
        table = d.app.screen.query_one("#settings-table", Table)
        differ = {row.key for row in table.rows if row.key}
        assert "train.steps" in differ and "data.dataset" not in differ


async def test_samples_are_scrubbed_together(desk, runs):
    runs.make(name="one", steps=300, samples=3)
    runs.make(name="two", steps=150, samples=3)
    async with desk((120, 40)) as d:
        screen = await chosen(d, "one", "two")
        await d.press("s")
        await d.sees("A · step 300", "B · step 150")
        await d.press("left_square_bracket", "left_square_bracket")
        await d.sees("A · step 100", "B · step 150", "as of step 150")
        await d.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        await d.sees("A · no picture yet", "B · step 50")
        await d.press("n")
        await d.sees("A · step 300", "the newest of each")
        await d.until(lambda: all(viewer.picture.strips for viewer in screen.query(Viewer)))


async def test_curves_lie_over_one_another_as_in_the_run_view(desk, runs, size):
    first = runs.make(name="one")
    runs.make(name="two", seed=3)
    for step in (1, 2):
        runs.event(first, "system", step, values={"gpu_watts": 90.0})
    async with desk(size) as d:
        screen = await chosen(d, "one", "two")
        await d.sees("GPU energy", "Wh")
        await d.press("c")
        charts = screen.query_one(ChartGrid)
        await d.sees("● A one", "▲ B two", "loss")
        await d.until(lambda: len(charts.focused) == 2 and not charts.focused[0].sparse)
        assert [curve.is_baseline for curve in charts.focused] == [True, False]
        await d.press("vertical_line", "left")
        await d.sees("at step")
        before = screen.viewport.cursor
        await d.press("plus")
        await d.until(lambda: screen.viewport.window is not None and screen.viewport.cursor == before)
        await d.press("w")
        await d.sees("smoothing, exponential average")
        await d.press("y")
        await d.sees("log y")
        await d.press("escape", "0", "tab")
        await d.until(lambda: charts.focused[0].key != "loss")
        await d.press("b")
        await d.sees("▲ A two baseline", "● B one")
        assert screen.query_one(Chart).display
        await d.press("escape")
        await d.on("HomeScreen")


async def test_eight_runs_fit_a_small_screen_and_the_baseline_stays(desk, runs):
    for number in range(8):
        runs.make(name=f"run-{number}", seed=number, samples=1, steps=20)
    async with desk((80, 24)) as d:
        screen = await chosen(d, *(f"run-{number}" for number in range(8)))
        await d.sees("A run-0", "B run-1", "C run-2")
        await d.press(*["right"] * 9)
        titles = screen.query_one("#scores-table", Table).columns
        await d.until(
            lambda: [c.title for c in screen.query_one("#scores-table", Table).columns][-1] == "H run-7"
        )
        assert titles[1].title == "A run-0"
        await d.press("b")
        await d.until(lambda: screen.comparison.runs[0].name == "run-1")
        await d.press("s")
        await d.sees("no room for")


async def test_a_run_that_goes_while_it_is_compared(desk, runs):
    runs.make(name="one")
    gone = runs.make(name="two")
    async with desk((80, 24)) as d:
        await chosen(d, "one", "two")
        shutil.rmtree(gone.path)
        await d.sees("Nothing left to compare with")
        for key in ("o", "s", "c", "Q", "m", "n", "left_square_bracket"):
            await d.press(key)
        await d.opens("HomeScreen", "escape")


async def test_fewer_than_two_are_not_compared(desk, runs):
    runs.make(name="one")
    async with desk() as d:
        dialog = await d.opens("ChooseScreen", "C")
        await d.press("space", "enter")
        await d.sees("1 run marked; 2 to 8 can be compared")
        assert d.app.screen is dialog


@pytest.mark.parametrize(
    ("score", "base", "best", "shown"),
    [
        (scored(12.0), scored(10.0), False, "  12 (+2)"),
        (scored(9.0), scored(10.0), True, "★ 9 (−1)"),
        (None, scored(1.0), False, "–"),
        (scored(3.0), None, False, "  3"),
    ],
)
def test_a_score_and_how_far_it_is_from_the_first(score, base, best, shown):
    assert score_cell(score, base, best)[0] == shown
