"""No healthy run raises an alarm however often it is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes.recipe import Recipe, load
from tests.support.early import looked_at
from tests.support.engine import events


def quick(name: str) -> Recipe:
    """The quick form, its diffusion sampled in two steps: that is most of the time."""
    recipe = load(name, quick=True)
    values = {"train.precision": "fp32", "sample.steps": min(recipe.sample.steps, 2)}
    return recipe.with_values(values if recipe.sample.sampler != "none" else {"train.precision": "fp32"})


@pytest.mark.parametrize("name", ["photos-dcgan", "digits-vae"])
def test_a_run_looked_at_every_five_steps_raises_none(name, tmp_path: Path):
    recipe = quick(name)
    run = looked_at(recipe, tmp_path, range(5, (recipe.train.steps or 0) + 1, 5))
    assert [(event["step"], event["sentence"]) for event in events(run, "alert")] == []
