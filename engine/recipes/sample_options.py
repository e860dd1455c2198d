"""Options for generating images with a run's checkpoint. Torch-free: the app uses them, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.recipes.recipe import FormField, Recipe
from engine.settings import registry
from engine.settings.diagnostics import RecipeError
from engine.settings.samplers import Denoising

OPTIONS = {"sampler": "sample.sampler", "steps": "sample.steps", "guidance": "sample.guidance"}
"""Options of ``engine.inference.sample`` that change settings of the recipe."""


def makes_images(recipe: Recipe) -> bool:
    """Whether the recipe's method generates images."""
    return recipe.sample.sampler != "none"


def with_sample_options(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with its settings changed by ``options``; those that are None are ignored. Raises RecipeError."""
    given = {key: options[name] for name, key in OPTIONS.items() if options.get(name) is not None}
    return recipe.with_values(given) if given else recipe


def adjustable_fields(recipe: Recipe) -> dict[str, FormField]:
    """The settings that can be changed, by option: none for methods that generate in one pass, guidance only if the
    method is trained for it, and only the samplers that the method allows."""
    if not isinstance(recipe.sample, Denoising):
        return {}
    fields = {field.key: field for field in recipe.form()}
    adjustable = {name: fields[key] for name, key in OPTIONS.items() if key in fields}
    if not getattr(recipe.method, "guided", False):
        adjustable.pop("guidance", None)
    own = adjustable["sampler"]
    allowed = tuple(name for name in registry.names("sampler") if _is_allowed(recipe, name))
    adjustable["sampler"] = FormField(own.key, own.value, own.default, own.type, own.help, allowed)
    return adjustable


def _is_allowed(recipe: Recipe, sampler: str) -> bool:
    kind = registry.find("sampler", sampler)
    if kind is None or not issubclass(kind, Denoising):
        return False
    try:
        with_sample_options(recipe, {"sampler": sampler, "steps": 1})
    except RecipeError:
        return False
    return True
