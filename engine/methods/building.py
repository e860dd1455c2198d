"""Building a recipe's method, with freshly initialised nets."""

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
    target_images: Tensor | None = None,
) -> Method:
    """Build the recipe's method with freshly initialised nets.

    ``total_steps`` and ``steps_per_epoch`` set the schedules; methods that measure the data set (EDM's σ_data)
    or a domain do so on ``images`` and ``target_images``, uint8 N,C,H,W.
    """
    spec = ImageSpec(recipe.data.image_shape, len(conditions.classes), len(conditions.attributes))
    context = context_of(recipe, spec, device, total_steps, steps_per_epoch, images, target_images)
    return registry.build(recipe.method, Method, context)


def context_of(
    recipe: Recipe,
    spec: ImageSpec,
    device: torch.device,
    total_steps: int = 1,
    steps_per_epoch: int = 1,
    images: Tensor | None = None,
    target_images: Tensor | None = None,
) -> Context:
    """What the recipe's method is built from, for data described by ``spec``."""
    return Context(
        recipe.model, recipe.optim, recipe.schedule, recipe.train,
        spec, device, total_steps, steps_per_epoch, images, target_images,
    )  # fmt: skip
