"""What a person may change when a checkpoint is scored again, and how a score reads. Torch-free: the app asks, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.recipes.recipe import Recipe
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import FID, METRIC_SCORES

OPTIONS = {
    "metrics": "evaluate.also",
    "weights": "evaluate.weights",
    "split": "evaluate.split",
    "samples": "evaluate.samples",
    "extractor": "evaluate.extractor",
    "sampler": "sample.sampler",
    "steps": "sample.steps",
    "guidance": "sample.guidance",
}
"""Options of ``engine.inference.evaluate`` with the settings they change."""


def parse_metrics(text: str) -> list[str]:
    """Names of metrics separated by commas, as in ``METRIC_SCORES``. Raises ValueError with a sentence."""
    asked = [name.strip() for name in text.split(",") if name.strip()]
    if not asked or not {*asked} <= {*METRIC_SCORES}:
        raise ValueError(f"{text!r}: names out of {', '.join(METRIC_SCORES)}, separated by commas")
    return asked


def recipe_metrics(recipe: Recipe) -> list[str]:
    """What the recipe itself is scored by: names as in ``METRIC_SCORES``, none where it makes no images."""
    return ["fid", *recipe.evaluate.extra_metrics] if isinstance(recipe.evaluate, FID) else []


def with_evaluate_options(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with these options in place; those that are None were not given. Raises RecipeError."""
    given = {OPTIONS[name]: value for name, value in options.items() if value is not None}
    of_images = [name for name, key in OPTIONS.items() if key in given and key.startswith("evaluate.")]
    if of_images and not isinstance(recipe.evaluate, FID):
        message = f"{recipe.name} makes no images to score: {', '.join(of_images)} cannot be chosen"
        raise RecipeError([Problem("", "", message)])
    if (metrics := given.get("evaluate.also")) is not None:
        given["evaluate.also"] = [name for name in parse_metrics(metrics) if name != "fid"]
    return recipe.with_values(given) if given else recipe


def score_line(score: Mapping[str, Any]) -> str:
    """An ``evaluation`` event's score as a line: metric, value, protocol, separated by tabs."""
    std = f" ± {score['std']:.3g}" if score.get("std") is not None else ""
    floor = f"  (floor {score['floor']:.4g})" if score["floor"] is not None else ""
    return f"{score['metric']}\t{score['value']:.6g}{std}{floor}\t{score['protocol']}"
