"""The settings form and the launch sheet: what comes first, the filter, and where runs train."""

from __future__ import annotations

from typing import Any

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import list_runs
from gentui.jobs import launchers
from gentui.tui.screens.form_fields import IMPORTANT
from gentui.tui.widgets.settings import SettingsForm
from tests.support.fake_slurm import FakeSlurm
from tests.support.textual_private import notices


@pytest.fixture
def elsewhere(home, tmp_path, monkeypatch) -> FakeSlurm:
    """A home whose hosts.toml names a host, and a Slurm that takes what it is given."""
    launchers._launcher.cache_clear()
    slurm = FakeSlurm(tmp_path / "slurm", monkeypatch)
    slurm.answer("sbatch", "83\n")
    (home / "hosts.toml").write_text('[gpu]\npartition = "gpu"\n')
    return slurm


def shown(form: SettingsForm) -> list[str]:
    return [line if isinstance(line, str) else line.key for line in form._lines]


async def test_the_important_settings_come_first_and_each_setting_once(desk):
    async with desk() as d:
        form = (await d.opens("FormScreen", "e")).query_one(SettingsForm)
        keys = [entry.key for entry in form.entries]
        recipe = [field.key for field in load("digits-unet").form()]
        first = [key for key in IMPORTANT if key in recipe]
        assert keys[: len(first) + 2] == ["name", *first, "devices"]
        assert sorted(keys[len(first) + 2 :] + first) == sorted(recipe)
        await d.sees("a | b in a field trains a run for each value", "data · images and augmentation")
        await d.opens("HelpScreen", "f1")
        await d.sees("several values in a field train a run")


async def test_slash_filters_settings_and_a_path_takes_it(desk, each_size):
    async with desk(each_size) as d:
        form = (await d.opens("FormScreen", "e")).query_one(SettingsForm)
        await d.press("slash", *"weight_dec", "enter")
        assert shown(form) == ["optim · the optimiser", "optim.weight_decay"]
        await d.press("ctrl+u", *"0.1")
        await d.sees("-o optim.weight_decay=0.1")
        await d.press("slash", *" nothing of the kind")
        await d.sees("✗ no setting matches")
        assert shown(form), "what was found last"
        await d.press("escape")
        assert len(shown(form)) > 60 and form.has_focus
        await d.press("ctrl+f", *"evaluate.weights", "enter", *"/tmp/w")
        assert form.entry.text == "/tmp/w"
        await d.press("escape")
        await d.opens("ConfirmScreen", "escape")


async def test_a_mistake_that_the_filter_hides_still_counts(desk):
    async with desk() as d:
        screen = await d.opens("FormScreen", "e")
        await d.press("down", *"x", "slash", *"betas")
        assert shown(screen.form) == ["optim · the optimiser", "optim.betas"]
        await d.sees("✗ 1 problem")
        await d.press("escape")
        assert next(entry.problem for entry in screen.form.entries if entry.key == "train.seed")


async def test_the_short_form_keeps_the_cursor(desk):
    async with desk() as d:
        form = (await d.opens("FormScreen", "e")).query_one(SettingsForm)
        while form.entry.key != "optim.betas":
            await d.press("down")
        await d.press("f6")
        await d.sees("short test run", "200 steps of 64")
        assert form.entry.key == "optim.betas"


@pytest.mark.parametrize(
    ("name", "samplers"),
    [("digits-unet", {"heun", "euler", "dpm++", "ddim"}), ("faces-dcgan", {"direct"})],
)
def test_a_recipe_offers_the_samplers_of_its_method(name, samplers):
    field: Any = next(field for field in load(name).form() if field.key == "sample.sampler")
    assert set(field.choices) == samplers


async def test_without_other_hosts_there_is_no_place_to_choose(desk, home):
    async with desk() as d:
        form = (await d.opens("FormScreen", "e")).query_one(SettingsForm)
        assert not any(entry.key == "on" for entry in form.entries)
        await d.press("escape")
        await d.opens("LaunchScreen", "enter")
        await d.sees("name   –")
        assert "where" not in d.text
        await d.press("o")
        assert "hosts.toml names no other place" in notices(d.app)[-1].message


async def test_a_run_is_named_and_sent_to_another_host_from_the_sheet(desk, home, elsewhere):
    async with desk() as d:
        await d.opens("LaunchScreen", "enter")
        await d.sees("where  this machine", "local, gpu, slurm", "starts now")
        await d.press("o")
        await d.sees("where  gpu", "queued at gpu", "--on gpu")
        await d.opens("PromptScreen", "n")
        await d.press(*"night", "enter")
        await d.sees("name   night", "$ gentui run digits-unet --on gpu --name night")
        await d.press("enter")
        await d.until(lambda: list_runs(home))
        (run,) = list_runs(home)
        assert run.info()["name"] == "night" and run.read_state().extra["on"]["name"] == "gpu"
        assert run.info()["command"] == ["gentui", "run", "digits-unet", "--on", "gpu", "--name", "night"]


async def test_a_sweep_goes_to_another_host_as_one_array(desk, home, elsewhere):
    async with desk() as d:
        screen = await d.opens("FormScreen", "e")
        form = screen.form
        await d.until(lambda: any(entry.key == "on" for entry in form.entries))
        while form.entry.key != "optim.lr":
            await d.press("down")
        await d.press("|", *"1e-3")
        while form.entry.key != "on":
            await d.press("down")
        await d.press("right")
        await d.sees("2 runs", "--on gpu")
        await d.press("f5")
        await d.until(lambda: len(list_runs(home)) == 2)
        handed = [call for call in elsewhere.calls if call.startswith("sbatch") and "--test-only" not in call]
        assert len(handed) == 1 and "--array=0,1" in handed[0]


async def test_what_the_sheet_was_given_is_in_the_form(desk, home, elsewhere):
    async with desk() as d:
        await d.opens("LaunchScreen", "enter")
        await d.sees("where  this machine")
        await d.press("o")
        await d.opens("PromptScreen", "n")
        await d.press(*"night", "enter")
        form = (await d.opens("FormScreen", "e")).form
        await d.sees("gentui run digits-unet --on gpu --name night")
        texts = {entry.key: entry.text for entry in form.entries}
        assert (texts["name"], texts["on"]) == ("night", "gpu")
