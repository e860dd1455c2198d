"""Every registered part has a factory that exists and takes and returns what the registry's table says."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable
from types import ModuleType

import pytest
from torch import nn

from engine.data.batch import ImageSpec
from engine.methods.adversarial import build_adversarial
from engine.nets import build_net, build_pair
from engine.settings import registry
from engine.settings.registry import FactoryError, Settings

ROW = re.compile(r'^    (\w+)(?: "(\w+)")? +\(([\w, ]+)\) +([\w.]+):(\w+)$', re.MULTILINE)
WITHOUT_FACTORY = {("sampler", "direct"), ("sampler", "none")}
"""One-pass methods sample by themselves, and some make no images."""


def documented() -> dict[tuple[str, str], tuple[list[str], type]]:
    """(parameters, type returned) by kind, and by name where one part of a kind differs."""
    assert registry.__doc__ is not None
    return {
        (kind, name): (parameters.split(", "), getattr(importlib.import_module(module), returned))
        for kind, name, parameters, module, returned in ROW.findall(registry.__doc__)
    }


TABLE = documented()
registry.load_all()
PARTS = [
    (kind, name, cls)
    for kind in registry.kinds()
    for name in registry.names(kind)
    if (cls := registry.find(kind, name)) is not None and not cls.__module__.startswith(registry.OWN_PLUGINS)
]


def test_the_table_has_every_kind():
    assert {kind for kind, _ in TABLE} == set(registry.kinds())


@pytest.mark.parametrize(("kind", "name", "cls"), PARTS, ids=[f"{kind}-{name}" for kind, name, _ in PARTS])
def test_a_part_has_a_factory_as_documented(kind, name, cls):
    if (kind, name) in WITHOUT_FACTORY:
        with pytest.raises(FactoryError, match=r"names no factory"):
            registry.load_factory(cls)
        return
    factory = registry.load_factory(cls)
    parameters, expected = TABLE.get((kind, name)) or TABLE[kind, ""]
    inspect.signature(factory).bind(*parameters)
    assert makes(factory, expected), f"{cls.factory} does not return {expected.__name__}"
    settings_type = next(iter(typing.get_type_hints(signature_of(factory)).values()))
    assert issubclass(cls, settings_type), f"{cls.factory} takes {settings_type.__name__}, not {cls.__name__}"


def signature_of(factory: Callable) -> Callable:
    return factory.__init__ if isinstance(factory, type) else factory


def makes(factory: Callable, expected: type) -> bool:
    """Whether the class is, or the function is annotated to return, an ``expected``, as far as annotations tell."""
    made = factory if isinstance(factory, type) else typing.get_type_hints(factory)["return"]
    made = typing.get_origin(made) or made
    if getattr(expected, "_is_protocol", False) and expected not in made.__mro__:
        methods = [
            name for name, value in vars(expected).items() if inspect.isfunction(value) and name[0] != "_"
        ]
        return all(callable(getattr(made, name, None)) for name in methods)
    return issubclass(made, expected)


@pytest.fixture
def plugin(monkeypatch):
    """A module of factories that are wrong."""

    def half_a_pair(settings, spec):
        pair = nn.Module()
        pair.generator = nn.Identity()
        return pair

    module = ModuleType("wrong_factories")
    vars(module).update(not_a_net=lambda settings, spec: "a net", half_a_pair=half_a_pair)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_a_factory_that_returns_another_kind_of_part_is_refused(plugin):
    class Wrong(Settings):
        factory = "wrong_factories:not_a_net"

    with pytest.raises(FactoryError, match="not_a_net returned a str, not a Module"):
        build_net(Wrong(), ImageSpec((1, 8, 8)))


def test_a_pair_without_its_discriminator_is_refused(plugin):
    class Half(Settings):
        factory = "wrong_factories:half_a_pair"

    with pytest.raises(FactoryError, match="without the children generator and discriminator"):
        build_pair(Half(), ImageSpec((1, 8, 8)))


def test_a_factory_that_does_not_exist_is_named():
    class Absent(Settings):
        factory = "engine.nets.unet:NoSuchNet"

    with pytest.raises(FactoryError, match=r"names the factory .*NoSuchNet"):
        build_adversarial(Absent())
