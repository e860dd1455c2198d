"""Recipes: one experiment each, as data. Schema, loading, overrides, validation. Torch-free.

A recipe is a TOML file. It names registered parts (``net = "resnet"``) and gives their settings; it can
never name code. Every mistake in a file is reported at once, each with its file and line.
"""

from __future__ import annotations

import difflib
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from engine import registry
from engine.registry import Settings
from engine.settings.datasets import Data
from engine.settings.samplers import Sample
from engine.settings.training import Reference, Train
from engine.toml_lines import key_lines

# table -> (kind of part in the registry, the key that names it, the part used when the table is absent)
PARTS: dict[str, tuple[str, str, str | None]] = {
    "data": ("dataset", "dataset", None),
    "model": ("net", "net", None),
    "method": ("method", "name", None),
    "optim": ("optim", "name", "adam"),
    "schedule": ("schedule", "name", "constant"),
    "sample": ("sampler", "sampler", None),
    "evaluate": ("metric", "metric", "fid"),
}
TABLES = ("data", "model", "method", "optim", "schedule", "train", "sample", "evaluate")
_TOP_KEYS = ("name", "title", "family", "summary", "order", *TABLES, "quick", "reference")


class MissingData(Exception):
    """The data set a recipe needs is not on this machine; the message says what to do."""


class UnknownRecipe(Exception):
    """No recipe of that name or path."""


