"""torch's compiler, imported when something is compiled.

The optimisers of torch import ``torch._dynamo`` to say that their steps are not to be compiled, and torchvision, which
torch-fidelity imports, to ask whether a function could be. That is more than a third of the processor time in which a
trainer starts, and hundreds of files to read, where most runs compile nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo"
UTILS = f"{NAME}.utils"


class _OnDemand(ModuleType):
    """Stands in for a module of torch's compiler: gives the answers kept here, and way to it for anything else."""

    def __init__(self, name: str, **answers: Callable[..., Any]) -> None:
        super().__init__(name, "Stands in for torch's compiler until it is used.")
        self.__dict__.update(answers)

    def __getattr__(self, name: str) -> Any:
        is_asked_of_every_module = name.startswith("__") and (self.__name__, name) != (NAME, "__path__")
        if is_asked_of_every_module:
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)


def _imported(name: str) -> ModuleType:
    """The module itself, in whose place something may have stood in."""
    for each in (UTILS, NAME):
        if isinstance(sys.modules.get(each), _OnDemand):
            del sys.modules[each]
    return importlib.import_module(name)


def _as_it_is(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
    return function


def _nothing() -> None:
    pass


def _is_compile_supported(device: Any) -> Any:
    return _imported(UTILS).is_compile_supported(device)


def import_on_demand() -> None:
    """Have the compiler imported when something but an optimiser or torchvision uses it, unless it is there already."""
    if NAME not in sys.modules:
        sys.modules[NAME] = torch._dynamo = _OnDemand(NAME, disable=_as_it_is, graph_break=_nothing)
        sys.modules[UTILS] = _OnDemand(UTILS, is_compile_supported=_is_compile_supported)
