"""torch's compiler, imported when something is compiled.

The optimisers of torch import ``torch._dynamo`` to say that their steps are not to be compiled. That is more than a
third of the processor time in which a trainer starts, and hundreds of files to read, where most runs compile nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo"


class _OnDemand(ModuleType):
    """Stands in for ``torch._dynamo``: answers what optimisers ask of it, and gives way to it for anything else."""

    def __init__(self) -> None:
        super().__init__(NAME, "Stands in for torch's compiler until it is used.")
        self.disable = _as_it_is
        self.graph_break = _nothing

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # what is asked of every module, as by ``inspect``
            raise AttributeError(name)
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(importlib.import_module(NAME), name)


def _as_it_is(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
    return function


def _nothing() -> None:
    pass


def import_on_demand() -> None:
    """Have the compiler imported when something but an optimiser uses it, unless it is there already."""
    if NAME not in sys.modules:
        sys.modules[NAME] = torch._dynamo = _OnDemand()
