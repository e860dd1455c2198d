"""``recipes`` and ``recipe``."""

import json

from engine.recipes import recipe as recipes
from engine.runs.paths import recipe_files


def test_recipes_lists_every_shipped_recipe(invoke):
    result = invoke("recipes")
    assert result.exit_code == 0
    for name in recipe_files():
        assert name in result.stdout


def test_recipes_as_json(invoke):
    rows = json.loads(invoke("recipes", "--json").stdout)
    assert {row["name"] for row in rows} == set(recipe_files())
    row = next(row for row in rows if row["name"] == "fashion-resnet-noise")
    assert (row["family"], row["dataset"]) == ("diffusion", "fashion-mnist")
    assert row["reference"]["value"] == 102
    assert isinstance(row["data_here"], bool)
    assert {"title", "summary"} <= row.keys()


def test_recipe_prints_toml_that_is_the_recipe(invoke):
    result = invoke("recipe", "digits-unet")
    assert recipes.loads(result.stdout) == recipes.load("digits-unet")


def test_recipe_shows_what_overrides_and_quick_make_of_it(invoke):
    made = recipes.loads(invoke("recipe", "digits-unet", "--quick", "-o", "optim.lr=0.5").stdout)
    assert made.optim.lr == 0.5
    assert made.train.steps == recipes.load("digits-unet", quick=True).train.steps


def test_a_recipe_can_be_a_file(invoke, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(recipes.load("digits-unet", ["train.steps=3"]).to_toml())
    assert "steps = 3" in invoke("recipe", str(path)).stdout


def test_recipes_stand_in_the_order_of_the_menu_and_by_family(invoke):
    rows = json.loads(invoke("recipes", "--json").stdout)
    assert [row["name"] for row in rows] == [recipe.name for recipe in recipes.menu()[0]]
    some = json.loads(invoke("recipes", "--family", "dann", "--json").stdout)
    assert some == [row for row in rows if row["family"] == "dann"] and some
    result = invoke("recipes", "--family", "gun")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "diffusion" in result.stderr


def test_recipes_are_found_by_words_of_their_names_data_sets_and_settings(invoke):
    def named(words: str, *more: str) -> list[str]:
        return [row["name"] for row in json.loads(invoke("recipes", "--json", "--filter", words, *more).stdout)]

    assert named("dann target") == ["digitsm-digits-target", "mnistm-svhn-target", "mnistm-usps-target"]
    assert named("wasserstein celeba") == ["faces-wgan-gp", "faces-wgan-div"], "by a setting"
    assert named("FASHION unet concat") == ["fashion-unet-concat"], "in any case"
    assert named("target", "--family", "gan") == [] == named("no such words")
    shown = invoke("recipes", "--filter", "fashion-unet-concat").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["NAME", "fashion-unet-concat"]


def test_recipes_say_what_stands_in_for_data_that_is_missing(invoke, monkeypatch):
    from engine.settings.datasets.published import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "locate", classmethod(lambda cls: None))
    row = next(row for row in json.loads(invoke("recipes", "--json").stdout) if row["name"] == "fashion-unet")
    assert (row["data_here"], row["stand_in"]) == (False, "digits")
    (line,) = [line for line in invoke("recipes").stdout.splitlines() if line.startswith("fashion-unet ")]
    assert "≈ digits" in line


def test_sample_names_every_sampler_that_takes_steps(invoke):
    from engine.settings import registry
    from gentui.cli.commands.sample import SAMPLERS

    assert {*SAMPLERS, "direct", "none"} == set(registry.names("sampler"))
    text = " ".join(invoke("sample", "--help").stdout.split())
    assert ", ".join(SAMPLERS) in text and "comma-separated attributes" in text
