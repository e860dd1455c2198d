"""Keys that come in one go, as over a slow line: the last one acts on what was typed before it."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

from gentui.export import render
from gentui.tui.sampler_process import SamplerProcess
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table


async def test_the_form_trains_what_was_typed(desk, home, monkeypatch):
    launched: list[Any] = []
    async with desk((120, 40)) as d:
        monkeypatch.setattr(
            d.app, "launch", lambda recipe, name, **more: launched.append((name, more["command"]))
        )
        await d.opens("FormScreen", "e")
        await d.burst(*"abc", "f5")
        ((name, command),) = launched
        assert name == "abc" and command[-2:] == ["--name", "abc"]


async def test_the_form_refuses_the_mistake_that_was_typed_last(desk, monkeypatch):
    launched: list[Any] = []
    async with desk((120, 40)) as d:
        monkeypatch.setattr(d.app, "launch", lambda *given, **more: launched.append(given))
        screen = await d.opens("FormScreen", "e")
        form = screen.query_one(SettingsForm)
        while form.entry.key != "train.steps":
            await d.press("down")
        await d.burst("x", "f5")
        assert not launched and "train.steps" in screen.problems


async def test_a_table_is_written_in_the_format_chosen_last(desk, runs, tmp_path):
    runs.make(fid=5.31)
    async with desk((100, 40)) as d:
        screen = await d.opens("ExportScreen", "x")
        await d.until(lambda: screen._text)
        await d.burst("right", "f5")
        await d.until(lambda: (tmp_path / "results.md").exists())
        assert (tmp_path / "results.md").read_text() == render(runs.home, "md")


async def test_the_playground_draws_with_the_number_typed_last(desk, runs, undrawn, monkeypatch):
    asked: list[Any] = []
    monkeypatch.setattr(SamplerProcess, "ask", lambda self, **words: asked.append(words) or 1)
    made = runs.make()
    (made.checkpoints / "last").mkdir(parents=True, exist_ok=True)
    async with desk((160, 45)) as d:
        await d.opens("RunScreen", "4")
        await d.until(lambda: d.app.screen.snapshot)
        await d.opens("PlaygroundScreen", "P")
        await d.burst("down", *"77", "enter")
        assert "--steps=77" in asked[-1]["arguments"]


async def test_the_palette_leads_to_what_was_typed(desk):
    async with desk((120, 30)) as d:
        palette = await d.opens("FindScreen", "colon")
        await d.until(lambda: palette._read)
        await d.burst(*"recipe digits-cfg", "enter")
        screen = await d.on("HomeScreen")
        await d.until(lambda: screen.query_one(Table).key == "digits-cfg")


@pytest.mark.parametrize("name", ["alpha", "omega"])
async def test_enter_opens_the_row_that_the_filter_leaves(desk, runs, name):
    made = {name: runs.make(name=name, steps=30) for name in ("alpha", "omega")}
    async with desk((120, 30)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("alpha", "omega")
        await d.burst("slash", *name, "enter")
        assert screen.query_one(Input).value == name
        await d.press("enter")
        assert (await d.on("RunScreen")).run_id == made[name].id
