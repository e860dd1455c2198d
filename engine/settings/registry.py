"""The registry of parts: settings classes by kind and name. Torch-free.

A part of an experiment (a net, a method, a sampler, a data set …) is described by a ``Settings`` class: plain
validated values, and in ``factory`` the ``module:attribute`` of the class or function that makes the part from
them. The factory's module is imported by the trainer alone, so that the app shows, checks and edits any recipe
without importing torch.

Built-in settings live in ``engine.settings``. Users add parts of their own in plug-ins: files in ``plugins`` of the
config directory, or modules of an installed package named by entry points of the group ``gentui.plugins``. A
plug-in module must not import torch at its top; its factories import what they need when they are called. A
recipe names parts; it never names code.

Factories by kind of part, with the arguments they are called with:

    dataset            (settings, progress)                       engine.data.dataset:Dataset
    net                (settings, spec)                           torch.nn:Module
    method             (settings, context)                        engine.methods:Method
    optim              (settings, parameters)                     torch.optim:Optimizer
    schedule           (settings, optimizer, total_steps)         engine.methods.optim:Schedule
    sampler            (settings, process, noise, show)           torch:Tensor
    metric             (settings, recipe, dataset, device)        engine.evaluation.scorer:Scorer
    figure             (settings, context)                        collections.abc:Iterable
    extractor          (settings, path, device)                   engine.evaluation.extractors:Extractor
    extractor "probe"  (settings, dataset, device, progress)      engine.evaluation.extractors:Extractor
    adversarial_loss   (settings)                                 engine.methods.adversarial:Adversarial
    penalty            (settings)                                 engine.methods.penalties:Regulariser
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.runs import paths
from engine.runs.files import distrust, distrust_code

PLUGIN_GROUP = "gentui.plugins"
OWN_PLUGINS = "gentui_plugins"
"""The package that plug-in files of the config directory are imported into."""


class Conflict(NamedTuple):
    """Why a part of a recipe is incompatible with the others: the key of its table, what is wrong, and a remedy."""

    key: str
    message: str
    hint: str = ""


class FactoryError(TypeError):
    """A part's factory is missing, or returned something other than that kind of part."""


class Settings(BaseModel):
    """Base of every settings class: strict types, unknown keys refused, immutable."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    factory: ClassVar[str] = ""
    """``module:attribute`` of the function or class that makes the part. The module docstring lists its arguments."""
    part_fields: ClassVar[dict[str, str]] = {}
    """Fields that name other parts, with the kind of part each names."""

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        """Yield a ``Conflict`` for each way these settings are incompatible with the recipe's other parts.

        ``parts`` has the settings by table; tables that could not be validated are absent.
        """
        return ()


S = TypeVar("S", bound=Settings)
T = TypeVar("T")
_registry: dict[str, dict[str, type[Settings]]] = {}


def register(kind: str, name: str) -> Callable[[type[S]], type[S]]:
    """Class decorator: register a settings class as the part ``name`` of ``kind``.

    Raises ValueError if another class has that name.
    """

    def add(cls: type[S]) -> type[S]:
        registered = _registry.setdefault(kind, {})
        if name in registered and registered[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"two parts of kind {kind!r} are called {name!r}")
        registered[name] = cls
        return cls

    return add


failures: list[str] = []
"""A sentence for each plug-in that could not be imported."""


@cache
def load_all() -> None:
    """Import all built-in settings modules and all plug-ins, once. Failures of plug-ins are kept in ``failures``."""
    package = importlib.import_module("engine.settings")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    for point in entry_points(group=PLUGIN_GROUP):
        _attempt(f"plug-in {point.name} ({point.value})", point.load)
    own = ModuleType(OWN_PLUGINS)
    own.__path__ = [str(paths.config_dir() / "plugins")]
    sys.modules[OWN_PLUGINS] = own
    folder = Path(own.__path__[0])
    for module in pkgutil.iter_modules(own.__path__):
        file = folder / module.name if module.ispkg else folder / f"{module.name}.py"
        if why := distrust(folder.parent) or distrust_code(file):
            failures.append(f"plug-in {file} was not loaded: {why}")
            continue
        _attempt(f"plug-in {file}", partial(importlib.import_module, f"{OWN_PLUGINS}.{module.name}"))


def _attempt(what: str, load: Callable[[], object]) -> None:
    """Load a plug-in, or add to ``failures`` why it failed and in which line."""
    try:
        load()
    except Exception as error:
        line = next((f" (line {at.lineno})" for at in reversed(extract_tb(error.__traceback__)) if at.filename
                     and not at.filename.startswith("<")), "")  # fmt: skip
        message = next(iter(str(error).splitlines()), "")
        failures.append(f"{what} could not be loaded: {type(error).__name__}: {message}{line}")


def kinds() -> list[str]:
    """The kinds of parts: dataset, net, method …"""
    load_all()
    return list(_registry)


def names(kind: str) -> list[str]:
    """Names of the registered parts of a kind, sorted: which module is imported first varies."""
    load_all()
    return sorted(_registry.get(kind, {}))


def find(kind: str, name: str) -> type[Settings] | None:
    """The settings class of a part; None if there is no such part."""
    load_all()
    return _registry.get(kind, {}).get(name)


def is_part(settings: Settings, kind: str, name: str) -> bool:
    """Whether ``settings`` are those of the part registered under ``name``, or of a subclass of it.

    For checks between modules that must not import each other, such as a net's of the method that trains it.
    """
    cls = find(kind, name)
    return cls is not None and isinstance(settings, cls)


def default_settings(kind: str, name: str) -> Settings:
    """A part's settings with their default values. Raises LookupError if there is no such part."""
    if (cls := find(kind, name)) is None:
        raise LookupError(f"no {kind} called {name!r}; known: {', '.join(names(kind))}")
    return cls()


def load_factory(settings: Settings | type[Settings]) -> Callable[..., object]:
    """Import the factory that ``settings`` name. Trainer only: this imports torch.

    Raises FactoryError if no factory is named or its module has no such attribute.
    """
    module, _, attribute = settings.factory.partition(":")
    cls = settings if isinstance(settings, type) else type(settings)
    if not module or not attribute:
        raise FactoryError(f"{cls.__name__} names no factory: {settings.factory!r} is not MODULE:FUNCTION")
    factory = getattr(importlib.import_module(module), attribute, None)
    if not callable(factory):
        raise FactoryError(
            f"{cls.__name__} names the factory {settings.factory}, and there is no such function"
        )
    return factory


def build(settings: Settings, expected: type[T], *args: Any, **kwargs: Any) -> T:
    """Call the factory of ``settings`` with them and the further arguments.

    ``expected`` is the class or runtime-checkable protocol that the result must be an instance of. Raises
    FactoryError if it is not. Each kind of part has a function of its own around this one, such as
    ``engine.nets.build_net``: see the table at the top of this module.
    """
    made = load_factory(settings)(settings, *args, **kwargs)
    if not isinstance(made, expected):
        raise FactoryError(f"{settings.factory} returned a {type(made).__name__}, not a {expected.__name__}")
    return made
