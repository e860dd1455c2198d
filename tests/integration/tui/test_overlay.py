"""Runs laid over one another: their colours and markers, and the baseline."""

from __future__ import annotations

import re

import pytest

from gentui.index import Index
from gentui.tui.curves import MARKERS, colour_of, marker_of
from gentui.tui.overlay import DISTINCT, MAX_OVERLAID, SLOTS, Overlay, OverlayEntry
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_text import legend_of
from gentui.tui.widgets.viewer import Viewer


def slots(overlay: Overlay, run: str) -> dict[str, int]:
    return {one.run: one.slot for one in overlay.entries(run, run)}


def test_a_run_keeps_its_colour_wherever_it_is_drawn():
    overlay = Overlay()
    for run in "bcd":
        assert overlay.add(run, run)
    first = slots(overlay, "a")
    assert sorted(first.values()) == [0, 1, 2, 3]
    assert slots(overlay, "c") == {run: first[run] for run in "cbd"}, "also when it is the one looked at"
    overlay.remove("b")
    assert slots(overlay, "a") == {run: first[run] for run in "acd"}
    overlay.add("e", "e")
    assert slots(overlay, "a")["e"] not in first.values(), "and nobody gets it while there are others"
    overlay.add("b", "b")
    assert slots(overlay, "a")["b"] == first["b"]


def test_never_two_of_one_colour_however_many_runs_have_been_drawn():
    overlay = Overlay()
    for number in range(40):
        overlay.toggle(f"run {number % 17}", "")
        while len(overlay) > MAX_OVERLAID - 2:
            overlay.remove(next(one.run for one in overlay.entries("x", "x")[1:]))
        shown = slots(overlay, f"viewed {number % 3}")
        assert len(set(shown.values())) == len(shown) and set(shown.values()) <= set(range(MAX_OVERLAID + 1))


def test_two_runs_never_share_both_colour_and_marker():
    for is_ascii in (False, True):
        assert len({(marker_of(slot, is_ascii), colour_of(slot)) for slot in range(SLOTS)}) == SLOTS
    overlay = Overlay()
    for number in range(MAX_OVERLAID):
        assert overlay.add(str(number), "")
        assert set(slots(overlay, "x").values()) == set(range(number + 2)), "the first eight differ in both"
    for number in range(3, MAX_OVERLAID):
        overlay.remove(str(number))
    assert len({slot % DISTINCT for slot in slots(overlay, str(MAX_OVERLAID - 1)).values()}) == 4, (
        "no colour twice without need"
    )


def test_a_legend_of_many_runs_says_how_many_it_leaves_out():
    laid = [OverlayEntry(str(slot), f"run {slot}", slot, is_baseline=slot == 1) for slot in range(32)]
    whole = legend_of(laid, "braille", 60).plain
    assert "and " not in whole and max(map(len, whole.splitlines())) <= 60
    assert (
        all(f"{marker_of(one.slot, False)} {one.name}" in whole for one in laid) and "run 1 baseline" in whole
    )
    for width in (20, 40, 60, 90):
        told = legend_of(laid, "ascii", width, 3).plain.splitlines()
        assert len(told) == 3
        shown = sum(line.count("run ") for line in told)
        assert f"and {32 - shown} more (V lists all)" in told[-1]
        assert width < 40 or max(map(len, told)) <= width
    assert "● run 0 0.5   ▲ run 1 baseline" in legend_of(laid, "braille", 60, 3, {0: "0.5"}).plain


def test_there_are_no_more_runs_than_slots():
    overlay = Overlay()
    assert all(overlay.add(str(number), "") for number in range(MAX_OVERLAID))
    assert not overlay.add("one more", "") and not overlay.set_baseline("one more", "")
    assert overlay.add("3", "") and len(overlay) == MAX_OVERLAID


def test_the_baseline_stays_when_the_others_go():
    overlay = Overlay()
    overlay.add("a", "a")
    overlay.set_baseline("b", "b")
    overlay.clear()
    assert [(one.run, one.is_baseline) for one in overlay.entries("x", "x")] == [("x", False), ("b", True)]
    overlay.set_baseline("b", "b")
    assert overlay.baseline == "" and "b" in overlay
    overlay.set_baseline("b", "b")
    overlay.remove("b")
    assert overlay.baseline == ""


