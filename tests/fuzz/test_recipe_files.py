"""Recipe files, `-o` and `--sweep` of any content: a recipe that says the same when it is written and read again, or
sentences about what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from engine.recipes.axes import parse_axis
from engine.recipes.recipe import Recipe, RecipeError, UnknownRecipe, load, loads
from engine.runs import paths
from tests.support.cases import cases, limited, numbers, spoiled, texts, words

SHIPPED = ("digits-unet", "digits-vae", "fashion-dcgan", "digitsm-digits-dann", "fashion-unet")


@cache
def _source(name: str) -> dict[str, Any]:
    return tomllib.loads(paths.recipe_files()[name].read_text())


def _names() -> list[str]:
    return [name for name in SHIPPED if name in paths.recipe_files()]


@cache
def _keys() -> list[str]:
    return sorted({field.key for name in _names() for field in load(name).form()})


plain = texts.map(lambda text: text.encode("utf-8", "replace").decode())
values = st.recursive(
    st.one_of(st.booleans(), numbers, plain, st.just(date(2020, 1, 1)), st.just(datetime(2020, 1, 1, 12)),
              st.sampled_from(["auto", "unet", "dcgan", "digits", "celeba", "cosine", "fp16", 0.5, 1e-9, 16, 1e308])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(plain, inner, max_size=2)), max_leaves=5,
)  # fmt: skip
keys = st.one_of(st.sampled_from(_keys()), st.sampled_from(_keys()), plain)
changes = st.lists(st.tuples(keys, st.one_of(values, st.none())), max_size=2)


def changed(name: str, made: list[tuple[str, Any]]) -> dict[str, Any]:
    """A shipped recipe with settings changed by dotted key; None removes one."""
    raw = tomllib.loads(tomli_w.dumps(_source(name)))
    for key, value in made:
        *tables, last = key.split(".")
        table = raw
        for part in tables:
            inner = table.setdefault(part, {})
            table = inner if isinstance(inner, dict) else {}
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    return raw


def outcome(read: Callable[[], Recipe]) -> Recipe | None:
    """The recipe, if it is one and all that the app asks of it has an answer."""
    with limited():
        try:
            recipe = read()
        except RecipeError as error:
            assert error.problems and error.one_line and str(error)
            return None
        assert recipe.form() and recipe.steps_total() > 0 and isinstance(recipe.probe_note(), str)
        assert loads(recipe.to_toml()).raw() == recipe.raw() or "nan" in recipe.to_toml()
        return recipe


@given(name=st.sampled_from(_names()), made=changes, quick=st.booleans())
@cases(350)
def test_a_recipe_with_any_settings(name: str, made: list[tuple[str, Any]], quick: bool):
    text = tomli_w.dumps(changed(name, made))
    outcome(lambda: loads(text, quick=quick))


@given(data=spoiled(st.sampled_from(_names()).map(lambda name: paths.recipe_files()[name].read_bytes())))
@cases(250)
def test_a_file_of_any_bytes(path: Path, data: bytes):
    path.write_bytes(data)

    def read() -> Recipe:
        try:
            return load(path)
        except UnknownRecipe as error:
            raise AssertionError(f"it is there: {error}") from error

    outcome(read)


@given(
    key=st.one_of(st.sampled_from(_keys()), words), value=st.one_of(numbers.map(str), words, values.map(repr))
)
@cases(450)
def test_any_override(key: str, value: str):
    outcome(lambda: load("digits-unet", [f"{key}={value}"]))


@given(text=words)
@cases(300)
def test_an_override_of_any_text(text: str):
    outcome(lambda: load("digits-unet", [text]))


@given(
    key=st.one_of(st.sampled_from(_keys()), words),
    value=st.lists(st.one_of(numbers.map(str), words), max_size=4),
)
@cases(250)
def test_any_sweep(key: str, value: list[str]):
    with limited():
        try:
            axis = parse_axis(f"{key}={','.join(value)}")
        except RecipeError as error:
            assert error.one_line
            return
    for one in axis.values[:2]:
        outcome(lambda one=one: load("digits-unet").with_values({axis.key: one}))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes") / "any.toml"
