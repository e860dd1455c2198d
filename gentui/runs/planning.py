"""What a sweep will be, told before it begins: its runs with their names and tag, and about how long they take."""

from __future__ import annotations

import math
import secrets
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gentui.text.numbers import plural, setting
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from engine.recipes.axes import Axis
    from engine.recipes.recipe import Recipe
    from gentui.index import RunRow

UNKNOWN = "how long is not known: nothing like it has run here yet"
MEASURE = "channels² × blocks"
_SIZES = (("channels", 2), ("features", 2), ("blocks", 1))
_LENGTHS = ("train.steps", "train.epochs")
_COSTLY = frozenset(
    {"data.dataset", "data.path", "data.image_size", "data.batch_size", "train.precision", "train.compile",
     "train.channels_last"}
)  # fmt: skip
_ENOUGH = 10  # earlier runs whose speeds are looked at
_TRIED = 24  # combinations of a sweep that are looked at: a key is pressed meanwhile


@dataclass(frozen=True)
class Planned:
    """A run that is to be launched."""

    recipe: Recipe
    name: str
    tags: tuple[str, ...] = ()


def axes_of(recipe: Recipe, more: Sequence[Axis] = ()) -> list[Axis]:
    """The axes of the recipe's own [sweep], and ``more``, which go before it."""
    from engine.recipes.axes import merge_axes, parse_table

    return merge_axes(parse_table(recipe.sweep), more)


def planned(recipe: Recipe, axes: Sequence[Axis], name: str = "", chosen: int | None = None) -> list[Planned]:
    """The runs of a recipe: the one, or without mistakes those of its sweep. Raises RecipeError."""
    from engine.recipes.axes import RANDOM
    from engine.recipes.sweep import expand

    if not axes:
        return [Planned(recipe, name)]
    of_recipe = recipe.sweep.get(RANDOM)
    variants = expand(recipe, axes, chosen or of_recipe)
    label, tag = name or recipe.name, f"sweep-{recipe.name[:40]}-{secrets.token_hex(2)}"
    return [Planned(found.recipe, f"{label} {_told(found.values)}", (tag,)) for found in variants]


def _told(values: dict[str, Any]) -> str:
    return clean(
        " ".join(
            f"{key.rpartition('.')[2]}={setting(value).replace(' ', '')}" for key, value in values.items()
        ),
        150,
    )


def shape(axes: Sequence[Axis]) -> str:
    """``optim.lr × 2, train.seed × 3``."""
    return ", ".join(f"{axis.key} × {len(axis.values)}" for axis in axes)


@dataclass(frozen=True)
class Estimate:
    """About how long something takes, and by which earlier runs of one's own. ``is_rough``: they differ in something
    that costs time; ``is_scaled``: in the size of the net."""

    seconds: float
    runs: frozenset[str]
    is_rough: bool = False
    is_scaled: bool = False

    def told(self, duration: Callable[[float], str]) -> str:
        """``about 3m 20s (from 3 runs of yours)``."""
        by = f"from {plural(len(self.runs), 'run')} of yours"
        if self.is_scaled:
            by += f" of another size, by {MEASURE}"
        elif self.is_rough:
            by += " with other settings"
        return f"{'roughly' if self.is_rough else 'about'} {duration(self.seconds)} ({by})"


@dataclass(frozen=True)
class _Speed:
    """What an image cost in an earlier run."""

    run: str
    quick: bool
    seconds: float
    size: float


