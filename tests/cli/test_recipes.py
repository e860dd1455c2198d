"""``recipes`` and ``recipe``."""

import json

from engine import recipe as recipes
from engine.places import recipe_files


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
