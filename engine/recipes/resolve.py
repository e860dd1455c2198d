"""From the values of a TOML document to validated settings: [quick], overrides, checks. Torch-free.

Problems are collected, not raised one by one, so that all can be mended at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.recipes.axes import parse_table, sweep_keys, without_axes
from engine.settings import registry
from engine.settings.datasets.base import Data
from engine.settings.diagnostics import (
    KeyPath,
    Problem,
    RecipeError,
    Source,
    did_you_mean,
    problem_from_pydantic,
    quoted,
)
from engine.settings.health import Health
from engine.settings.reference import Reference
from engine.settings.registry import Settings
from engine.settings.training import Train

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
DATA_CHOICES = {"data.dataset", "data.path"}
FIXED_TABLES: dict[str, type[Settings]] = {"train": Train, "health": Health}  # that name no part
TABLES = ("data", "model", "method", "optim", "schedule", "train", "sample", "evaluate", "health")
TOP_KEYS = ("name", "title", "family", "summary", "order", *TABLES, "quick", "sweep", "reference")


class Header(BaseModel):
    """The keys of a recipe outside its tables of settings."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\z")
    title: str = Field(min_length=1, max_length=200)
    family: str = Field(min_length=1, max_length=40)
    summary: str = Field("", max_length=2000)
    order: int = 100
    quick: dict[str, Any] = {}
    sweep: dict[str, Any] = {}


