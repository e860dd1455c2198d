"""From a recipe and its data to a method with freshly initialised nets."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data.batch import ImageSpec
from engine.data.conditions import Conditions
from engine.methods import Context, Method
from engine.recipes.recipe import Recipe
from engine.settings import registry


def build_method(
    recipe: Recipe,
    device: torch.device,
    conditions: Conditions,
    total_steps: int = 1,
    steps_per_epoch: int = 1,
    images: Tensor | None = None,
) -> Method:
    """The recipe's method with freshly initialised nets."""
    spec = ImageSpec(recipe.data.image_shape, len(conditions.classes), len(conditions.attributes))
    context = Context(recipe, spec, device, total_steps, steps_per_epoch, images)
    return registry.build(recipe.method, context)