class Speeds:
    """How fast one's earlier runs were on a kind of device; what a run, or a sweep, will take by that.

    Runs alike in everything that costs time count. Where there are none, those of the same recipe and net do, by a
    rough measure: an image costs as the square of the feature maps, and as the number of blocks.
    """

    def __init__(self, runs: Iterable[RunRow], device: str | None = None):
        kind = _kind_of(device)
        self._alike: dict[tuple[str, ...], list[_Speed]] = {}
        self._akin: dict[tuple[str, ...], list[_Speed]] = {}
        for run in runs:
            if not run.images or run.seconds <= 0 or run.device.partition(":")[0] != kind:
                continue
            speed = _Speed(run.id, run.quick, run.seconds / run.images, _size(run.settings))
            self._alike.setdefault(_alike(run.settings), []).append(speed)
            self._akin.setdefault(_akin(run.recipe, run.settings), []).append(speed)

    def of(self, recipe: Recipe) -> Estimate | None:
        """What a run takes; None where nothing like it has run here."""
        from gentui.index.files import settings_of

        settings = settings_of(recipe.raw())
        images, size = recipe.steps_total() * recipe.data.batch_size, _size(settings)
        is_rough = (key := _alike(settings)) not in self._alike
        found = self._akin.get(_akin(recipe.name, settings), []) if is_rough else self._alike[key]
        found = [speed for speed in found if speed.quick == recipe.is_quick] or found
        found = found[:_ENOUGH]
        if not found:
            return None
        seconds = statistics.median(speed.seconds * size / speed.size for speed in found)
        is_scaled = any(speed.size != size for speed in found)
        return Estimate(images * seconds, frozenset(speed.run for speed in found), is_rough, is_scaled)

    def of_all(self, recipes: Iterable[Recipe]) -> Estimate | None:
        """What the runs take one after another; None where that of one is not known."""
        every = [self.of(recipe) for recipe in recipes]
        known = [estimate for estimate in every if estimate is not None]
        if not known or len(known) < len(every):
            return None
        return Estimate(
            sum(estimate.seconds for estimate in known),
            frozenset().union(*(estimate.runs for estimate in known)),
            any(estimate.is_rough for estimate in known),
            any(estimate.is_scaled for estimate in known),
        )

    def of_sweep(self, recipe: Recipe, axes: Sequence[Axis], number: int) -> Estimate | None:
        """What so many runs of a sweep take one after another, by those of its values that cost time."""
        from engine.settings.diagnostics import RecipeError

        costly = [axis for axis in axes if axis.key in _LENGTHS or _costs(axis.key, axis.values[0])]
        total = math.prod(len(axis.values) for axis in costly)
        places = range(0, total, -(-total // _TRIED))
        try:
            found = self.of_all([_combined(recipe, costly, place) for place in places])
        except RecipeError:  # each value is right alone, and two of them do not go together
            return None
        return found and replace(found, seconds=found.seconds / len(places) * number)


def _combined(recipe: Recipe, axes: Sequence[Axis], place: int) -> Recipe:
    """One combination of values, by its place among all."""
    values: dict[str, Any] = {}
    for axis in axes:
        place, at = divmod(place, len(axis.values))
        values[axis.key] = axis.values[at]
    return recipe.with_values(values) if values else recipe


def _costs(key: str, value: Any) -> bool:
    """Whether a setting says how long an image takes. Rates, weights and probabilities do not."""
    table = key.partition(".")[0]
    return key in _COSTLY or (table in ("model", "method") and not isinstance(value, float))


def _alike(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in sorted(settings.items()) if _costs(key, value))


def _akin(recipe: str, settings: dict[str, Any]) -> tuple[str, ...]:
    return (recipe, *(str(settings.get(key)) for key in ("data.dataset", "model.net", "method.name")))


def _size(settings: dict[str, Any]) -> float:
    sizes = ((settings.get(f"model.{name}"), power) for name, power in _SIZES)
    return math.prod(float(n) ** power for n, power in sizes if isinstance(n, int) and n > 0)


def _kind_of(device: str | None) -> str:
    """``cuda`` or ``cpu``: what a run asked to train there will train on."""
    from gentui.jobs.slots import slots

    if device in (None, "auto"):
        return "cuda" if len(slots()) > 1 else "cpu"
    return str(device).partition(":")[0]
