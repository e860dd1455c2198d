"""Sweeps from the form and from a recipe of one's own: told before they begin."""

from __future__ import annotations

from engine.recipes.recipe import load
from engine.runs.directory import list_runs
from gentui.tui.widgets.settings import SettingsForm


def go_to(d, key: str) -> None:
    form = d.app.screen.query_one(SettingsForm)
    form.set_entries(form._lines, key)


async def test_several_values_in_a_field_are_a_run_each(desk, size, home):
    async with desk(size) as d:
        screen = await d.opens("FormScreen", "e")
        go_to(d, "optim.lr")
        await d.press("ctrl+u", *"1e-3|fast")
        await d.sees("✗ 1 problem")
        assert screen.recipe is None
        await d.press("ctrl+u", *"1e-3|1e-4")
        await d.sees("2 runs (optim.lr × 2), no estimate yet", "--sweep optim.lr=0.001,0.0001")
        go_to(d, "train.seed")
        await d.press("ctrl+u", *"0..2|")
        await d.sees("✗ 1 problem")
        await d.press("backspace", *"|7")
        await d.sees("8 runs", "train.seed=0,1,2,7")
        await d.press("f5")
        listed = await d.on("RunsScreen")
        await d.until(lambda: len(list_runs(home)) == 8)
        first = min(run.id for run in list_runs(home))
        await d.until(lambda: listed.table.key == first)
        await d.press("p")  # the list has the whole width, and cuts no name
        await d.sees("▾ lr seed × 8 · digits-unet", "lr=0.001 seed=0")
        names = {run.info()["name"] for run in list_runs(home)}
        assert "digits-unet lr=0.0001 seed=7" in names


async def test_devices_are_a_field_of_their_own(desk, size, home):
    async with desk(size) as d:
        screen = await d.opens("FormScreen", "e")
        go_to(d, "devices")
        for text, problem in (("7", "cannot be shared equally between 7 devices"), ("x", "1 or more")):
            await d.press("ctrl+u", *text)
            await d.sees("✗ 1 problem")
            assert problem in screen.all_problems() and screen.recipe is None
        await d.press("ctrl+u", "2")
        await d.sees("gentui run digits-unet --devices 2")
        await d.press("f5")
        await d.until(lambda: len(list_runs(home)) == 1)
        (run,) = list_runs(home)
        assert run.read_state().extra["devices"] == 2


async def test_a_choice_takes_several_with_a_bar(desk):
    async with desk((160, 45)) as d:
        await d.opens("FormScreen", "e")
        go_to(d, "optim.name")
        await d.press("|")
        await d.sees("2 runs (optim.name × 2)")
        await d.press("backspace")
        await d.until(lambda: "2 runs" not in d.text and "--sweep" not in d.text)


async def test_the_time_is_estimated_by_earlier_runs(desk, size, runs):
    runs.make()
    async with desk(size) as d:
        await d.opens("FormScreen", "e")
        await d.sees("; about ", "(from 1 run of")
        go_to(d, "model.channels")
        await d.press("ctrl+u", *"32|64")
        await d.sees("2 runs (model.channels × 2), roughly", "channels² × blocks")


async def test_a_recipe_with_a_sweep_says_how_many_runs_before_they_begin(
    desk, size, home, monkeypatch, tmp_path
):
    (tmp_path / "recipes").mkdir()
    text = (
        load("digits-unet")
        .to_toml()
        .replace('name = "digits-unet"', 'name = "mine"', 1)
        .replace("order = 1\n", "order = 0\n")
    )
    (tmp_path / "recipes" / "mine.toml").write_text(text + '\n[sweep]\ntrain.seed = "0..2"\n')
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path))
    async with desk(size) as d:
        await d.press("slash", *"mine", "enter")
        await d.sees("▸ mine")
        await d.opens("FormScreen", "e")
        await d.sees("3 runs (train.seed × 3)", "$ gentui run mine")
        await d.press("escape")
        await d.on("HomeScreen")
        await d.opens("LaunchScreen", "enter")
        await d.sees("3 runs (train.seed × 3)")
        assert list_runs(home) == []
        await d.press("enter")
        await d.on("RunsScreen")
        await d.until(lambda: len(list_runs(home)) == 3)
