"""Recipes: one experiment each, as data. Schema, loading, overrides, validation. Torch-free.

A recipe is a TOML file. It names registered parts (``net = "resnet"``) and gives their settings; it never names
code. All mistakes in a file are reported at once, each with its file and line.
"""

from __future__ import annotations

import errno
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import tomli
import tomli_w
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from engine.recipes.resolve import PARTS, TABLES, TOP_KEYS, Header, resolve
from engine.recipes.toml_lines import key_lines
from engine.recipes.values import TooLarge, parse_toml, parse_value
from engine.runs import paths
from engine.runs.files import read_plain_file
from engine.settings import registry
from engine.settings.datasets.base import Data, File, data_root
from engine.settings.diagnostics import Problem, RecipeError, Source, did_you_mean, quoted, syntax_problem
from engine.settings.extractors import ALTERNATIVES, INCEPTION, PROBE, Extractor, Inception, untrainable_probe
from engine.settings.health import Health
from engine.settings.reference import Reference
from engine.settings.registry import Settings
from engine.settings.samplers import Sample
from engine.settings.training import Train

__all__ = [
    "PARTS", "TABLES", "Data", "File", "FormField", "MissingData", "Problem", "Recipe", "RecipeError",
    "UnknownRecipe", "data_root", "datasets", "did_you_mean", "extractors", "find_recipe", "load",
    "loads", "menu",
]  # fmt: skip

MAX_BYTES = 1 << 20


class MissingData(Exception):
    """The data set or extractor that a recipe needs is not on this machine; the message says what to do."""


class UnknownRecipe(Exception):
    """There is no recipe of a name or path."""


