"""Whatever is looked for is found: recipes by their settings, recipes and runs from anywhere."""

from __future__ import annotations

from textual.widgets import Input

from engine.runs.directory import list_runs
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Table


def shown(d) -> set[str]:
    return {row.key for row in d.app.screen.query_one(Table).rows if row.key}


async def test_the_menu_is_searched_by_settings(desk):
    async with desk((120, 30)) as d:
        await d.press("slash", *"wasserstein")
        await d.until(lambda: len(shown(d)) > 4)
        recipes = {card.name: card.recipe for card in d.app.screen._cards}
        assert all("wasserstein" in str(recipes[name].raw()["method"]) for name in shown(d))
        await d.press("ctrl+u", *"net=pooled")
        await d.until(
            lambda: shown(d) and all("pooled" in str(recipes[name].raw()["model"]) for name in shown(d))
        )


async def test_a_recipe_is_found_from_anywhere_and_nothing_is_started(desk):
    async with desk((120, 30)) as d:
        await d.press("slash", *"vae", "enter")
        await d.opens("MachineScreen", "5")
        palette = await d.opens("CommandPalette", "ctrl+p")
        palette.query_one(Input).value = "digits-cfg"
        await d.sees("recipe digits-cfg")
        await d.press("enter")
        screen = await d.on("HomeScreen")
        await d.until(lambda: screen.query_one(Table).key == "digits-cfg")
        assert screen.query_one(Filter).value == "" and list_runs(d.app.home) == []


async def test_a_run_is_found_from_anywhere_by_its_name(desk, runs):
    run = runs.make(name="the golden one", steps=30)
    runs.make(name="another", steps=30)
    async with desk((120, 30)) as d:
        await d.opens("LeaderboardScreen", "3")
        palette = await d.opens("CommandPalette", "ctrl+p")
        palette.query_one(Input).value = "golden"
        await d.sees("run the golden one digits-unet")
        await d.press("enter")
        screen = await d.on("RunScreen")
        assert screen.run_id == run.id
