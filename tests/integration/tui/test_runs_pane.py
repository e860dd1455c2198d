"""The run under the cursor beside the list of runs."""

from __future__ import annotations

from gentui.tui.screens import runs_pane
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.run_header import RunHeader
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.viewer import Viewer


async def test_the_run_under_the_cursor_is_shown_beside_the_list_and_lives(desk, runs):
    done, live = runs.make(name="mine"), runs.live(50, name="at work", samples=0)
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("mine", "at work")
        assert not screen.query("#runs-pane")
        await d.press("p")
        await d.until(lambda: "at work" in screen.query_one(RunHeader).text and "● running" in d.text)
        assert not screen.query_one(Viewer).display, "it has no samples yet"
        runs.extend(live, 50, 90)
        await d.until(lambda: "step 90 of 300" in screen.query_one(RunHeader).text)
        await d.press("down")
        await d.until(lambda: "mine" in screen.query_one(RunHeader).text)
        await d.until(lambda: screen.query_one(Chart).drawings and screen.query_one(Viewer).picture.strips)
        await d.sees("loss ", "step 300")
        assert screen.query_one(Table).key == done.id
        await d.press("p")
        await d.until(lambda: not screen.query("#runs-pane"))


async def test_the_pane_is_there_again_and_fits_a_small_terminal(desk, runs):
    runs.make(name="mine")
    async with desk((80, 24)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("mine")
        await d.press("p")
        await d.sees("preview of the run", "loss ", "✓ done  mine")
    async with desk((80, 24)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("loss ", "✓ done  mine")


async def test_only_where_the_cursor_rests_a_run_is_read(desk, runs, monkeypatch):
    read: list[str] = []
    original = runs_pane.read_run_preview
    monkeypatch.setattr(
        runs_pane, "read_run_preview", lambda index, run: (read.append(run), original(index, run))[1]
    )
    made = [runs.make(steps=30, samples=0, fid=None) for _ in range(12)]
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: len(screen.query_one(Table).rows) == 12)
        await d.press("p")
        await d.until(lambda: read)
        monkeypatch.setattr("gentui.tui.screens.runs.REST", 3600)
        before = set(read)
        await d.press(*["down"] * 11)
        assert screen.query_one(Table).key == made[0].id
        assert set(read) == before, "none of those that the cursor passed"
        screen._preview(screen.query_one(Table).key)
        await d.until(lambda: made[0].id in read)
