"""Plan a sweep before it starts: its runs with names and tag, and an estimate of how long they take."""

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

UNKNOWN = "no estimate yet: nothing like it has run here"
MEASURE = "channels² × blocks"
_SIZES = (("channels", 2), ("features", 2), ("blocks", 1))
_LENGTHS = ("train.steps", "train.epochs")
_COSTLY = frozenset(
    {"data.dataset", "data.path", "data.image_size", "data.batch_size", "train.precision", "train.compile",
     "train.channels_last", "train.part", "model.activation_checkpointing",
     "data.resident"}
)  # fmt: skip
_ENOUGH = 10  # earlier runs whose speeds are averaged
_TRIED = 24  # combinations of a sweep that are estimated: this runs at every key press


@dataclass(frozen=True)
class Planned:
    """A run to launch."""

    recipe: Recipe
    name: str
    tags: tuple[str, ...] = ()


def axes_of(recipe: Recipe, more: Sequence[Axis] = ()) -> list[Axis]:
    """The axes of the recipe's own [sweep] and of ``more``, which take precedence."""
    from engine.recipes.axes import merge_axes, parse_table

    return merge_axes(parse_table(recipe.sweep), more)


def planned(recipe: Recipe, axes: Sequence[Axis], name: str = "", chosen: int | None = None) -> list[Planned]:
    """The runs of a recipe: one, or those of its sweep. Raises RecipeError if any of them is invalid."""
    from engine.recipes.axes import RANDOM
    from engine.recipes.sweep import expand

    if not axes:
        return [Planned(recipe, name)]
    of_recipe = recipe.sweep.get(RANDOM)
    variants = expand(recipe, axes, chosen or of_recipe)
    label, tag = name or recipe.name, f"sweep-{recipe.name[:40]}-{secrets.token_hex(2)}"
    return [Planned(variant.recipe, f"{label} {_values_text(variant.values)}", (tag,)) for variant in variants]


def arrays(number: int, at_once: int | None) -> list[dict[str, Any] | None]:
    """What each of so many runs is of those that are begun together elsewhere; None for a run alone."""
    if number == 1:
        return [None]
    group = f"sweep-{secrets.token_hex(4)}"
    return [{"group": group, "index": n, "size": number, "at_once": at_once} for n in range(number)]


def _values_text(values: dict[str, Any]) -> str:
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
    """An estimated duration, and the ids of the earlier runs it is based on.

    ``is_rough``: those runs differ in a setting that affects speed; ``is_scaled``: in the size of the net.
    """

    seconds: float
    runs: frozenset[str]
    is_rough: bool = False
    is_scaled: bool = False

    def text(self, duration: Callable[[float], str]) -> str:
        """``about 3m 20s (from 3 runs of yours)``."""
        by = f"from {plural(len(self.runs), 'run')} of yours"
        if self.is_scaled:
            by += f" of another size, by {MEASURE}"
        elif self.is_rough:
            by += " with other settings"
        return f"{'roughly' if self.is_rough else 'about'} {duration(self.seconds)} ({by})"


@dataclass(frozen=True)
class _Speed:
    """The time per image of an earlier run."""

    run: str
    quick: bool
    seconds: float
    size: float


class Speeds:
    """Estimates durations from the speeds of earlier runs on the same kind of device.

    Runs that agree in every setting that affects speed count. Else runs of the same recipe and net do, scaled by
    a rough measure: the time per image grows as the square of the feature maps and as the number of blocks.
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
        """The duration of a run; None if nothing like it has run here."""
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
        """The duration of several runs in sequence; None if that of any is unknown."""
        every = [self.of(recipe) for recipe in recipes]
        estimates = [estimate for estimate in every if estimate is not None]
        if not estimates or len(estimates) < len(every):
            return None
        return Estimate(
            sum(estimate.seconds for estimate in estimates),
            frozenset().union(*(estimate.runs for estimate in estimates)),
            any(estimate.is_rough for estimate in estimates),
            any(estimate.is_scaled for estimate in estimates),
        )

    def of_sweep(self, recipe: Recipe, axes: Sequence[Axis], number: int) -> Estimate | None:
        """The duration of ``number`` runs of a sweep in sequence, from those of its values that affect speed."""
        from engine.settings.diagnostics import RecipeError

        costly = [axis for axis in axes if axis.key in _LENGTHS or _costs(axis.key, axis.values[0])]
        total = math.prod(len(axis.values) for axis in costly)
        places = range(0, total, -(-total // _TRIED))
        try:
            found = self.of_all([_combined(recipe, costly, place) for place in places])
        except RecipeError:  # each value is valid, but two of them conflict
            return None
        return found and replace(found, seconds=found.seconds / len(places) * number)


def _combined(recipe: Recipe, axes: Sequence[Axis], place: int) -> Recipe:
    """The combination of values at a position of the grid."""
    values: dict[str, Any] = {}
    for axis in axes:
        place, at = divmod(place, len(axis.values))
        values[axis.key] = axis.values[at]
    return recipe.with_values(values) if values else recipe


def _costs(key: str, value: Any) -> bool:
    """Whether a setting affects the time per image. Rates, weights and probabilities do not."""
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
    """``cuda`` or ``cpu``: where a run with this requested device will train."""
    from gentui.jobs.launchers.local.slots import slots

    if device in (None, "auto"):
        return "cuda" if len(slots()) > 1 else "cpu"
    return str(device).partition(":")[0]
