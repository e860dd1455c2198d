"""Axes of a sweep, parsed from ``[sweep]`` tables, ``--sweep`` options and form fields. Torch-free."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.recipes.values import parse_value
from engine.settings.diagnostics import Problem, RecipeError, quoted

MAX_RUNS = 1000
"""The most runs of one sweep."""
RANDOM = "random"
_ALIASES = {"seed": "train.seed"}
_RANGE = re.compile(r"\s*(-?\d{1,18})\.\.(-?\d{1,18})\s*")


@dataclass(frozen=True)
class Axis:
    """A setting and the values it takes in turn. ``origin`` is where they were written, for messages."""

    key: str
    values: tuple[Any, ...]
    origin: str = "form"


def parse_axis(text: str) -> Axis:
    """Parse a ``--sweep`` option such as ``optim.lr=1e-3,1e-4`` or ``seed=0..2``. Raises RecipeError."""
    key, equals, values = text.partition("=")
    key, origin = _ALIASES.get(key.strip(), key.strip()), f"--sweep {text}"
    if not equals or not key or not all(key.split(".")):
        hint = "for example --sweep optim.lr=1e-3,1e-4"
        raise RecipeError([Problem(origin, "", "is not KEY=VALUE,VALUE", hint)])
    return Axis(key, parse_values(values, ",", origin, key), origin)


def parse_values(
    text: str, separator: str, origin: str = "form", key: str = "", read: Callable[[str], Any] | None = None
) -> tuple[Any, ...]:
    """Parse values and ranges (``0..2``) separated by ``separator`` outside brackets and quotes.

    ``read`` parses a single value; by default as ``-o`` does. Raises RecipeError.
    """
    read = read or parse_value
    values: list[Any] = []
    for part in _split(text, separator):
        if match := _RANGE.fullmatch(part):
            values += _range(int(match[1]), int(match[2]), origin, key)
        else:
            values.append(read(part))
    return _check_values(values, origin, key)


def parse_table(table: Mapping[str, Any], where: Mapping[str, str] | None = None) -> list[Axis]:
    """Parse a ``[sweep]`` table. ``where`` maps keys to where they are written, for messages.

    Raises RecipeError with all problems.
    """
    axes: list[Axis] = []
    problems: list[Problem] = []
    for key, values in _flatten(table):
        origin = (where or {}).get(key, "[sweep]")
        if key == RANDOM:
            if isinstance(values, bool) or not isinstance(values, int) or values < 1:
                problems.append(
                    Problem(origin, "sweep.random", f"should be a whole number above 0, not {quoted(values)}")
                )
            continue
        try:
            if isinstance(values, str) and (match := _RANGE.fullmatch(values)):
                values = _range(int(match[1]), int(match[2]), origin, f"sweep.{key}")
            if not isinstance(values, list):
                problem = f"must be a list of values, or a range as '0..2', not {quoted(values)}"
                raise RecipeError([Problem(origin, f"sweep.{key}", problem)])
            axes.append(Axis(_ALIASES.get(key, key), _check_values(values, origin, f"sweep.{key}"), origin))
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(problems)
    return axes


def sweep_keys(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The keys of a ``[sweep]`` table: as written, and the dotted key of the setting that each means."""
    return [(key, _ALIASES.get(key, key)) for key, _ in _flatten(table)]


def without_axes(table: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The ``[sweep]`` table without the axes of these settings, which an override sets to one value."""
    dropped = set(settings)
    return {key: values for key, values in _flatten(table) if _ALIASES.get(key, key) not in dropped}


def merge_axes(first: Sequence[Axis], second: Sequence[Axis]) -> list[Axis]:
    """The axes of both; one of ``second`` replaces one of ``first`` with the same key."""
    return list({axis.key: axis for axis in (*first, *second)}.values())


def count_runs(axes: Sequence[Axis], chosen: int | None = None) -> int:
    """The number of runs: the product of the axes, or at most ``chosen``."""
    total = math.prod(len(axis.values) for axis in axes)
    return total if chosen is None else min(chosen, total)


def too_many_runs(number: int) -> Problem:
    """The problem of a sweep with more than ``MAX_RUNS`` runs."""
    return Problem("--sweep", "", f"would be {number:,} runs, and {MAX_RUNS:,} are the most", "say --random N")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Values by dotted key, whether written ``"optim.lr" = …`` or ``optim.lr = …``."""
    items: list[tuple[str, Any]] = []
    for key, value in table.items():
        items += _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return items


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are outside quotes and brackets."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == separator and depth <= 0:
            parts.append("")
            continue
        parts[-1] += char
    return parts


def _range(first: int, last: int, origin: str, key: str) -> list[int]:
    if not 0 <= last - first < MAX_RUNS:
        raise RecipeError(
            [Problem(origin, key, f"{first}..{last} is no range of at most {MAX_RUNS:,} whole numbers")]
        )
    return list(range(first, last + 1))


def _check_values(values: Sequence[Any], origin: str, key: str) -> tuple[Any, ...]:
    """The values, if there are any, none is empty and none is repeated. Raises RecipeError."""
    if not values or any(value is None for value in values):
        raise RecipeError([Problem(origin, key, "has an empty value" if values else "has no values")])
    different = [value for place, value in enumerate(values) if value not in values[:place]]
    if len(different) != len(values):
        raise RecipeError([Problem(origin, key, "names a value twice")])
    return tuple(values)
