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
        palette = await d.opens("FindScreen", "ctrl+p")
        palette.query_one(Input).value = "digits-cfg"
        await d.sees("recipe   digits-cfg")
        await d.press("enter")
        screen = await d.on("HomeScreen")
        await d.until(lambda: screen.query_one(Table).key == "digits-cfg")
        assert screen.query_one(Filter).value == "" and list_runs(d.app.home) == []


async def test_a_run_is_found_from_anywhere_by_its_name(desk, runs):
    run = runs.make(name="the golden one", steps=30)
    runs.make(name="another", steps=30)
    async with desk((120, 30)) as d:
        await d.opens("LeaderboardScreen", "3")
        palette = await d.opens("FindScreen", "ctrl+p")
        palette.query_one(Input).value = "golden"
        await d.sees("run      the golden one", "done · digits-unet · digits")
        await d.press("enter")
        screen = await d.on("RunScreen")
        assert screen.run_id == run.id


async def test_a_setting_is_found_and_leads_to_its_field(desk):
    async with desk((120, 30)) as d:
        palette = await d.opens("FindScreen", "colon")
        await d.press(*"warmup")
        await d.sees("setting", "schedule.warmup", "fraction of the run spent warming up")
        await d.until(lambda: palette.query_one(Table).rows)
        await d.press("enter")
        screen = await d.on("FormScreen")
        assert screen.form.entry.key == "schedule.warmup"
        await d.press("escape", "slash", *"vae", "enter")
        palette = await d.opens("FindScreen", "colon")
        await d.press(*"penalty_weight")
        await d.until(lambda: palette.query_one(Table).rows)
        await d.press("enter")
        screen = await d.on("FormScreen")
        assert screen.form.entry.key == "method.penalty_weight", "of a recipe that has it"
    assert list_runs(d.app.home) == []


async def test_what_has_been_read_leaves_the_cursor_where_it_is(desk, runs):
    runs.make(name="the run", steps=30)
    async with desk((120, 30)) as d:
        palette = await d.opens("FindScreen", "colon")
        await d.press(*"run")
        await d.until(lambda: palette._read)
        await d.press("down", "down")
        table, read = palette.query_one(Table), palette._read
        here = palette._shown[int(table.key)]
        palette._have_read([read[-1], *read[:-1]])
        assert table.key != "0" and palette._shown[int(table.key)] == here


async def test_a_metric_is_found_and_leads_to_its_curve(desk, runs):
    run = runs.make(steps=30)
    async with desk((120, 30)) as d:
        palette = await d.opens("FindScreen", "colon")
        await d.press(*"metric loss")
        await d.sees("its curve in")
        await d.until(lambda: palette.query_one(Table).key)
        await d.press("enter")
        screen = await d.on("RunScreen")
        await d.until(lambda: screen.query_one(Filter).value == "loss")
        assert screen.run_id == run.id and screen.query_one(Filter).is_open


async def test_nonsense_is_answered_with_a_sentence_and_enter_does_nothing(desk):
    async with desk((80, 24)) as d:
        palette = await d.opens("FindScreen", "colon")
        await d.press(*"xyzzy")
        await d.sees("Nothing is called 'xyzzy' here: try a part of a name.")
        await d.press("enter")
        assert d.app.screen is palette
        await d.opens("HomeScreen", "escape")


async def test_the_palette_has_nothing_that_acts_from_names_of_runs(desk, runs):
    runs.make(name="[bold]x[/] [@click=app.quit]y", steps=30)
    async with desk((120, 30)) as d:
        await d.opens("FindScreen", "colon")
        await d.press(*"bold")
        await d.sees("[bold]x[/] [@", "quit]y")


async def test_a_colon_is_text_where_text_is_typed(desk):
    async with desk() as d:
        await d.press("slash", *"a:b")
        assert d.app.screen.query_one(Filter).value == "a:b"
        await d.press("escape")
        screen = await d.opens("FormScreen", "e")
        await d.press(*"a:b")
        assert screen.form.entry.text == "a:b"