@pytest.mark.parametrize("how", ["monochrome", "NO_COLOR"])
async def test_eight_runs_are_told_apart_without_any_colour(desk, runs, monkeypatch, how):
    if how == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    for seed in range(8):
        run = runs.make(seed=seed, steps=60, samples=0, fid=None)
    async with desk((160, 45)) as d:
        if how == "monochrome":
            d.app.theme = "gentui-mono"
        for row in await d.until(lambda: len(found := Index(runs.home).runs()) == 8 and found):
            if row.id != run.id:
                d.app.overlays.of(run.id).add(row.id, row.id)
        d.app.open_run(run.id)
        screen = await d.on("RunScreen")
        await d.sees("loss")
        await d.press("enter")
        chart = screen.query_one(Chart)
        strokes = lambda: [one for one in chart.plot.strokes if one.letter != "."] if chart.plot else []  # noqa: E731
        await d.until(lambda: len(strokes()) == 8)
        kinds = {(stroke.letter, stroke.dash) for stroke in strokes()}
        assert len(kinds) == 8 and len({dash for _, dash in kinds}) == 4
        legend = screen.query_one(".charts-legend").visual.plain
        assert all(marker in legend for marker in MARKERS[False])
        if how == "monochrome":
            for stroke in strokes():
                colour = chart.palette.colour(stroke.tone)
                assert colour.r == colour.g == colour.b


async def test_twenty_eight_runs_lie_over_one_another(desk, runs):
    made = [runs.make(seed=seed, name=f"seed {seed:02d}", steps=60, samples=0, fid=None) for seed in range(28)]
    async with desk((110, 45)) as d:
        for n, run in enumerate(made[:-1]):
            d.app.overlays.of(made[-1].id).add(run.id, f"seed {n:02d}")
        d.app.open_run(made[-1].id)
        screen = await d.on("RunScreen")
        await d.sees("● seed 27", "more (V lists all)")
        await d.press("enter")
        chart = screen.query_one(Chart)
        strokes = lambda: [one for one in chart.plot.strokes if one.letter != "."] if chart.plot else []  # noqa: E731
        await d.until(lambda: len(strokes()) == 28)
        assert len({(stroke.letter, stroke.tone) for stroke in strokes()}) == 28
        await d.sees(*(f"seed {n:02d}" for n in range(28)))
        await d.press("vertical_line")
        at_cursor = r"seed 07 \d"
        await d.until(lambda: re.search(at_cursor, screen.query_one(".charts-legend").visual.plain))
        await d.press("escape")
        await d.until(lambda: not re.search(at_cursor, screen.query_one(".charts-legend").visual.plain))


async def test_the_samples_of_the_runs_laid_over_it_move_with_its_own(desk, size, runs):
    other = runs.make(name="two", steps=150, samples=3)
    run = runs.live(300, name="one", samples=3)
    async with desk(size) as d:
        d.app.overlays.of(run.id).add(other.id, "two")
        d.app.open_run(run.id)
        screen = await d.on("RunScreen")
        await d.press("s")
        await d.sees("● step 300 · one", "▲ step 150 · two", "the newest of each, live")
        await d.until(lambda: all(v.picture.strips for v in screen.query("#beside Viewer").results(Viewer)))
        await d.press("left_square_bracket", "left_square_bracket")
        await d.sees("● step 100 · one", "▲ step 100 · two", "as of step 100")
        await d.press("n")
        runs.extend(other, 150, 200, samples=1)
        await d.sees("▲ step 200 · two")
        await d.press("p")
        await d.sees("strip · step 300")
        assert "▲ step" not in d.text
        dialog = await d.opens("OverlayScreen", "V")
        await d.until(lambda: dialog._runs)
        await d.press("down", "space", "escape")
        await d.on("RunScreen")
        assert screen._tab == "samples" and len(screen.overlaid) == 1
