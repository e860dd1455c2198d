"""Sweeps: what they expand to, and that every mistake is told at once."""

from __future__ import annotations

import pytest

from engine.recipes.axes import count_runs, parse_axis, parse_table
from engine.recipes.recipe import RecipeError, load, loads
from engine.recipes.sweep import expand

TEXT = load("digits-unet").to_toml()


def mistakes(action) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        action()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("optim.lr=1e-3,1e-4", "optim.lr", (1e-3, 1e-4)), ("seed=0..2", "train.seed", (0, 1, 2)),
        ("train.seed = 3..4,9", "train.seed", (3, 4, 9)),
        ("model.channels=[1, 2],[3]", "model.channels", ([1, 2], [3])),
        ('optim.name="adam",sgd', "optim.name", ("adam", "sgd")), ("a.b=true,false", "a.b", (True, False)),
    ],
)  # fmt: skip
def test_an_axis_is_read(text, key, values):
    assert (axis := parse_axis(text)).key == key and axis.values == values


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("optim.lr", "is not KEY=VALUE,VALUE"), ("=1", "is not KEY"), ("optim.lr=", "has an empty value"),
        ("optim.lr=1,,2", "has an empty value"), ("optim.lr=1,1", "names a value twice"), ("seed=5..2", "is no range"),
        ("seed=0..99999", "is no range"),
    ],
)  # fmt: skip
def test_a_bad_axis_is_told(text, why):
    (told,) = mistakes(lambda: parse_axis(text))
    assert why in told and told.startswith(f"--sweep {text}")


def test_a_grid_is_every_combination():
    recipe = load("digits-unet")
    axes = [parse_axis("optim.lr=1e-3,1e-4"), parse_axis("seed=0..2")]
    variants = expand(recipe, axes)
    assert count_runs(axes) == len(variants) == 6
    assert {(v.recipe.optim.lr, v.recipe.train.seed) for v in variants} == {  # type: ignore[attr-defined]
        (lr, seed) for lr in (1e-3, 1e-4) for seed in (0, 1, 2)
    }
    assert all(v.recipe.sweep == {} and "[sweep]" not in v.recipe.to_toml() for v in variants)


def test_some_are_chosen_by_chance_and_always_alike():
    recipe = load("digits-unet")
    axes = [parse_axis("seed=0..30"), parse_axis("optim.lr=1e-3,1e-4")]
    values = [v.values for v in expand(recipe, axes, 5)]
    assert len(values) == 5 and values == [v.values for v in expand(recipe, axes, 5)]
    assert len(expand(recipe, axes, 500)) == 62


def test_all_mistakes_are_told_at_once():
    axes = [parse_axis(text) for text in ("optim.lr=fast,1e-3,-1", "optim.lrr=1,2", "train.steps=0,5")]
    told = mistakes(lambda: expand(load("digits-unet"), axes))
    assert len(told) == 4
    for text in ("not 'fast'", "not -1", "unknown key", "train.steps"):
        assert any(text in line and line.startswith("--sweep ") for line in told), text


def test_too_many_runs_are_refused_before_anything_is_tried():
    axes = [parse_axis("seed=0..99"), parse_axis("train.steps=1..99")]
    assert "would be 9,900 runs" in mistakes(lambda: expand(load("digits-unet"), axes))[0]
    assert len(expand(load("digits-unet"), axes, 3)) == 3


@pytest.mark.parametrize(
    "table", ['"optim.lr" = [1e-3, 1e-4]\nseed = "0..2"', "optim.lr = [1e-3, 1e-4]\ntrain.seed = [0, 1, 2]"]
)
def test_a_recipe_brings_its_own(table):
    recipe = loads(f"{TEXT}\n[sweep]\n{table}\n")
    assert count_runs(parse_table(recipe.sweep)) == 6
    again = loads(recipe.to_toml())
    assert parse_table(again.sweep) == parse_table(recipe.sweep)
    # who says a value gets that value
    assert [a.key for a in parse_table(loads(recipe.to_toml(), overrides=["optim.lr=1e-5"]).sweep)] == [
        "train.seed"
    ]
    assert parse_table(recipe.as_quick().sweep) == parse_table(recipe.sweep)


def test_mistakes_in_a_recipe_have_their_lines():
    line = TEXT.count("\n") + 2
    text = f'{TEXT}\n[sweep]\noptim.lr = [1e-3, "fast"]\noptim.lrr = [1]\ntrain.seed = 5\nrandom = 0\n'
    told = mistakes(lambda: loads(text, "mine.toml"))
    assert any(t.startswith(f"mine.toml:{line + 3}: sweep.train.seed: must be a list") for t in told), told
    assert any(
        t.startswith(f"mine.toml:{line + 4}: sweep.random: should be a whole number above 0") for t in told
    )
    text = f'{TEXT}\n[sweep]\noptim.lr = [1e-3, "fast"]\noptim.lrr = [1]\n'
    told = mistakes(lambda: loads(text, "mine.toml"))
    assert len(told) == 2
    assert told[0].startswith(f"mine.toml:{line + 1}: sweep.optim.lr:") and "'fast'" in told[0]
    assert told[1].startswith(f"mine.toml:{line + 2}: sweep.optim.lrr: unknown key")
