"""No healthy run raises an alarm when it is looked at early: at 1 %, 5 % and 20 % of its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes.recipe import Recipe, load
from engine.runs.paths import shipped_dir
from tests.support.early import looked_at
from tests.support.engine import events

SHIPPED = sorted(path.stem for path in shipped_dir().glob("**/*.toml"))
EARLY = (0.01, 0.05, 0.2)


def quick(name: str) -> Recipe:
    """The quick form, its diffusion sampled in two steps: that is most of the time."""
    recipe = load(name, quick=True)
    values = {"train.precision": "fp32", "sample.steps": min(recipe.sample.steps, 2)}
    return recipe.with_values(values if recipe.sample.sampler != "none" else {"train.precision": "fp32"})


@pytest.mark.parametrize("name", SHIPPED)
def test_no_recipe_raises_an_alarm_at_an_early_look(name, tmp_path: Path):
    recipe = quick(name)
    assert recipe.train.steps is not None
    steps = sorted({max(1, round(share * recipe.train.steps)) for share in EARLY})
    run = looked_at(recipe, tmp_path, steps)
    examined = [event["step"] for event in events(run, "metrics") if "health/pixel_spread" in event["values"]]
    assert examined == (steps if recipe.sample.sampler != "none" else [])
    assert [event["sentence"] for event in events(run, "alert")] == []


@pytest.mark.parametrize("name", ["photos-dcgan", "digits-vae"])
def test_a_run_looked_at_every_five_steps_raises_none(name, tmp_path: Path):
    recipe = quick(name)
    run = looked_at(recipe, tmp_path, range(5, (recipe.train.steps or 0) + 1, 5))
    assert [(event["step"], event["sentence"]) for event in events(run, "alert")] == []
