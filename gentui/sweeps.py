"""What a sweep will be, told before it begins: its runs with their names and tag, and about how long they take."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.text import clean

if TYPE_CHECKING:
    from engine.recipe import Recipe
    from engine.sweep import Axis
    from gentui.index import RunRow

UNKNOWN = "how long is not known: none of it has run here yet"
_LENGTHS = ("train.steps", "train.epochs", "data.batch_size")
_ENOUGH = 10  # earlier runs whose speeds are looked at


@dataclass(frozen=True)
class Planned:
    """A run that is to be launched."""

    recipe: Recipe
    name: str
    tags: tuple[str, ...] = ()


def axes_of(recipe: Recipe, more: Sequence[Axis] = ()) -> list[Axis]:
    """The axes of the recipe's own [sweep], and ``more``, which go before it."""
    from engine import sweep

    return sweep.merged(sweep.axes_of(recipe.sweep), more)


def planned(recipe: Recipe, axes: Sequence[Axis], name: str = "", chosen: int | None = None) -> list[Planned]:
    """The runs of a recipe: the one, or without mistakes those of its sweep. Raises RecipeError."""
    from engine import sweep

    if not axes:
        return [Planned(recipe, name)]
    of_recipe = recipe.sweep.get(sweep.RANDOM)
    variants = sweep.expand(recipe, axes, chosen or of_recipe)
    label, tag = name or recipe.name, f"sweep-{recipe.name[:40]}-{secrets.token_hex(2)}"
    return [Planned(found.recipe, f"{label} {_told(found.values)}", (tag,)) for found in variants]


def _told(values: dict[str, Any]) -> str:
    return clean(" ".join(f"{key.rpartition('.')[2]}={_short(value)}" for key, value in values.items()), 150)


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")


def shape(axes: Sequence[Axis]) -> str:
    """``optim.lr × 2, train.seed × 3``."""
    return ", ".join(f"{axis.key} × {len(axis.values)}" for axis in axes)


def seconds_for(recipe: Recipe, runs: Iterable[RunRow]) -> float | None:
    """About how long a run of this recipe takes, by the speed of earlier ones here; None where there are none."""
    speeds: list[float] = []
    for run in runs:
        if (run.recipe, run.quick) == (recipe.name, recipe.is_quick) and run.images and run.seconds > 0:
            speeds.append(run.images / run.seconds)
        if len(speeds) == _ENOUGH:
            break
    if not speeds:
        return None
    return recipe.steps_total() * recipe.data.batch_size / statistics.median(speeds)


def seconds_of_all(recipe: Recipe, axes: Sequence[Axis], number: int, runs: Iterable[RunRow]) -> float | None:
    """About how long so many runs of a sweep take one after another."""
    runs = list(runs)
    one = seconds_for(recipe, runs)
    if not one:
        return None
    every = one * number
    for axis in axes:
        if axis.key in _LENGTHS:
            lengths = [seconds_for(recipe.with_values({axis.key: value}), runs) or one for value in axis.values]
            every *= statistics.fmean(lengths) / one
    return every