def resolve(
    raw: dict[str, Any],
    source: Source,
    overrides: Mapping[str, Any],
    quick: bool = False,
    problems: list[Problem] | None = None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Apply [quick] if asked for, then ``overrides``, and validate: the fields of a ``Recipe``.

    Raises RecipeError with all problems, those passed in ``problems`` included. ``extra`` is added to the fields.
    """
    problems, extra = problems or [], dict(extra or {})
    raw = _copy(raw)
    quick_table = raw.get("quick", {})
    if quick and isinstance(quick_table, dict):
        extra["is_quick"] = True
        if DATA_CHOICES & overrides.keys():  # an explicit choice of data is never replaced
            quick_table = {key: value for key, value in quick_table.items() if key != "stand_in"}
        extra["stand_in_for"] = _apply_quick(raw, quick_table, source) or extra.get("stand_in_for")
        raw.pop("quick", None)
    before = _copy(raw)
    _override(raw, overrides, source, problems)
    values = _validate(raw, source, problems)
    problems = _blamed(problems, before, source)
    if not quick and quick_table:  # report a bad [quick] table before it is used
        _check_quick(raw, source, problems)
    if raw.get("sweep"):
        raw["sweep"] = _check_sweep(raw, source, overrides, problems)
        values["sweep"] = raw["sweep"]
    if problems:
        raise RecipeError(problems)
    return values | extra


def _blamed(problems: list[Problem], before: dict[str, Any], source: Source) -> list[Problem]:
    """The problems, with the option named that caused each: what a file states is at fault only if the recipe
    ``before`` the options has a problem, too."""
    options = {key: origin for key, origin in source.overridden.items() if origin.startswith("-o ")}
    if not problems or not options:
        return problems
    own: list[Problem] = []
    _validate(before, Source(source.file, source.lines, {}, source.from_quick), own)
    if own:
        return problems
    named = []
    for problem in problems:
        if problem.where in options.values() or not problem.where.startswith(f"{source.file}:"):
            named.append(problem)
            continue
        table = problem.key.partition(".")[0]
        origins = [origin for key, origin in options.items() if key.partition(".")[0] == table] or [
            *options.values()
        ]
        place = f"{problem.key} is set at {problem.where}" if problem.key else ""
        hint = "; ".join(filter(None, [problem.hint, place]))
        named.append(Problem(" ".join(origins), problem.key, problem.message, hint))
    return named


def _copy(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in raw.items()}


def _override(
    raw: dict[str, Any], overrides: Mapping[str, Any], source: Source, problems: list[Problem]
) -> None:
    for table, (_, part_key, _) in PARTS.items():
        if f"{table}.{part_key}" in overrides and isinstance(raw.get(table), dict):
            _drop_stale_settings(raw[table], table, overrides[f"{table}.{part_key}"])
    for key, value in overrides.items():
        origin = source.overridden.setdefault(key, "form")
        *tables, last = key.split(".")
        at: Any = raw
        for table in tables:
            at = at.setdefault(table, {})
            if not isinstance(at, dict):
                problems.append(Problem(origin, key, f"{table!r} is not a table"))
                break
        else:
            at[last] = value


def _drop_stale_settings(values: dict[str, Any], table: str, new_name: Any) -> None:
    """Drop the settings that the new part of a table does not have, before it replaces the old part."""
    kind, key, default = PARTS[table]
    old, new = (registry.find(kind, str(name)) for name in (values.get(key, default), new_name))
    if old is not None and new is not None:
        for stranger in old.model_fields.keys() - new.model_fields.keys():
            values.pop(stranger, None)


def _apply_quick(raw: dict[str, Any], quick: dict[str, Any], source: Source) -> str | None:
    """Merge the [quick] table into ``raw``. Its ``stand_in`` replaces data that is not on this machine.

    Returns the name of the data set that was replaced, or None.
    """
    replaced = None
    stand_in, data = quick.get("stand_in"), raw.get("data")
    real = registry.find("dataset", str(data.get("dataset"))) if isinstance(data, dict) else None
    if stand_in and isinstance(data, dict) and real and issubclass(real, Data) and not real.is_available(data):
        replaced = data["dataset"]
        raw["data"] = dict(data)
        _drop_stale_settings(raw["data"], "data", stand_in)
        raw["data"] |= {"dataset": stand_in, "image_size": data.get("image_size") or real.shape[1]}
    for table, values in quick.items():
        if table == "stand_in":
            continue
        if not isinstance(values, dict) or not isinstance(raw.get(table, {}), dict):
            raw[table] = values
            source.from_quick.add((table,))
            continue
        raw[table] = dict(raw.get(table, {}))
        if table in PARTS and PARTS[table][1] in values:
            _drop_stale_settings(raw[table], table, values[PARTS[table][1]])
        raw[table] |= values
        source.from_quick |= {(table, key) for key in values}
    return replaced


def _check_quick(raw: dict[str, Any], source: Source, problems: list[Problem]) -> None:
    """Add the problems that the recipe would have with [quick] applied, beyond those it has already."""
    trial = _copy(raw)
    quick = trial.pop("quick", None)
    if not isinstance(quick, dict):
        return  # reported already
    for key in (key for key in quick if key not in ("stand_in", *TABLES)):
        where = source.where(("quick", key))
        problems.append(Problem(where, f"quick.{key}", "unknown key", did_you_mean(key, ("stand_in", *TABLES))))
    stand_in = quick.get("stand_in")
    datasets = registry.names("dataset")
    if stand_in is not None and stand_in not in datasets:
        where = source.where(("quick", "stand_in"))
        problems.append(Problem(where, "quick.stand_in", *_unknown("dataset", stand_in, datasets)))
        return
    new: list[Problem] = []
    _apply_quick(trial, {key: value for key, value in quick.items() if key in ("stand_in", *TABLES)}, source)
    _validate(trial, source, new)
    source.from_quick.clear()
    reported = {(p.key, p.message) for p in problems}
    problems += [
        Problem(p.where, f"quick.{p.key}", p.message, p.hint) for p in new if (p.key, p.message) not in reported
    ]


def _check_sweep(
    raw: dict[str, Any], source: Source, overrides: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """Add the problems of each value of [sweep] by itself. Returns the table without the axes that are overridden."""
    if not isinstance(raw["sweep"], dict):
        return {}  # reported already
    table = without_axes(raw["sweep"], overrides)
    where = {key: source.where(("sweep", key) if ("sweep", key) in source.lines else ("sweep", *key.split(".")))
             for key, _ in sweep_keys(table)}  # fmt: skip
    try:
        axes = parse_table(table, where)
    except RecipeError as error:
        problems += error.problems
        return table
    reported = {(problem.key, problem.message) for problem in problems}
    for axis in axes:
        for value in axis.values:
            trial, new = _copy(raw), list[Problem]()
            trial_source = Source(source.file, source.lines, {axis.key: axis.origin})
            _override(trial, {axis.key: value}, trial_source, new)
            _validate(trial, trial_source, new)
            for problem in new:
                if (problem.key, problem.message) not in reported:
                    reported.add((problem.key, problem.message))
                    problems.append(Problem(axis.origin, f"sweep.{problem.key}", problem.message, problem.hint))
    return table


def _validate(raw: dict[str, Any], source: Source, problems: list[Problem]) -> dict[str, Any]:
    """Validate every table, adding to ``problems``. Returns the values by name, None for invalid tables."""
    for key in raw:
        if key not in TOP_KEYS:
            hint = _in_a_table(raw, key) or did_you_mean(key, TOP_KEYS)
            problems.append(Problem(source.where((key,)), key, "unknown key", hint))
    header = {key: raw[key] for key in Header.model_fields if key in raw}
    _check(Header, header, (), source, problems)
    classes: dict[str, type[BaseModel]] = {}
    values: dict[str, Any] = {}
    for table in TABLES:
        given = raw.get(table, {})
        if not isinstance(given, dict):
            problems.append(Problem(source.where((table,)), table, f"must be a table, not {quoted(given)}"))
        elif (cls := _class_of(table, given, source, problems)) is not None:
            classes[table] = cls
            values[table] = _check(cls, given, (table,), source, problems)
    if "reference" in raw:
        values["reference"] = _check(Reference, raw["reference"], ("reference",), source, problems)
        if isinstance(values["reference"], Reference) and values.get("evaluate") is not None:
            settings = {**raw.get("evaluate", {}), **values["reference"].evaluate}
            _check(classes["evaluate"], settings, ("reference", "evaluate"), source, problems)
    _check_compatibility(header, classes, values, source, problems)
    return header | values


def _in_a_table(raw: dict[str, Any], key: str) -> str:
    """A hint that names the settings called ``key`` in the recipe's tables; "" if there is none."""
    found = []
    for table in TABLES:
        given = raw.get(table, {})
        cls = _class_of(table, given, Source("", {}), []) if isinstance(given, dict) else None
        if cls is not None and key in cls.model_fields:
            found.append(f"{table}.{key}")
    return f"did you mean {' or '.join(found)}?" if found else ""


def _class_of(
    table: str, given: dict[str, Any], source: Source, problems: list[Problem]
) -> type[Settings] | None:
    if table in FIXED_TABLES:
        return FIXED_TABLES[table]
    kind, key, default = PARTS[table]
    name = given.get(key, default)
    where = source.where((table, key))
    if name is None:
        names = ", ".join(registry.names(kind))
        problems.append(Problem(where, f"{table}.{key}", "is required", f"one of: {names}"))
        return None
    cls = registry.find(kind, name) if isinstance(name, str) else None
    if cls is None:
        problems.append(Problem(where, f"{table}.{key}", *_unknown(kind, name, registry.names(kind))))
    return cls


def _unknown(kind: str, name: object, registered: list[str]) -> tuple[str, str]:
    """Message and hint for a part that is not registered."""
    near = did_you_mean(name, registered) if isinstance(name, str) else ""
    return f"unknown {kind} {quoted(name)}", near or f"one of: {', '.join(registered)}"


def _check(
    cls: type[BaseModel], given: Any, at: KeyPath, source: Source, problems: list[Problem]
) -> BaseModel | None:
    try:
        return cls.model_validate(given)
    except ValidationError as error:
        problems += [problem_from_pydantic(e, at, cls, source) for e in error.errors()]
        return None


def _check_compatibility(
    header: dict[str, Any],
    classes: dict[str, type[BaseModel]],
    values: dict[str, Any],
    source: Source,
    problems: list[Problem],
) -> None:
    """Check that the parts are compatible, as far as each is valid."""
    method, family = classes.get("method"), header.get("family")
    expected = getattr(method, "family", family)
    if isinstance(family, str) and family != expected:
        problems.append(
            Problem(
                source.where(("family",)), "family", f"this method belongs to family {expected!r}, "
                f"not {quoted(family)}", f'write family = "{expected}"',
            )
        )  # fmt: skip
    samplers, sampler = getattr(method, "samplers", ()), values.get("sample")
    if samplers and sampler is not None and sampler.sampler not in samplers:
        problems.append(
            Problem(
                source.where(("sample", "sampler")), "sample.sampler",
                f"sampler {sampler.sampler!r} does not fit this method", f"one of: {', '.join(samplers)}",
            )
        )  # fmt: skip
    extractor = getattr(values.get("evaluate"), "extractor", "auto")
    extractors = registry.names("extractor")
    if extractor not in ("auto", *extractors):
        where = source.where(("evaluate", "extractor"))
        problems.append(Problem(where, "evaluate.extractor", *_unknown("extractor", extractor, extractors)))
    valid = {table: value for table, value in values.items() if isinstance(value, Settings)}
    for table, settings in valid.items():
        _check_names(table, settings, source, problems)
        for key, message, hint in settings.conflicts(valid):
            problems.append(Problem(source.where((table, key)), f"{table}.{key}", message, hint))
    data, model = values.get("data"), values.get("model")
    if data is None or model is None:
        return
    _, height, width = data.image_shape
    levels = len(getattr(model, "multipliers", [1]))
    if min(height, width) < 2 ** (levels - 1):
        problems.append(
            Problem(
                source.where(("model", "multipliers")), "model.multipliers",
                f"{levels} levels halve {height}×{width} images below one pixel", "use fewer levels",
            )
        )  # fmt: skip


def _check_names(table: str, settings: Settings, source: Source, problems: list[Problem]) -> None:
    """Check that the parts named by fields of a table (``part_fields``) are registered."""
    for key, kind in settings.part_fields.items():
        name, names = getattr(settings, key), registry.names(kind)
        if name is not None and name not in names:
            where = source.where((table, key))
            problems.append(Problem(where, f"{table}.{key}", *_unknown(kind, name, names)))
