"""Settings that may be changed when a run is resumed: those that do not touch the experiment. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.recipes.recipe import Recipe, load
from engine.settings.diagnostics import Problem, RecipeError

CHANGEABLE = ("evaluate", "sample", "health", "train.checkpoint_minutes", "train.keep")
"""Tables, and single settings of others, on which the weights do not depend."""
_IN_WORDS = "evaluate.*, sample.*, health.*, train.checkpoint_minutes and train.keep"

Changes = dict[str, list[Any]]
"""Old and new value of each changed setting, by dotted key; None for one that is not set."""


def changed_recipe(path: Path, overrides: Iterable[str]) -> tuple[Recipe, Changes]:
    """The recipe of a run with ``overrides`` (``table.key=value``), and what they change.

    Raises UnknownRecipe, or RecipeError with every problem: those of ``load``, and settings that make the experiment.
    """
    overrides = list(overrides)
    before = load(path, of_run=True)
    refused = [Problem(f"-o {text}", key, _refusal(before, text)) for text, key in map(_keyed, overrides)
               if key and not _is_changeable(key)]  # fmt: skip
    if refused:
        raise RecipeError(refused)
    after = load(path, overrides, of_run=True)
    old, new = _by_key(before), _by_key(after)
    return after, {
        key: [old.get(key), new.get(key)] for key in sorted(old | new) if old.get(key) != new.get(key)
    }


def _keyed(override: str) -> tuple[str, str]:
    key, equals, _ = override.partition("=")
    return override, key.strip() if equals else ""  # what is not KEY=VALUE is reported by ``load``


def _is_changeable(key: str) -> bool:
    return key in CHANGEABLE or key.partition(".")[0] in CHANGEABLE


def _refusal(recipe: Recipe, override: str) -> str:
    return (
        f"is part of the experiment and stays as it is: a resumed run may change {_IN_WORDS} "
        f"(`gentui run {recipe.name} -o {override}` starts a new run with it)"
    )


def _by_key(recipe: Recipe) -> dict[str, Any]:
    return {
        f"{table}.{key}": value
        for table, values in recipe.raw().items()
        if isinstance(values, dict) and table not in ("quick", "sweep", "reference")
        for key, value in values.items()
    }
