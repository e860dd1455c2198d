"""Sweeps in the list of runs: one row that opens, acts for all of its runs, and is drawn in shared charts."""

from __future__ import annotations

import pytest

from engine.runs.directory import State, list_runs
from gentui.jobs import annotations
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.table import Table

TAG = "sweep-digits-unet-8960"


@pytest.fixture
def swept(runs):
    """A sweep of three, between two other runs."""
    runs.make(name="before", steps=30)
    made = []
    for lr, fid in ((0.0005, 10.4), (0.002, 3.3), (0.005, 18.2)):
        made.append(runs.make(name=f"my first try of it lr={lr}", fid=fid))
        annotations.tag(runs.home, made[-1].id, [TAG], [])
    runs.make(name="after", steps=30)
    return made


def names(d) -> list[str]:
    return [
        row.cells[1] if isinstance(row.cells[1], str) else row.cells[1][0] for row in d.app.screen.table.rows
    ]


FOLDED = ["after", "▸ lr × 3 · my first try of it", "before"]
OPEN = [FOLDED[0], "▾" + FOLDED[1][1:], "  lr=0.005", "  lr=0.002", "  lr=0.0005", FOLDED[2]]


async def test_a_sweep_is_one_row_with_states_and_best_score_that_enter_opens(desk, each_size, runs, swept):
    async with desk(each_size) as d:
        await d.opens("RunsScreen", "2")
        await d.until(lambda: names(d) == FOLDED)
        await d.press("down")
        await d.sees("▸  ✓3", "FD 3.3", "3 runs: 3 done · best FD 3.3 (lr=0.002)")
        await d.press("enter")
        await d.until(lambda: names(d) == OPEN)
        await d.sees("lr=0.0005")
        await d.press("down", "down")
        assert (await d.opens("RunScreen", "enter")).run_id == swept[1].id
        await d.opens("RunsScreen", "escape")
        await d.press("f")
        await d.until(lambda: names(d) == FOLDED)
        assert d.app.screen.table.key == f"sweep:{TAG}"
        await d.press("end", "f")
        await d.sees("No sweep here.")


async def test_its_curves_share_charts_and_the_best_one_s_samples_are_shown(desk, runs, swept):
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: names(d) == FOLDED)
        await d.press("down")
        await d.until(lambda: screen.pane.shown is not None and screen.pane.shown.overlay)
        await d.sees("lr=0.002 · step 300", "─ runs", "lr=0.002  ✓ FD 3.3", "─ settings of the best")
        assert [curve.slot for curve in screen.query_one(ChartGrid)._page.charts[0]] == [0, 1, 2]
        await d.press("enter", "down")
        await d.until(lambda: not screen.pane.shown.overlay and screen.pane.shown.run.id == swept[2].id)


async def test_keys_on_its_row_are_for_all_of_its_runs_or_say_that_they_are_for_one(desk, runs, swept):
    async with desk() as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: names(d) == FOLDED)
        await d.press("down", "N")
        await d.sees("This is for one run: Enter opens the sweep.")
        await d.press("space")
        await d.sees("◆ 3 runs marked", "lr × 3", "◆3")
        assert screen.table.marked == {run.id for run in swept}
        await d.press("escape", "home", "down")
        await d.opens("ConfirmScreen", "D")
        await d.sees("Delete 3 runs")
        await d.press("enter")
        await d.until(lambda: names(d) == ["after", "before"])
        assert len(list_runs(runs.home)) == 2


async def test_a_filter_opens_it_and_a_single_match_stands_alone_by_its_value(desk, runs, swept):
    async with desk() as d:
        await d.opens("RunsScreen", "2")
        await d.until(lambda: names(d) == FOLDED)
        await d.press("slash", *"first", "enter")
        await d.until(lambda: names(d) == OPEN[1:5])
        await d.press("slash", *" fid<5", "enter")
        await d.until(lambda: names(d) == ["lr=0.002 · my first try of it"])
        await d.sees("1 of 5 match the filter")


async def test_it_stands_where_its_first_run_would_in_any_order(desk, runs, swept):
    async with desk() as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: names(d) == FOLDED)
        while screen._sort != "score":
            await d.press("o")
        assert names(d)[0] == FOLDED[1]
        await d.press("home", "enter")
        await d.until(lambda: names(d)[:4] == [OPEN[1], "  lr=0.002", "  lr=0.0005", "  lr=0.005"])


async def test_after_a_sweep_is_launched_the_cursor_stands_on_the_run_that_trains(desk, runs, swept):
    waiting = [runs.make(status="queued", steps=0, name=f"new seed={n}", samples=0) for n in range(3)]
    for n, run in enumerate(waiting):
        run.write_state(State(status="queued", queued_at=1000.0 + n, slot="cuda:7"))
        annotations.tag(runs.home, run.id, ["sweep-digits-unet-1234"], [])
    async with desk((120, 36)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.press("slash", *"before", "enter")
        await d.until(lambda: names(d) == ["before"])
        screen.show_runs([run.id for run in waiting])
        await d.until(lambda: screen.table.key == waiting[0].id)
        assert names(d)[:4] == ["▾ seed × 3 · new", "  seed=2", "  seed=1", "  seed=0"]
        await d.sees("◌ queued 1", "Waiting for a free device.")
        assert screen.filter_text == ""


async def test_every_row_has_the_curve_of_its_loss(desk, runs, swept):
    run = runs.make(status="queued", steps=0, name="none", samples=0, fid=None)
    run.write_state(State(status="queued", queued_at=1000.0, slot="cuda:7"))
    async with desk() as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: len(screen.table.rows) == 4)
        at = [column.title for column in screen.table.columns].index("curve")
        curves = {row.key: row.cells[at][0] for row in screen.table.rows if isinstance(row.cells[at], tuple)}
        assert sorted(map(len, curves.values())) == [0, 8, 8]
        assert all(curve[0] == "█" and curve[-1] == "▁" for curve in curves.values() if curve)
        assert isinstance(screen.query_one(Table).rows[2].cells[at], str), "a sweep has several"
