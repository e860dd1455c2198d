"""Settings that register themselves by name. Torch-free.

A part of an experiment (a net, a method, a sampler, a data set …) is described by a ``Settings`` class:
plain validated values, and in ``factory`` the ``module:attribute`` that makes the real thing. That module
is imported only by the trainer, so the app can show, check and edit any recipe without torch.

Built-in settings live in ``engine.settings``. A person's own parts are torch-free modules, which import what
they build with inside the function that builds: files in ``plugins`` of the config directory, or modules of an
installed package, named by entry points in the group ``gentui.plugins``. A recipe names parts; it never names
code.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib.metadata import entry_points
from traceback import extract_tb
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.runs import paths

PLUGIN_GROUP = "gentui.plugins"
OWN_PLUGINS = "gentui_plugins"  # the package that files of the config directory become


class Conflict(NamedTuple):
    """Why one part of a recipe does not go with the others: which key of its table, what is wrong, the remedy."""

    key: str
    message: str
    hint: str = ""


class Settings(BaseModel):
    """Base of every settings class: strict types, unknown keys refused, immutable."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    factory: ClassVar[str] = ""
    """``module:attribute`` called with these settings to make the part."""
    part_fields: ClassVar[dict[str, str]] = {}
    """Fields that name parts in their turn: field -> kind in the registry."""

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        """What in these settings does not go with the recipe's other ``parts``, by table; bad tables are absent."""
        return ()


S = TypeVar("S", bound=Settings)
_registry: dict[str, dict[str, type[Settings]]] = {}


def register(kind: str, name: str) -> Callable[[type[S]], type[S]]:
    """Class decorator: make the settings class known as ``name`` among the parts of ``kind``."""

    def add(cls: type[S]) -> type[S]:
        known = _registry.setdefault(kind, {})
        if name in known and known[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"two parts of kind {kind!r} are called {name!r}")
        known[name] = cls
        return cls

    return add


failures: list[str] = []
"""A sentence for each plug-in that could not be imported. The others work."""


@cache
def load_all() -> None:
    """Import the built-in settings modules and the plug-ins', once."""
    package = importlib.import_module("engine.settings")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    for point in entry_points(group=PLUGIN_GROUP):
        _attempt(f"plug-in {point.name} ({point.value})", point.load)
    own = ModuleType(OWN_PLUGINS)
    own.__path__ = [str(paths.config_dir() / "plugins")]
    sys.modules[OWN_PLUGINS] = own
    for module in pkgutil.iter_modules(own.__path__):
        name = f"{OWN_PLUGINS}.{module.name}"
        _attempt(f"plug-in {own.__path__[0]}/{module.name}.py", partial(importlib.import_module, name))


def _attempt(what: str, load: Callable[[], object]) -> None:
    try:
        load()
    except Exception as error:
        line = next((f" (line {at.lineno})" for at in reversed(extract_tb(error.__traceback__)) if at.filename
                     and not at.filename.startswith("<")), "")  # fmt: skip
        said = next(iter(str(error).splitlines()), "")
        failures.append(f"{what} could not be loaded: {type(error).__name__}: {said}{line}")


def names(kind: str) -> list[str]:
    load_all()
    return list(_registry.get(kind, {}))


def find(kind: str, name: str) -> type[Settings] | None:
    load_all()
    return _registry.get(kind, {}).get(name)


def is_part(settings: Settings, kind: str, name: str) -> bool:
    """Whether ``settings`` are those of the part registered under ``name``, or of a subclass of it.

    For checks between modules that must not import each other, such as a net's of the method that trains it.
    """
    cls = find(kind, name)
    return cls is not None and isinstance(settings, cls)


def part(kind: str, name: str) -> Settings:
    """The settings of a part that has none to choose. Raises LookupError when there is no such part."""
    if (cls := find(kind, name)) is None:
        raise LookupError(f"no {kind} called {name!r}; known: {', '.join(names(kind))}")
    return cls()


def build(settings: Settings, *args: Any, **kwargs: Any) -> Any:
    """Import what ``settings`` builds and call it with them first. Trainer only: this imports torch."""
    module, _, attribute = settings.factory.partition(":")
    return getattr(importlib.import_module(module), attribute)(settings, *args, **kwargs)
