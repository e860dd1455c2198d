"""The line of keys names what does something for what is in sight."""

from __future__ import annotations

import pytest

from gentui.config import key_table
from gentui.tui.widgets.bars import KeyBar

WIDE = (200, 40)


def bar(d) -> str:
    return d.text.splitlines()[-1]


async def test_each_pane_of_a_run_names_its_own_keys(desk, runs):
    run = runs.make()
    (run.path / "architecture.txt").write_text("net")
    async with desk(WIDE) as d:
        await d.opens("RunScreen", "4")
        await d.sees("loss")
        assert {"y Log y", "w Smooth", "V Overlay", "e Edit & train"} <= set(bar(d).strip().split("  "))
        assert "Older" not in bar(d) and "/ Filter" not in bar(d)
        await d.press("s")
        await d.until(lambda: "[ Older" in bar(d) and "z Zoom" in bar(d) and "Log y" not in bar(d))
        for key in ("g", "o", "t"):
            await d.press(key)
            await d.until(lambda: "/ Filter" in bar(d) and "Older" not in bar(d) and "Log y" not in bar(d))
        for key in ("Q", "i"):
            await d.press(key)
            await d.until(lambda: "/ Filter" not in bar(d) and "E Evaluate" in bar(d))


async def test_each_tab_of_a_comparison_names_its_own_keys(desk, runs):
    runs.make(name="first"), runs.make(name="second")
    async with desk(WIDE) as d:
        await d.opens("RunsScreen", "2")
        await d.opens("CompareScreen", "asterisk", "C")
        await d.until(lambda: "b Baseline" in bar(d) and "Older" not in bar(d) and "Log y" not in bar(d))
        await d.press("s")
        await d.until(lambda: "[ Older" in bar(d) and "Log y" not in bar(d))
        await d.press("c")
        await d.until(lambda: "y Log y" in bar(d) and "w Smooth" in bar(d) and "Older" not in bar(d))
        await d.press("o")
        await d.until(lambda: "b Baseline" in bar(d) and "Log y" not in bar(d))


@pytest.mark.parametrize(
    ("status", "named", "not_named"),
    [("running", "S Stop", "R Resume"), ("stopped", "R Resume", "S Stop"), ("done", "E Evaluate", "R Resume")],
)
async def test_only_what_can_be_done_to_the_run_is_named(desk, runs, status, named, not_named):
    run = runs.live(50) if status == "running" else runs.make(status=status, steps=50)
    async with desk(WIDE) as d:
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.until(lambda: named in bar(d) and not_named not in bar(d))


async def test_what_has_no_room_leaves_a_sign(desk, runs):
    runs.make()
    async with desk((80, 24)) as d:
        await d.opens("RunScreen", "4")
        await d.sees("loss")
        assert "…" in bar(d) and bar(d).rstrip().endswith("? Help")
        await d.resize(200, 40)
        await d.until(lambda: "…" not in bar(d) and "Esc Back" in bar(d))
        shown = d.app.screen.query_one(KeyBar)._zones
        assert all(bar(d)[start:end] == f"{key.display} {key.label}" for start, end, key in shown)
        assert {key.id for _, _, key in shown} >= {"run.log_y", "app.help", "app.quit"} <= set(key_table.BY_ID)
