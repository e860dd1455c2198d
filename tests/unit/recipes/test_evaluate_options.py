"""What ``gentui evaluate`` changes of a recipe, and the sampler that scores are made with."""

from __future__ import annotations

import pytest

from engine.recipes.evaluate_options import with_evaluate_options
from engine.recipes.recipe import load

WIDE = "fashion-wide-class"


def sampling(name: str, as_published: bool = False, **options: object) -> str:
    recipe = with_evaluate_options(load(name), options, as_published)
    assert recipe.as_scored() == recipe
    return recipe.sample.summary


def test_options_begin_with_the_sampler_of_the_scores():
    assert load(WIDE).sample.summary == "heun 18"
    assert sampling(WIDE) == "dpm++ 10"
    assert sampling(WIDE, steps=25) == "dpm++ 25"
    assert sampling(WIDE, sampler="heun", steps=18) == "heun 18"


def test_a_published_figure_is_of_the_authors_sampler():
    assert sampling("mnistm-ddpm-cfg").startswith("dpm++ 14")
    assert sampling("mnistm-ddpm-cfg", as_published=True).startswith("ddpm 500")


@pytest.mark.parametrize(("name", "override", "said"), [
    ("cats-ddpm", "evaluate.sampler=foo", "one of: ddpm, ddim, dpm++"),
    ("cats-ddpm", "evaluate.sampler=direct", "does not fit this method"),
    ("cats-ddpm", "evaluate.steps=2000", "trained at 1000 noise levels"),
    ("faces-dcgan", "evaluate.sampler=heun", "made in one pass"),
])  # fmt: skip
def test_a_sampler_that_the_method_does_not_allow_is_refused(problems, name, override, said):
    text = load(name).to_toml()
    (problem,) = problems(text, [override])
    assert said in problem and override.split("=")[0] in problem
