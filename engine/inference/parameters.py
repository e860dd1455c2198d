"""Count the parameters of recipes' nets: ``python -P -m engine.inference.parameters RECIPE...``.

Prints ``{recipe: {net: parameters}}`` as JSON. Exit codes: 0, 2 (a recipe with mistakes), 3 (no such recipe).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from engine import main_program
from engine.data.conditions import Conditions
from engine.inference.loading import exit_with
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe, RecipeError, UnknownRecipe, load


class _Unfilled(TorchFunctionMode):
    """Leaves new tensors as they are, so that their memory is never touched. On the meta device, which is for this, it
    takes seconds to load the kernels."""

    FILLS = frozenset({Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_, Tensor.mul_, Tensor.add_})

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if function in self.FILLS else function(*args, **(kwargs or {}))


def parameters(recipe: Recipe) -> dict[str, int]:
    """The number of parameters of each net that the recipe trains, for its data as published."""
    data = recipe.data
    conditions = Conditions(data.classes, data.attributes, data.groups)
    with _Unfilled():
        method = build_method(recipe, torch.device("cpu"), conditions)
    return {name: sum(p.numel() for p in net.parameters()) for name, net in method.nets.items()}


def main(arguments: list[str] | None = None) -> int:
    """Print the counts. Returns the exit code; errors exit with a message."""
    parser = argparse.ArgumentParser(prog="python -m engine.inference.parameters")
    parser.add_argument("recipes", nargs="+", metavar="RECIPE")
    names = parser.parse_args(arguments).recipes
    try:
        print(json.dumps({name: parameters(load(name)) for name in names}))
    except RecipeError as error:
        exit_with(str(error), 2)
    except UnknownRecipe as error:
        exit_with(str(error), 3)
    return 0


if __name__ == "__main__":
    main_program.run(main)
