"""Preferences: changed by keyboard, at once where that can be, and kept."""

from __future__ import annotations

import json

import pytest

from gentui.config import preferences
from gentui.config.preferences import Preferences
from gentui.tui import app as tui
from gentui.tui.curves import COLOURS
from gentui.tui.themes import CURVES, PALETTES, THEMES, curve_colours
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_tones import LINE
from gentui.tui.widgets.table import Table


async def test_every_preference_is_changed_by_keyboard_and_kept(desk, size, runs):
    run = runs.make()
    async with desk(size) as d:
        screen = await d.opens("PreferencesScreen", "f10")
        await d.press("enter")
        assert d.app.theme == "gentui-light"
        await d.press("left", "left")
        assert d.app.theme == "gentui-mono"
        await d.press("right")
        for _ in range(5):
            await d.press("down", "right")
        assert preferences.read() == Preferences(
            "gentui", True, "bright", "kitty", "braille", "runs", True
        )  # fmt: skip
        await d.sees("dark", "bright", "kitty", "braille", "yes")
        assert d.app.images == "kitty"
        await d.press("up", "up", "up", "left", "left")
        assert preferences.read().images == "none"
        assert screen.query_one(Table).key == "images"
        await d.press("escape")
        d.app.open_run(run.id)
        view = await d.on("RunScreen")
        chart = await d.until(lambda: view.query(Chart).first().drawings and view.query(Chart).first())
        assert chart.palette.colour(LINE).hex.lower() == PALETTES["bright"][0]
        await d.press("f10", "down", "right", "escape")
        await d.until(lambda: chart.palette.colour(LINE).hex.lower() == PALETTES["sunset"][0])


@pytest.mark.parametrize(
    ("start", "screen"), [("runs", "RunsScreen"), ("newest", "RunScreen"), ("moon", "HomeScreen")]
)
async def test_the_app_begins_where_one_likes(desk, runs, start, screen):
    runs.make()
    preferences.path().write_text(json.dumps({"toured": True, "start": start}))
    async with desk(ready=False) as d:
        await d.on(screen)


async def test_the_list_of_runs_is_filtered_as_it_was_left(desk, runs, home):
    runs.make(name="first")
    runs.make(name="second", seed=1)
    async with desk((120, 30)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("first", "second")
        await d.press("slash", *"second", "enter")
        await d.until(lambda: preferences.read_of_home(home).runs_filter == "second")
    async with desk((120, 30)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: "second" in d.text and len(screen.query_one(Table).rows) == 1)
        assert screen.query_one(Table).key
        await d.press("escape")
        await d.sees("first", "second")
        await d.until(lambda: preferences.read_of_home(home).runs_filter == "")


def test_what_is_no_choice_is_the_default(desk):
    preferences.path().write_text(
        json.dumps(
            {"toured": 1, "palette": 3, "images": "oil", "lines": "block", "low_bandwidth": "yes", "x": 1}
        )
    )
    assert preferences.read() == Preferences(lines="block")


def test_the_command_line_has_the_last_word(monkeypatch, desk, tmp_path):
    from gentui.tui import terminal, workbench

    preferences.remember(images="half", low_bandwidth=True, lines="block")
    asked, started = [], []

    class CapabilityQuery:
        partial_reply = None

        def __init__(self, images: str):
            asked.append(images)

        def result(self) -> tuple[str, str]:
            return asked[-1], ""

    class App:
        def __init__(self, *arguments):
            started.append(arguments)

        def run(self) -> int:
            return 0

    monkeypatch.setattr(terminal, "CapabilityQuery", CapabilityQuery)
    monkeypatch.setattr(workbench, "GentuiApp", App)
    for name in ("GENTUI_PLOT", "ESCDELAY"):
        monkeypatch.setenv(name, "")  # so that it is as it was afterwards
        monkeypatch.delenv(name)
    tui.run(tmp_path)
    tui.run(tmp_path, "none")
    assert asked == ["half", "none"]
    assert [arguments[3] for arguments in started] == [True, True]


@pytest.mark.parametrize("theme", [theme for theme, _ in THEMES.values()], ids=lambda theme: theme.name)
@pytest.mark.parametrize("palette", ["theme", *PALETTES])
def test_a_palette_has_a_colour_for_every_curve(theme, palette):
    colours = curve_colours(palette, theme)
    assert [f"${name}" for name in colours] == list(COLOURS) and len(COLOURS) == CURVES
    if palette in PALETTES:
        assert len(set(colours.values())) == CURVES
