"""Themes, copying, the tour, a slow line."""

from __future__ import annotations

import base64
import json

import pytest
from textual.color import Color

from gentui.config import preferences
from gentui.tui.index_reader import SLOW
from gentui.tui.screens.tour import lines
from gentui.tui.themes import THEMES
from gentui.tui.workbench import GentuiApp
from tests.support.app import look
from tests.support.terminal import Terminal
from tests.support.textual_private import notices, show_notices


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_can_be_read(name: str):
    theme = THEMES[name][0]
    background = Color.parse(theme.background or "")
    for tone in ("primary", "accent", "success", "warning", "error", "foreground"):
        assert contrast(Color.parse(getattr(theme, tone)), background) >= 4.5, tone
    assert contrast(Color.parse(theme.variables["text-muted"]), background) >= 4.5


def contrast(one: Color, other: Color) -> float:
    """As WCAG has it."""

    def luminance(color: Color) -> float:
        parts = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def test_a_theme_is_chosen_and_remembered(desk):
    async with desk() as d:
        assert d.app.theme == "gentui"
        await d.press("ctrl+t")
        assert d.app.theme == "gentui-light"
    async with desk() as d:
        assert d.app.theme == "gentui-light"
        await d.press("ctrl+t", "ctrl+t")
        assert d.app.theme == "gentui"


async def test_a_screen_that_was_left_has_the_theme_chosen_since(desk, runs):
    runs.make()
    async with desk() as d:
        await d.opens("RunsScreen", "2")
        await d.sees("digits-unet")
        before = look(d.app)
        await d.opens("HomeScreen", "1")
        await d.press("ctrl+t")
        await d.opens("RunsScreen", "2")
        light = look(d.app)
        assert light[1] != before[1]
        d.app.refresh_css(animate=False)
        await d.settle()
        assert look(d.app) == light


async def test_without_colour_no_theme_is_chosen(desk, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk() as d:
        await d.press("ctrl+t")
        assert d.app.theme == "ansi-dark" and "NO_COLOR" in [told.message for told in notices(d.app)][-1]


@pytest.mark.parametrize("content", ["[]", "{", '{"theme": 3, "toured": "x"}', '{"theme": "no such"}'])
def test_broken_preferences_are_none(home, content: str):
    preferences.path().write_text(content)
    assert preferences.read().toured is False
    GentuiApp(home)
    assert preferences.remember(toured=True)
    assert json.loads(preferences.path().read_text())["toured"] is True


@pytest.mark.parametrize("key", ["1", "2", "3", "4", "5"])
async def test_ctrl_c_says_how_to_leave_in_our_words(desk, runs, key):
    runs.make()
    async with desk() as d:
        await d.press(key)
        await d.type("ctrl+c")
        assert [told.message for told in notices(d.app)] == ["q quits; training goes on."]


async def test_notices_leave_captions_messages_and_keys_alone(desk, each_size, runs):
    runs.make(samples=2)
    async with desk(each_size) as d:
        show_notices(d.app)
        await d.opens("RunScreen", "4", "s")
        await d.press("s")
        await d.sees("grid · step 300 · 2 of 2")
        below = d.text.splitlines()[-3:]
        d.app.toast("a sentence of some length, " * 4)
        await d.sees("a sentence of some length")
        assert d.text.splitlines()[-3:] == below


async def test_what_is_copied_is_also_shown(desk, runs, size):
    run = runs.make(name="mine")
    async with desk(size) as d:
        await d.press("Y")
        assert "Choose a run first" in [told.message for told in notices(d.app)][-1]
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.opens("CopyScreen", "Y")
        await d.sees(run.id, "gentui run digits-unet", "path")
        await d.press("i")
        await d.sees("The id was sent")
        assert d.app.clipboard == run.id
        await d.press("c")
        assert d.app.clipboard == "gentui run digits-unet"
        await d.press("p", "escape")
        assert d.app.clipboard == str(run.path)


def test_copies_reach_the_terminal_and_the_tour_is_shown_once(home, runs):
    run = runs.make(name="mine")
    preferences.path().unlink()
    for is_first in (True, False):
        t = Terminal(home)
        try:
            t.sees("▸ digits-unet")
            if is_first:
                t.sees("Welcome to gentui", "1  Enter on a recipe", "5  ^p finds")
                t.press("q")
                t.until(lambda t=t: "Welcome" not in t.text)
            t.press("2")
            t.sees("mine")
            assert "Welcome" not in t.text
            t.press("Y")
            t.sees("gentui run digits-unet")
            t.press("i")
            t.sees("was sent")
            assert b"\x1b]52;c;" + base64.b64encode(run.id.encode()) in t.raw
        finally:
            t.close()


async def test_a_key_at_the_tour_closes_it_and_does_what_it_does(desk, runs):
    runs.make()
    async with desk() as d:
        await d.opens("TourScreen", "f12")
        await d.opens("RunsScreen", "2")
        await d.opens("TourScreen", "f12")
        await d.press("slash", *"ab")
        await d.until(lambda: d.app.screen.query_one("#runs-filter").value == "ab")
        await d.press("escape")
        await d.opens("TourScreen", "f12")
        await d.opens("RunsScreen", "enter")
        await d.opens("TourScreen", "f12")
        await d.opens("HelpScreen", "f1")


def test_the_tour_is_five_lines():
    assert len(lines()) == 5


async def test_over_a_slow_line_redraws_are_few(home):
    app = GentuiApp(home, low_bandwidth=True)
    assert app.reader._redraw == SLOW == 5.0