class Recipe(Header):
    """A validated experiment.

    ``stand_in_for`` is the name of the data set that the [quick] table replaced by one that is here, if it did.
    """

    data: Data
    model: Settings
    method: Settings
    optim: Settings
    schedule: Settings
    train: Train
    sample: Sample
    evaluate: Settings
    health: Health
    reference: Reference | None = None
    is_quick: bool = False
    stand_in_for: str | None = None

    @property
    def dataset(self) -> str:
        return self.data.dataset

    def raw(self) -> dict[str, Any]:
        """The recipe as plain values, as in a TOML file; unset options are left out."""
        return {key: _plain(getattr(self, key)) for key in TOP_KEYS if getattr(self, key) not in (None, {})}

    def to_toml(self) -> str:
        return tomli_w.dumps(self.raw())

    def with_values(self, values: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> Recipe:
        """This recipe with settings changed by dotted key, and validated again. Raises RecipeError.

        ``origins`` maps keys to what set them, for messages.
        """
        source = Source(overridden=dict(origins or {}))
        return Recipe(**resolve(self.raw(), source, values, extra=self._quick_state()))

    def as_scored(self) -> Recipe:
        """This recipe with the sampler that [evaluate] names, if it names one, for all images. Raises RecipeError."""
        sampler, steps = getattr(self.evaluate, "sampler", ""), getattr(self.evaluate, "steps", 0)
        if not sampler and not steps:
            return self
        return self.with_values({
            "sample.sampler": sampler or self.sample.sampler, "sample.steps": steps or self.sample.steps,
            "evaluate.sampler": "", "evaluate.steps": 0,
        })  # fmt: skip

    def as_quick(self) -> Recipe:
        """This recipe with its [quick] table applied. Raises RecipeError."""
        return Recipe(**resolve(self.raw(), Source(), {}, quick=True, extra=self._quick_state()))

    def _quick_state(self) -> dict[str, Any]:
        return {"is_quick": self.is_quick, "stand_in_for": self.stand_in_for}

    def steps_total(self, train_size: int | None = None) -> int:
        """The number of optimiser steps of the whole run; ``train_size`` defaults to the data set's published size."""
        if self.train.steps is not None:
            return self.train.steps
        size = train_size or self.data.sizes.get("train", 0)
        per_epoch = max(1, size // self.data.batch_size)
        return max(1, round(self.train.epochs * per_epoch))

    def data_is_available(self) -> bool:
        return self.data.location() is not None

    def require_data(self, scores: bool = True) -> None:
        """Raise MissingData, with the remedy, if the data set or, with ``scores``, what its scores need is not on this
        machine."""
        if not self.data_is_available():
            raise MissingData(self.data.missing_message())
        extractor = extractors().get(self.extractor())
        if not scores or not getattr(self.evaluate, "times", 0) or extractor is None:
            return
        described = extractor(extractor=self.extractor(), weights=getattr(self.evaluate, "weights", ""))
        why = self.data.unlabelled_reason() if described.trained_here or self._extractor_is_auto else ""
        if described.trained_here and why:
            raise MissingData(untrainable_probe(self.dataset, why))
        if described.location() is None:
            probe_reason = (
                f"no probe can be taught {self.dataset}, for {why}: " if why and not described.weights else ""
            )
            raise MissingData(f"{probe_reason}{described.missing_message()}; {ALTERNATIVES}")

    @property
    def _extractor_is_auto(self) -> bool:
        return getattr(self.evaluate, "extractor", None) == "auto"

    def extractor(self) -> str:
        """The name of the extractor of its scores; "" for scores that need none.

        With ``extractor = "auto"`` it is the data set's own if its weights are here, else a probe for labelled images;
        for images without labels it is inception, whether its weights are here or not.
        """
        chosen = getattr(self.evaluate, "extractor", "")
        if chosen != "auto":
            return chosen
        own = self.data.extractor
        if getattr(self.evaluate, "weights", ""):  # a probe has no file of weights
            return INCEPTION if own == PROBE else own
        if own not in (PROBE, INCEPTION):
            return own
        if own == INCEPTION and Inception.locate() is not None:
            return own
        return INCEPTION if self.data.unlabelled_reason() else PROBE

    def probe_note(self) -> str:
        """A sentence to show at launch if scores will use a probe because ``extractor = "auto"`` chose it; else ""."""
        if not getattr(self.evaluate, "times", 0) or not self._extractor_is_auto or self.extractor() != PROBE:
            return ""
        absent = "inception's weights are not here: " if Inception.locate() is None else ""
        return f"{absent}scores are made with a probe trained on the labels of {self.dataset}"

    def form(self) -> list[FormField]:
        """Every setting that may be changed before launch, in file order."""
        fields: list[FormField] = []
        for table in TABLES:
            settings: Settings = getattr(self, table)
            for key, info in type(settings).model_fields.items():
                choices = _choices(info.annotation)
                if table in PARTS and key == PARTS[table][1]:
                    choices = tuple(registry.names(PARTS[table][0]))
                    if table == "sample" and (possible := getattr(self.method, "samplers", ())):
                        choices = tuple(name for name in choices if name in possible)
                elif key in settings.part_fields:
                    choices = tuple(registry.names(settings.part_fields[key]))
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
    """An editable setting. ``key`` is dotted, as in ``-o``."""

    key: str
    value: Any
    default: Any
    type: str
    help: str
    choices: tuple[str, ...] = ()


def menu() -> tuple[list[Recipe], list[RecipeError]]:
    """All recipes of the menu in its order, and the errors of those that cannot be loaded."""
    recipes: list[Recipe] = []
    problems: list[RecipeError] = []
    for path in paths.recipe_files().values():
        try:
            recipes.append(load(path))
        except RecipeError as error:
            problems.append(error)
        except UnknownRecipe as error:  # the file cannot be read
            problems.append(RecipeError([Problem(str(path), "", str(error))]))
    return sorted(recipes, key=lambda r: (r.order, r.family, r.name)), problems


def datasets() -> dict[str, type[Data]]:
    """The settings classes of all data sets, built in or of plug-ins, by name."""
    classes = {name: registry.find("dataset", name) for name in registry.names("dataset")}
    return {name: cls for name, cls in classes.items() if cls is not None and issubclass(cls, Data)}


def extractors() -> dict[str, type[Extractor]]:
    """The settings classes of all feature extractors, by name."""
    classes = {name: registry.find("extractor", name) for name in registry.names("extractor")}
    return {name: cls for name, cls in classes.items() if cls is not None and issubclass(cls, Extractor)}


def find_recipe(reference: str) -> Path:
    """The file of a recipe, by its name in the menu or its path. Raises UnknownRecipe with a suggestion."""
    shipped = paths.recipe_files()
    if reference in shipped:
        return shipped[reference]
    path = Path(reference)
    if path.suffix == ".toml" or "/" in reference:
        try:
            if path.is_file():
                return path
            why = "it is a directory" if path.is_dir() else "there is no such file"
        except OSError as error:
            why = error.strerror or "it cannot be read"
        raise UnknownRecipe(f"no recipe at {quoted(reference)}: {why}")
    hint = did_you_mean(reference, shipped)
    raise UnknownRecipe(
        f"no recipe called {quoted(reference)}" + (f"; {hint}" if hint else "")
        + " (`gentui recipes` lists them; a path must end in .toml)"
    )  # fmt: skip


def load(
    reference: str | Path, overrides: Iterable[str] = (), quick: bool = False, of_run: bool = False
) -> Recipe:
    """Load, override (``table.key=value`` strings) and validate a recipe.

    The file may be a link, unless it is the one ``of_run``. Raises UnknownRecipe, or RecipeError with every problem
    found.
    """
    path = reference if isinstance(reference, Path) else find_recipe(reference)
    file = _relative(path)
    try:
        data = read_plain_file(path, MAX_BYTES, follow_links=not of_run)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise RecipeError(
                [Problem(file, "", f"is larger than {MAX_BYTES >> 10} KiB: not a recipe")]
            ) from None
        raise UnknownRecipe(f"cannot read {file}: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RecipeError([Problem(f"{file}:{line}", "", "is not UTF-8 text")]) from None
    return loads(text.replace("\r\n", "\n"), file, overrides, quick)


def loads(text: str, file: str = "recipe.toml", overrides: Iterable[str] = (), quick: bool = False) -> Recipe:
    """Like ``load``, for TOML text; ``file`` is its name in messages."""
    overrides = tuple(overrides)
    if quick:  # depends on which data are here
        return _parse(text, file, overrides, quick)
    try:
        return _parse_once(text, file, overrides, Path.cwd())
    except FileNotFoundError:  # the working directory is gone
        return _parse(text, file, overrides, quick)


@lru_cache(maxsize=128)
def _parse_once(text: str, file: str, overrides: tuple[str, ...], _: Path) -> Recipe:
    """The recipe of a text, which is frozen and so may be shared; relative paths in it are those of a directory."""
    return _parse(text, file, overrides, quick=False)


def _parse(text: str, file: str, overrides: Iterable[str], quick: bool) -> Recipe:
    try:
        raw = parse_toml(text)
    except TooLarge as error:
        raise RecipeError([Problem(f"{file}:{error.line}", "", f"not valid TOML: {error}")]) from None
    except (tomli.TOMLDecodeError, RecursionError) as error:
        raise RecipeError([syntax_problem(file, error)]) from None
    source = Source(file, key_lines(text))
    values, problems = _parse_overrides(overrides, source)
    return Recipe(**resolve(raw, source, values, quick, problems))


def _parse_overrides(overrides: Iterable[str], source: Source) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key or not all(key.split(".")):
            problems.append(Problem(f"-o {text}", "", "is not KEY=VALUE", "for example -o optim.lr=1e-4"))
        elif key.split(".")[0] == "quick":
            problems.append(
                Problem(f"-o {text}", "", "[quick] is set in the file only", "say --quick -o table.key=…")
            )
        else:
            values[key] = parse_value(value)
            source.overridden[key] = f"-o {text}" if len(text) <= 200 else f"-o {text[:200]}…"
    return values, problems


def _plain(value: Any) -> Any:
    if isinstance(value, Reference):
        return value.model_dump(exclude_unset=True)  # it is no settings of the experiment: as it was written
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


def _relative(path: Path) -> str:
    """The path relative to the working directory, if it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # RuntimeError: links in a circle
        return str(path)


def _type_words(annotation: Any) -> str:
    """The type of a setting in plain words."""
    if annotation in (int, float, str, bool):
        return {int: "whole number", float: "number", str: "text", bool: "true or false"}[annotation]
    arguments = typing.get_args(annotation)
    if type(None) in arguments:
        return _type_words(next(a for a in arguments if a is not type(None))) + " or empty"
    if typing.get_origin(annotation) is list:
        return "list"
    if any(argument is True for argument in arguments):
        return "true or false, or " + ", ".join(a for a in arguments if isinstance(a, str))
    return "choice" if typing.get_origin(annotation) is typing.Literal else "text"


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values that a Literal allows; () for other types."""
    if typing.get_origin(annotation) is not typing.Literal:
        return ()
    return tuple(str(a).lower() if isinstance(a, bool) else str(a) for a in typing.get_args(annotation))
