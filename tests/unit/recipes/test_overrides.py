"""``-o`` and the launch form go through the same checks as the file."""

import pytest

from engine.recipes import recipe
from engine.recipes.values import parse_value


def test_an_override_reaches_the_setting(text):
    made = recipe.loads(text, overrides=["optim.lr=1e-4", "model.multipliers=[1, 2]", "train.precision=fp32"])
    assert made.optim.lr == 1e-4
    assert made.model.multipliers == [1, 2]
    assert made.train.precision == "fp32"


def test_the_last_override_of_a_key_wins(text):
    assert recipe.loads(text, overrides=["train.steps=5", "train.steps=7"]).train.steps == 7


def test_an_empty_override_takes_the_setting_back(text):
    made = recipe.loads(text, overrides=["train.steps=", "train.epochs=2"])
    assert made.train.steps is None
    assert made.steps_total() == 2 * (1437 // 64)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optim.lr=fast", "-o optim.lr=fast: optim.lr: should be a number, not 'fast'"),
        ("optim.lr=nan", "-o optim.lr=nan: optim.lr: should be a finite number, not nan"),
        ("optim.lrr=1", "-o optim.lrr=1: optim.lrr: unknown key (did you mean 'lr'?)"),
        ("train.steps=true", "-o train.steps=true: train.steps: should be a whole number, not true"),
        (
            "train.channels_last=True",
            "-o train.channels_last=True: train.channels_last: should be true",
        ),
        ("optim=1", "-o optim=1: optim: must be a table, not 1"),
        ("optim.lr.x=1", "-o optim.lr.x=1: optim.lr.x: 'lr' is not a table"),
        ("name.x=1", "-o name.x=1: name.x: 'name' is not a table"),
        ("lr", "-o lr: is not KEY=VALUE"),
        ("=1", "-o =1: is not KEY=VALUE"),
        ("optim..lr=1", "-o optim..lr=1: is not KEY=VALUE"),
        ("quick.train.steps=1", "-o quick.train.steps=1: [quick] is set in the file"),
        ("is_quick=true", "-o is_quick=true: is_quick: unknown key"),
        ("stand_in_for=x", "-o stand_in_for=x: stand_in_for: unknown key"),
        ("optim.lr=", "-o optim.lr=: optim.lr: should be a number, not empty"),
    ],
)
def test_a_bad_override_says_which(text, problems, override, expected):
    assert any(p.startswith(expected) for p in problems(text, [override]))


def test_every_bad_override_is_reported_with_every_mistake_in_the_file(text, problems):
    found = problems(text.replace("patience = 2", "patience = 0"), ["optim.lr=-1", "nonsense", "train.seed=-1"])
    assert [p.split(": ")[0] for p in found] == [
        "-o nonsense",
        "-o optim.lr=-1",
        "r.toml:15",
        "-o train.seed=-1",
    ]


def test_a_part_can_be_exchanged_for_one_with_other_settings(text):
    """``patience`` is the plateau's alone; it must not stand in the way of a constant rate."""
    made = recipe.loads(text, overrides=["schedule.name=constant", "model.net=resnet", "optim.name=adamw"])
    assert made.schedule.name == "constant"
    assert made.model.net == "resnet"
    assert made.model.channels == 16, "settings that both parts have are kept"
    assert made.optim.lr == 1e-3


def test_a_key_that_no_part_has_stays_wrong_when_the_part_is_exchanged(text, problems):
    found = problems(text.replace("patience = 2", "patienze = 2"), ["schedule.name=constant"])
    assert any("schedule.patienze: unknown key" in p for p in found)


def test_the_form_uses_the_same_checks(text):
    made = recipe.loads(text)
    assert made.with_values({"optim.lr": 5e-4}).optim.lr == 5e-4
    assert made.with_values({"train.steps": None, "train.epochs": 1.0}).train.steps is None
    with pytest.raises(recipe.RecipeError) as caught:
        made.with_values({"optim.lr": -1.0, "model.channels": "x"})
    assert [(p.where, p.key) for p in caught.value.problems] == [
        ("form", "model.channels"),
        ("form", "optim.lr"),
    ]


def test_every_form_field_is_a_key_that_can_be_set(text):
    made = recipe.loads(text)
    again = made.with_values({field.key: field.value for field in made.form()})
    assert again.raw() == made.raw()


def test_form_fields_offer_the_known_parts(text):
    fields = {field.key: field for field in recipe.loads(text).form()}
    assert "unet" in fields["model.net"].choices
    assert fields["train.precision"].choices == ("auto", "fp32", "bf16", "fp16")
    assert fields["optim.lr"].type == "number"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("3", 3), ("true", True), ("[1, 2]", [1, 2]), ("heun", "heun"), ('"3"', "3"), ("", None),
     ("1\nx = 2", "1\nx = 2"), ("{a = 1}", {"a": 1}), ("  2 ", 2), ("'", "'"), ("#", "#")],
)  # fmt: skip
def test_a_value_is_read_as_toml_or_else_is_text(text, value):
    assert parse_value(text) == value


def test_the_toml_of_a_recipe_makes_the_same_recipe(text):
    made = recipe.loads(text, overrides=["title=\u202e\x1b[31m \"quoted\" \\ 'x'", "data.image_size=12"])
    again = recipe.loads(made.to_toml())
    assert again == made
    assert again.to_toml() == made.to_toml()


def test_a_quick_recipe_is_written_as_what_it_became(text):
    quick = recipe.loads(text, quick=True)
    again = recipe.loads(quick.to_toml())
    assert quick.is_quick
    assert quick.train.steps == again.train.steps == 3
    assert again.quick == {}
