"""Sweeps: a run for each combination of several values of some settings. Torch-free.

A recipe's ``[sweep]`` table has lists (or ranges such as ``"0..2"``) by dotted key, and optionally ``random = N``: N of
the combinations, chosen at random with a fixed seed. Every value is validated as if it were set by itself, and all
mistakes are reported at once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.recipes.axes import MAX_RUNS, Axis, count_runs, too_many_runs
from engine.settings.diagnostics import Problem, RecipeError

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe


@dataclass(frozen=True)
class Variant:
    """One run of a sweep: its recipe, and its values of the axes."""

    recipe: Recipe
    values: dict[str, Any]


def check(recipe: Recipe, axes: Sequence[Axis]) -> None:
    """Validate every value of the axes by itself. Raises RecipeError with all problems."""
    alone = recipe.model_copy(update={"sweep": {}})
    problems: dict[str, Problem] = {}
    for axis in axes:
        for value in axis.values:
            try:
                alone.with_values({axis.key: value}, {axis.key: axis.origin})
            except RecipeError as error:
                problems |= {str(problem): problem for problem in error.problems}
    if problems:
        raise RecipeError(list(problems.values()))


def expand(recipe: Recipe, axes: Sequence[Axis], chosen: int | None = None) -> list[Variant]:
    """The variants of all combinations, or of ``chosen`` random ones. Raises RecipeError with all problems."""
    number = count_runs(axes, chosen)
    if number > MAX_RUNS:
        raise RecipeError([too_many_runs(number)])
    check(recipe, axes)
    alone = recipe.model_copy(update={"sweep": {}})
    combinations = itertools.product(*(axis.values for axis in axes))
    if number < count_runs(axes):
        places = set(random.Random(0).sample(range(count_runs(axes)), number))
        combinations = (values for place, values in enumerate(combinations) if place in places)
    origins = {axis.key: axis.origin for axis in axes}
    variants: list[Variant] = []
    problems: dict[str, Problem] = {}
    for combination in combinations:
        values = {axis.key: value for axis, value in zip(axes, combination, strict=True)}
        try:
            varied = alone.with_values(values, origins)
        except RecipeError as error:
            problems |= {str(problem): problem for problem in error.problems}
        else:
            variants.append(Variant(varied, values))
    if problems:
        raise RecipeError(list(problems.values()))
    return variants
