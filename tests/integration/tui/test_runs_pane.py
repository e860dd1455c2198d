"""The run under the cursor beside the list of runs."""

from __future__ import annotations

import json

import pytest

from gentui.tui.screens import runs_preview
from gentui.tui.screens.runs_pane import PaneHead
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.fact_list import FactList
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.viewer import Viewer


async def test_the_run_under_the_cursor_is_shown_beside_the_list_and_lives(desk, runs):
    done, live = runs.make(name="mine"), runs.live(50, name="at work", samples=0)
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("mine", "at work")
        await d.until(
            lambda: "step 50 of 300" in screen.query_one(PaneHead).text and "● running  at work" in d.text
        )
        assert not screen.query_one(Viewer).region, "it has no samples yet"
        runs.extend(live, 50, 90)
        await d.until(lambda: "step 90 of 300" in screen.query_one(PaneHead).text)
        await d.press("down")
        await d.until(lambda: "✓ done  mine" in d.text)
        await d.until(lambda: screen.query_one(Chart).drawings and screen.query_one(Viewer).picture.strips)
        await d.sees(
            "loss ",
            "FD · digits-cnn 14.2",
            "step 300",
            "─ settings",
            "optim.lr",
            "─ last values",
            "no problems found",
        )
        assert screen.query_one(Table).key == done.id
        await d.press("p")
        await d.until(lambda: not screen.pane.region)


async def test_where_it_was_put_away_a_hint_brings_it_back_and_elsewhere_it_stays(desk, runs):
    runs.make(name="mine")
    async with desk((120, 36)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("─ settings", "✓ done  mine")
        assert "p shows" not in d.text
        await d.press("p")
        await d.sees("p shows curves and samples")
        assert "─ settings" not in d.text
    async with desk((120, 36)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("mine", "p shows curves and samples")
        await d.resize(80, 24)
        await d.sees("loss ", "✓ done  mine", "▀")
        assert "p shows" not in d.text
        await d.press("p")
        await d.sees("p shows curves and samples")
        await d.resize(120, 36)
        await d.press("p")
        await d.sees("─ settings")


@pytest.mark.parametrize("size", [(120, 36), (160, 48), (200, 60)])
async def test_a_larger_screen_has_more_charts_and_larger_samples(desk, runs, size):
    runs.make(name="mine")
    async with desk(size) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: screen.query_one(Viewer).picture.strips)
        boxes = [box for box in screen.query(Chart) if box.display]
        assert len(boxes) == {120: 1, 160: 2, 200: 4}[size[0]]
        assert screen.query_one(Viewer).picture.size.height >= {120: 8, 160: 13, 200: 17}[size[0]]


async def test_a_very_small_screen_has_the_list_alone_until_the_pane_is_asked_for(desk, runs):
    runs.make(name="mine")
    async with desk((40, 12)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("▸  ✓ done", "mine", "loss")
        assert not screen.pane.region
        await d.press("p")
        await d.sees("▸  ✓ done", "✓ done  mine")


async def test_one_part_is_shown_alone_with_a_key(desk, runs):
    runs.make(name="mine")
    async with desk((80, 24)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: screen.query_one(Viewer).picture.strips)
        await d.sees("Tab curves ▸ samples ▸ facts", "loss ")
        await d.press("tab")
        await d.until(lambda: not screen.query_one(Viewer).region and "loss " in d.text)
        await d.press("tab")
        await d.until(lambda: screen.query_one(Viewer).size.width > 70)
        await d.press("tab")
        await d.sees("optim.lr", "no problems found")
        await d.press("tab")
        await d.until(lambda: "optim.lr" not in d.text and screen.query_one(Viewer).region)


async def test_settings_that_differ_come_first(desk, runs):
    for steps in (100, 200):
        run = runs.make(name=f"of {steps}")
        text = run.recipe_path.read_text()
        run.recipe_path.write_text(text.replace("channels = 32", f"channels = {steps}"))
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("─ settings", "1 differs")
        assert screen.query(FactList).first()._facts[0] == ("model.channels", "200", "accent")
        await d.press("down")
        await d.until(lambda: screen.query(FactList).first()._facts[0] == ("model.channels", "100", "accent"))


async def test_only_where_the_cursor_rests_a_run_is_read(desk, runs, monkeypatch):
    read: list[str] = []
    original = runs_preview.read_charts

    def counted(index, run, *asked):
        read.append(run.id)
        return original(index, run, *asked)

    monkeypatch.setattr(runs_preview, "read_charts", counted)
    made = [runs.make(steps=30, samples=0, fid=None) for _ in range(12)]
    async with desk((160, 45)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: len(screen.query_one(Table).rows) == 12)
        await d.until(lambda: read)
        monkeypatch.setattr("gentui.tui.screens.runs.REST", 3600)
        before = set(read)
        await d.press(*["down"] * 11)
        assert screen.query_one(Table).key == made[0].id
        assert set(read) == before, "none of those that the cursor passed"
        screen._preview()
        await d.until(lambda: made[0].id in read)


async def test_where_a_run_comes_from_stands_last_among_its_facts(desk, runs):
    run = runs.make(name="mine", steps=30, samples=0)
    told = {"family": "imported", "title": "side by side", "host": "box", "command": ["gentui", "run"]}
    run.info_path.write_text(json.dumps({**run.info(), **told, "versions": {"python": "3.12.1"}}))
    async with desk((160, 60)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("project", "side by side", "host", "box", "python", "3.12.1", "command", "gentui run")
