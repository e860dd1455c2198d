"""What is typed into the form means what the command line would make of it."""

from __future__ import annotations

import tomllib

import pytest

from engine.recipes.recipe import load
from gentui.tui.widgets.settings_entry import as_text, parse_setting


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-8, "1e-8"), (2e20, "2e20"), (0.1, "0.1"), (1 / 3, repr(1 / 3)), (80.0, "80"), (True, "true"), (None, ""),
     ([1, 2], "[1, 2]"), ([0.9, 0.999], "[0.9, 0.999]"), ("heun", "heun"), (["a"], '["a"]')],
)  # fmt: skip
def test_values_are_written_as_people_type_them(value, text):
    assert as_text(value) == text
    if value is not None and value != "heun":
        assert tomllib.loads(f"x = {text}")["x"] == value


@pytest.mark.parametrize("name", ["digits-unet", "fashion-resnet-noise"])
def test_every_field_put_back_as_it_stood_changes_nothing(name):
    recipe = load(name)
    values = {field.key: parse_setting(field, as_text(field.value)) for field in recipe.form()}
    assert recipe.with_values(values).raw() == recipe.raw()
