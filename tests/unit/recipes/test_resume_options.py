"""Which settings a resumed run may change, and how the others are refused."""

from __future__ import annotations

import pytest

from engine.recipes.recipe import RecipeError, load
from engine.recipes.resume_options import changed_recipe


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(load("digits-unet").to_toml())
    return path


def test_old_and_new_values_are_given(path):
    recipe, changes = changed_recipe(
        path, ["evaluate.batch_size=32", "sample.times=3", "health.alarms=false", "train.keep=2", "train.keep=4",
               "train.checkpoint_minutes=0.5", "evaluate.times=" + str(load(path).evaluate.times)],
    )  # fmt: skip
    assert changes == {
        "evaluate.batch_size": [load(path).evaluate.batch_size, 32],
        "health.alarms": [True, False],
        "sample.times": [load(path).sample.times, 3],
        "train.checkpoint_minutes": [2.0, 0.5],
        "train.keep": [0, 4],
    }
    assert (recipe.evaluate.batch_size, recipe.train.keep) == (32, 4)
    assert recipe.optim == load(path).optim


@pytest.mark.parametrize(
    "key",
    ["optim.lr", "train.steps", "train.seed", "train.precision", "data.batch_size", "model.channels", "name"],
)
def test_what_makes_the_experiment_is_refused_in_one_sentence(path, key):
    with pytest.raises(RecipeError) as refused:
        changed_recipe(path, ["evaluate.batch_size=32", f"{key}=7"])
    assert str(refused.value) == (
        f"-o {key}=7: {key}: is part of the experiment and stays as it is: a resumed run may change evaluate.*, "
        "sample.*, health.*, train.checkpoint_minutes and train.keep "
        f"(`gentui run digits-unet -o {key}=7` starts a new run with it)"
    )


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("evaluate.batch_size=many", "-o evaluate.batch_size=many: evaluate.batch_size:"),
        ("evaluate.batchsize=3", "did you mean 'batch_size'"),
        ("evaluate", "is not KEY=VALUE"),
        ("evaluate=3", "must be a table"),
        ("sample.sampler=nowhere", "unknown sampler"),
    ],
)
def test_mistakes_are_those_of_a_new_run(path, override, says):
    with pytest.raises(RecipeError, match=says):
        changed_recipe(path, [override])
