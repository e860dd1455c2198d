"""[quick] and its stand-in data."""

import pytest

from engine.recipes import recipe
from engine.runs.paths import recipe_files

SHIPPED = sorted(recipe_files())


def test_quick_applies_only_when_asked_for(text):
    assert recipe.loads(text).train.steps == 10
    assert not recipe.loads(text).is_quick
    assert recipe.loads(text, quick=True).train.steps == 3
    assert recipe.loads(text).as_quick().train.steps == 3


def test_an_override_wins_over_quick(text):
    assert recipe.loads(text, overrides=["train.steps=5"], quick=True).train.steps == 5


def test_embedded_data_stands_in_for_what_is_not_here(no_fashion):
    made = recipe.load("fashion-resnet-noise", quick=True)
    assert (made.dataset, made.stand_in_for) == ("digits", "fashion-mnist")
    assert made.data.resized_shape == (1, 28, 28), "the stand-in has the real images' size"
    made.require_data()


def test_data_that_is_here_needs_no_stand_in(fashion):
    made = recipe.load("fashion-resnet-noise", quick=True)
    assert (made.dataset, made.stand_in_for) == ("fashion-mnist", None)


def test_a_full_run_never_uses_a_stand_in(no_fashion):
    made = recipe.load("fashion-resnet-noise")
    assert made.dataset == "fashion-mnist"
    with pytest.raises(recipe.MissingData, match="gentui data fetch fashion-mnist"):
        made.require_data()


def test_changing_a_quick_recipe_keeps_what_it_stands_in_for(no_fashion):
    made = recipe.load("fashion-resnet-noise").as_quick().with_values({"train.steps": 5})
    assert (made.is_quick, made.stand_in_for, made.train.steps) == (True, "fashion-mnist", 5)


def test_quick_may_exchange_a_part(text):
    made = recipe.loads(text + 'schedule.name = "constant"\n', quick=True)
    assert made.schedule.name == "constant"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_valid_named_as_its_file_and_has_a_quick_form(name, no_fashion):
    made = recipe.load(name)
    assert made.name == name
    assert made.summary
    quick = recipe.load(name, quick=True)
    quick.require_data()
    assert quick.is_quick
    assert quick.steps_total() <= 200
    assert recipe.loads(made.to_toml()) == made


def test_the_menu_begins_with_what_needs_no_download():
    first = recipe.menu()[0][0]
    assert first.name == "digits-unet"
    assert first.data.embedded


@pytest.mark.parametrize(
    ("name", "value"),
    [("fashion-resnet-basic", 161), ("fashion-resnet-noise", 102), ("fashion-resnet-spatial", None),
     ("fashion-resnet-class", 68), ("fashion-unet", 115)],
)  # fmt: skip
def test_published_figures_stand_beside_the_recipes(name, value):
    reference = recipe.load(name).reference
    assert reference is not None
    assert reference.value == value
    assert reference.protocol
    assert reference.source