@dataclass(frozen=True)
class Problem:
    """One mistake: where (``file:line`` or ``-o key``), which key, what is wrong, how to mend it."""

    where: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.key}: {self.message}" if self.key else f"{self.where}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class RecipeError(Exception):
    """Everything wrong with a recipe, at once."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = list(problems)
        super().__init__("\n".join(map(str, problems)))


class Recipe(BaseModel):
    """A validated experiment. ``stand_in_for`` names the data set that ``quick`` replaced, if it did."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    family: str = Field(min_length=1, max_length=40)
    summary: str = Field("", max_length=2000)
    order: int = 100
    data: Data
    model: Settings
    method: Settings
    optim: Settings
    schedule: Settings
    train: Train
    sample: Sample
    evaluate: Settings
    quick: dict[str, Any] = {}
    reference: Reference | None = None
    is_quick: bool = False
    stand_in_for: str | None = None

    @property
    def dataset(self) -> str:
        return self.data.dataset

    def raw(self) -> dict[str, Any]:
        """Plain values, as they stand in a TOML file; unset options are left out."""
        return {key: _plain(getattr(self, key)) for key in _TOP_KEYS if getattr(self, key) not in (None, {})}

    def to_toml(self) -> str:
        return tomli_w.dumps(self.raw())

    def with_values(self, values: Mapping[str, Any]) -> Recipe:
        """This recipe with dotted keys set, through the same validation (the launch form's way)."""
        return _resolve(self.raw(), _Source(), overrides=dict(values), quick=False)

    def quickened(self) -> Recipe:
        """This recipe with its [quick] table applied."""
        return _resolve(self.raw(), _Source(), overrides={}, quick=True)

    def steps_total(self, train_size: int | None = None) -> int:
        """Optimiser steps of the whole run; ``train_size`` defaults to the set's published size."""
        if self.train.steps is not None:
            return self.train.steps
        size = train_size or self.data.sizes.get("train", 0)
        per_epoch = max(1, size // self.data.batch_size)
        return max(1, round(self.train.epochs * per_epoch))

    def data_is_here(self) -> bool:
        return type(self.data).locate() is not None

    def require_data(self) -> None:
        """Raises MissingData with the remedy when the data set is not on this machine."""
        if not self.data_is_here():
            raise MissingData(type(self.data).remedy())

    def extractor(self) -> str:
        """The extractor scores are made with: the one named, or the one shipped for the data set."""
        chosen = getattr(self.evaluate, "extractor", "auto")
        return self.data.extractor if chosen == "auto" else chosen

    def form(self) -> list[FormField]:
        """Every setting a person may change before launch, in file order."""
        fields: list[FormField] = []
        for table in TABLES:
            settings: Settings = getattr(self, table)
            for key, info in type(settings).model_fields.items():
                choices = _choices(info.annotation)
                if table in PARTS and key == PARTS[table][1]:
                    choices = tuple(registry.names(PARTS[table][0]))
                fields.append(
                    FormField(
                        key=f"{table}.{key}",
                        value=getattr(settings, key),
                        default=None if info.default is PydanticUndefined else info.default,
                        type=_type_words(info.annotation),
                        help=info.description or "",
                        choices=choices,
                    )
                )
        return fields


@dataclass(frozen=True)
class FormField:
    """One editable setting. ``key`` is dotted, as ``-o`` takes it."""

    key: str
    value: Any
    default: Any
    type: str
    help: str
    choices: tuple[str, ...] = ()


def recipes_dir() -> Path:
    """The recipes that ship with gentui: inside the wheel, or beside the packages in a checkout."""
    package = Path(__file__).resolve().parent
    shipped = package / "_recipes"
    return shipped if shipped.is_dir() else package.parent / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Path of every shipped recipe by its file's name, unsorted families together."""
    return {path.stem: path for path in sorted(recipes_dir().glob("**/*.toml"))}


def load_shipped() -> list[Recipe]:
    """Every shipped recipe, in menu order."""
    recipes = [load(path) for path in shipped_recipes().values()]
    return sorted(recipes, key=lambda r: (r.order, r.family, r.name))


def find_recipe(reference: str) -> Path:
    """The file of a shipped name or a path. Raises UnknownRecipe with a suggestion."""
    shipped = shipped_recipes()
    if reference in shipped:
        return shipped[reference]
    path = Path(reference)
    if path.suffix == ".toml" or "/" in reference:
        if path.is_file():
            return path
        raise UnknownRecipe(f"no recipe file at {reference}")
    raise UnknownRecipe(
        f"no recipe called {reference!r}"
        + _did_you_mean(reference, shipped, prefix="; did you mean ", suffix="?")
        + " (`gentui recipes` lists them; a path must end in .toml)"
    )


def load(reference: str | Path, overrides: Iterable[str] = (), quick: bool = False) -> Recipe:
    """Load, override (``table.key=value`` strings) and validate a recipe.

    Raises UnknownRecipe, or RecipeError with every problem found.
    """
    path = reference if isinstance(reference, Path) else find_recipe(reference)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError([Problem(_short(path), "", f"is not UTF-8 text: {error.reason}")]) from None
    except OSError as error:
        raise UnknownRecipe(f"cannot read {path}: {error.strerror}") from None
    return loads(text, _short(path), overrides, quick)


def loads(text: str, file: str = "recipe.toml", overrides: Iterable[str] = (), quick: bool = False) -> Recipe:
    """``load`` for text already read; ``file`` is what messages call it."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError([_syntax_problem(file, error)]) from None
    parsed, problems = _parse_overrides(overrides)
    return _resolve(raw, _Source(file, key_lines(text)), parsed, quick, problems)


def _syntax_problem(file: str, error: Exception) -> Problem:
    message = str(error)
    if " (at line " in message:
        message, _, place = message.partition(" (at line ")
        return Problem(f"{file}:{place.split(',')[0]}", "", f"not valid TOML: {message}")
    return Problem(file, "", f"not valid TOML: {message}")


def _parse_overrides(overrides: Iterable[str]) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key or not all(key.split(".")):
            problems.append(Problem(f"-o {text}", "", "is not KEY=VALUE", "for example -o optim.lr=1e-4"))
            continue
        values[key] = parse_value(value)
    return values, problems


def parse_value(text: str) -> Any:
    """A value as TOML reads it; what is not TOML is a string."""
    text = text.strip()
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


@dataclass
class _Source:
    """Where each key was said: lines of the file, and keys that came from the command line."""

    file: str = ""
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    overridden: dict[str, str] = field(default_factory=dict)
    quickened: set[tuple[str, ...]] = field(default_factory=set)

    def where(self, path: tuple[str, ...]) -> str:
        for depth in range(len(path), 0, -1):
            if origin := self.overridden.get(".".join(path[:depth])):
                return origin
            at = path[:depth]
            if at in self.quickened and ("quick", *at) in self.lines:
                return f"{self.file}:{self.lines['quick', *at]}"
            if at in self.lines:
                return f"{self.file}:{self.lines[at]}"
        return f"{self.file}:1" if self.file else "form"


def _resolve(
    raw: dict[str, Any],
    source: _Source,
    overrides: dict[str, Any],
    quick: bool,
    problems: list[Problem] | None = None,
) -> Recipe:
    problems = problems or []
    raw = {key: dict(value) if isinstance(value, dict) else value for key, value in raw.items()}
    quick_table = raw.get("quick", {})
    extra: dict[str, Any] = {}
    if not isinstance(quick_table, dict):
        problems.append(Problem(source.where(("quick",)), "quick", "must be a table"))
        quick_table = {}
    if quick:
        extra = {"is_quick": True, "stand_in_for": _apply_quick(raw, quick_table, source)}
        raw.pop("quick", None)
    for key, value in overrides.items():
        source.overridden[key] = f"-o {key}={value}" if source.file else "form"
        *tables, last = key.split(".")
        at = raw
        for table in tables:
            at = at.setdefault(table, {})
            if not isinstance(at, dict):
                problems.append(Problem(source.overridden[key], key, f"{table!r} is not a table"))
                break
        else:
            at[last] = value
    recipe = _validate(raw, source, extra, problems)
    if not quick and quick_table:  # a bad [quick] must not wait for the day somebody uses it
        _check_quick(raw, source, problems)
    if problems or recipe is None:
        raise RecipeError(problems)
    return recipe


def _apply_quick(raw: dict[str, Any], quick: dict[str, Any], source: _Source) -> str | None:
    """Merge [quick] into ``raw``. ``quick.stand_in`` replaces data that is not here; returns what it replaced."""
    quick = dict(quick)
    stand_in = quick.pop("stand_in", None)
    replaced = None
    data = raw.get("data", {})
    real = registry.find("dataset", str(data.get("dataset"))) if isinstance(data, dict) else None
    if stand_in and real is not None and issubclass(real, Data) and real.locate() is None:
        replaced = data["dataset"]
        raw["data"] = {**data, "dataset": stand_in, "image_size": data.get("image_size") or real.shape[1]}
    for table, values in quick.items():
        if isinstance(values, dict) and isinstance(raw.get(table, {}), dict):
            raw[table] = {**raw.get(table, {}), **values}
            source.quickened |= {(table, key) for key in values}
        else:
            raw[table] = values
            source.quickened.add((table,))
    return replaced


def _check_quick(raw: dict[str, Any], source: _Source, problems: list[Problem]) -> None:
    trial = {key: dict(value) if isinstance(value, dict) else value for key, value in raw.items()}
    quick = trial.pop("quick", {})
    stand_in = quick.get("stand_in") if isinstance(quick, dict) else None
    if stand_in is not None and registry.find("dataset", str(stand_in)) is None:
        where = source.where(("quick", "stand_in"))
        problems.append(
            Problem(where, "quick.stand_in", *_unknown("dataset", stand_in, registry.names("dataset")))
        )
        return
    found: list[Problem] = []
    _apply_quick(trial, quick, source)
    _validate(trial, source, {}, found)
    source.quickened.clear()
    said = {(p.key, p.message) for p in problems}
    problems += [
        Problem(p.where, f"quick.{p.key}", p.message, p.hint) for p in found if (p.key, p.message) not in said
    ]


def _validate(
    raw: dict[str, Any], source: _Source, extra: dict[str, Any], problems: list[Problem]
) -> Recipe | None:
    """Check every table, adding to ``problems``; the recipe, or None where something is wrong."""
    before = len(problems)
    values: dict[str, Any] = {}
    for key in raw:
        if key not in _TOP_KEYS:
            problems.append(Problem(source.where((key,)), key, "unknown key", _suggest(key, _TOP_KEYS)))
    for table in TABLES:
        given = raw.get(table, {})
        if not isinstance(given, dict):
            problems.append(Problem(source.where((table,)), table, f"must be a table, not {_shown(given)}"))
            continue
        cls = _class_of(table, given, source, problems)
        if cls is not None:
            values[table] = _check(cls, given, (table,), source, problems)
    if "reference" in raw:
        values["reference"] = _check(Reference, raw["reference"], ("reference",), source, problems)
    tops = {k: raw[k] for k in ("name", "title", "family", "summary", "order", "quick") if k in raw}
    if len(problems) > before or any(v is None for v in values.values()):
        _check_tops(tops, source, problems)
        return None
    try:
        recipe = Recipe(**tops, **values, **extra)
    except ValidationError as error:
        problems += [_problem(e, (), Recipe, source) for e in error.errors()]
        return None
    problems += _cross_checks(recipe, source)
    return recipe if len(problems) == before else None


def _check_tops(tops: dict[str, Any], source: _Source, problems: list[Problem]) -> None:
    """The top-level strings, where the tables are too broken to make a whole recipe."""
    try:
        Recipe(**tops)  # type: ignore[call-arg]
    except ValidationError as error:
        for e in error.errors():
            if e["loc"][0] not in TABLES:
                problems.append(_problem(e, (), Recipe, source))


def _class_of(
    table: str, given: dict[str, Any], source: _Source, problems: list[Problem]
) -> type[Settings] | None:
    if table not in PARTS:
        return Train
    kind, key, default = PARTS[table]
    name = given.get(key, default)
    where = source.where((table, key))
    if name is None:
        known = ", ".join(registry.names(kind))
        problems.append(Problem(where, f"{table}.{key}", "is required", f"one of: {known}"))
        return None
    cls = registry.find(kind, name) if isinstance(name, str) else None
    if cls is None:
        problems.append(Problem(where, f"{table}.{key}", *_unknown(kind, name, registry.names(kind))))
    return cls


def _unknown(kind: str, name: object, known: list[str]) -> tuple[str, str]:
    return f"unknown {kind} {_shown(name)}", _suggest(str(name), known) or f"one of: {', '.join(known)}"


def _check(
    cls: type[Settings], given: Any, at: tuple[str, ...], source: _Source, problems: list[Problem]
) -> Settings | None:
    try:
        return cls.model_validate(given)
    except ValidationError as error:
        problems += [_problem(e, at, cls, source) for e in error.errors()]
        return None


def _problem(error: ErrorDetails, at: tuple[str, ...], cls: type[BaseModel], source: _Source) -> Problem:
    loc = tuple(str(part) for part in error["loc"])
    path = at + loc
    where, key = source.where(path), ".".join(path)
    match error["type"]:
        case "extra_forbidden":
            return Problem(where, key, "unknown key", _suggest(loc[-1], cls.model_fields))
        case "missing":
            return Problem(where, key, "is required")
        case "value_error":
            return Problem(where, key, error["msg"].removeprefix("Value error, "))
        case "literal_error":
            expected = error.get("ctx", {}).get("expected", "")
            hint = _suggest(str(error["input"]), [w.strip(" '") for w in expected.replace(" or ", ",").split(",")])
            return Problem(where, key, f"must be {expected}, not {_shown(error['input'])}", hint)
    message = error["msg"].removeprefix("Input ").replace("a valid integer", "a whole number").replace("valid ", "")
    return Problem(where, key, f"{message}, not {_shown(error['input'])}")


def _cross_checks(recipe: Recipe, source: _Source) -> list[Problem]:
    problems = []
    family = getattr(recipe.method, "family", recipe.family)
    if recipe.family != family:
        method = getattr(recipe.method, "name", "")
        problems.append(
            Problem(
                source.where(("family",)), "family", f"method {method!r} belongs to family {family!r}, "
                f"not {_shown(recipe.family)}", f'write family = "{family}"',
            )
        )  # fmt: skip
    samplers = getattr(recipe.method, "samplers", ())
    if samplers and recipe.sample.sampler not in samplers:
        problems.append(
            Problem(
                source.where(("sample", "sampler")), "sample.sampler",
                f"sampler {recipe.sample.sampler!r} does not fit this method", f"one of: {', '.join(samplers)}",
            )
        )  # fmt: skip
    shape = recipe.data.image_shape
    levels = len(getattr(recipe.model, "multipliers", [1])) - 1
    if min(shape[1:]) < 2**levels:
        problems.append(
            Problem(
                source.where(("model", "multipliers")), "model.multipliers",
                f"{levels + 1} levels halve {shape[1]}×{shape[2]} images below one pixel", "use fewer levels",
            )
        )  # fmt: skip
    return problems


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _suggest(word: str, known: Iterable[str]) -> str:
    return _did_you_mean(word, known, prefix="did you mean ", suffix="?")


def _did_you_mean(word: str, known: Iterable[str], prefix: str, suffix: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"{prefix}{close[0]!r}{suffix}" if close else ""


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _type_words(annotation: Any) -> str:
    if annotation in (int, float, str, bool):
        return {int: "whole number", float: "number", str: "text", bool: "true or false"}[annotation]
    arguments = typing.get_args(annotation)
    if type(None) in arguments:
        return _type_words(next(a for a in arguments if a is not type(None))) + " or empty"
    if typing.get_origin(annotation) is list:
        return "list"
    return "choice" if typing.get_origin(annotation) is typing.Literal else "text"


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, typing.get_args(annotation))) if typing.get_origin(annotation) is typing.Literal else ()
