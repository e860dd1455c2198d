"""What a person may ask of a run's checkpoint when images are drawn from it. Torch-free: the app asks, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.recipes.recipe import FormField, Recipe
from engine.settings import registry
from engine.settings.diagnostics import RecipeError
from engine.settings.samplers import Denoising

OPTIONS = {"sampler": "sample.sampler", "steps": "sample.steps", "guidance": "sample.guidance"}
"""Options of ``engine.inference.sample`` that stand for settings of the recipe; the others say what is drawn."""


def makes_images(recipe: Recipe) -> bool:
    return recipe.sample.sampler != "none"


def with_sample_options(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with these options in place; those that are None were not given. Raises RecipeError."""
    given = {key: options[name] for name, key in OPTIONS.items() if options.get(name) is not None}
    return recipe.with_values(given) if given else recipe


def adjustable_fields(recipe: Recipe) -> dict[str, FormField]:
    """The settings by option that can be changed at all: none where an image is made in one pass, guidance where
    it was trained for, and of the samplers those that the method allows."""
    if not isinstance(recipe.sample, Denoising):
        return {}
    fields = {field.key: field for field in recipe.form()}
    found = {name: fields[key] for name, key in OPTIONS.items() if key in fields}
    if not getattr(recipe.method, "guided", False):
        found.pop("guidance", None)
    own = found["sampler"]
    allowed = tuple(name for name in registry.names("sampler") if _is_allowed(recipe, name))
    found["sampler"] = FormField(own.key, own.value, own.default, own.type, own.help, allowed)
    return found


def _is_allowed(recipe: Recipe, sampler: str) -> bool:
    kind = registry.find("sampler", sampler)
    if kind is None or not issubclass(kind, Denoising):
        return False
    try:
        with_sample_options(recipe, {"sampler": sampler, "steps": 1})
    except RecipeError:
        return False
    return True
