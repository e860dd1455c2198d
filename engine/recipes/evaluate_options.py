"""Options for evaluating a checkpoint, and the text form of a score. Torch-free: the app uses them, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.recipes.published import disagreements, published_fields
from engine.recipes.recipe import Recipe
from engine.settings.diagnostics import Problem, RecipeError
from engine.settings.evaluation import FID, METRIC_SCORES

OPTIONS = {
    "metrics": "evaluate.also",
    "weights": "evaluate.weights",
    "split": "evaluate.split",
    "samples": "evaluate.samples",
    "extractor": "evaluate.extractor",
    "noises": "evaluate.noises",
    "seed": "evaluate.seed",
    "labels": "evaluate.labels",
    "sampler": "sample.sampler",
    "steps": "sample.steps",
    "guidance": "sample.guidance",
    "statistics": "evaluate.statistics",
}
"""Options of ``engine.inference.evaluate``, with the settings that they change."""


def parse_metrics(text: str) -> list[str]:
    """Parse names of metrics (keys of ``METRIC_SCORES``) separated by commas. Raises ValueError with a sentence."""
    metrics = [name.strip() for name in text.split(",") if name.strip()]
    if not metrics or not {*metrics} <= {*METRIC_SCORES}:
        raise ValueError(f"{text!r}: names out of {', '.join(METRIC_SCORES)}, separated by commas")
    return metrics


def recipe_metrics(recipe: Recipe) -> list[str]:
    """The metrics that the recipe is scored by: keys of ``METRIC_SCORES``, none if it generates no images."""
    return ["fid", *recipe.evaluate.extra_metrics] if isinstance(recipe.evaluate, FID) else []


def with_evaluate_options(recipe: Recipe, options: Mapping[str, Any], as_published: bool = False) -> Recipe:
    """The recipe with its settings changed by ``options``; those that are None are ignored. Raises RecipeError.

    ``as_published``: first set what its published figure was made with, as far as it is known.
    """
    recipe = recipe.with_values(_published_values(recipe)) if as_published else recipe.as_scored()
    given = {OPTIONS[name]: value for name, value in options.items() if value is not None}
    image_options = [name for name, key in OPTIONS.items() if key in given and key.startswith("evaluate.")]
    if image_options and not isinstance(recipe.evaluate, FID):
        message = f"{recipe.name} makes no images to score: {', '.join(image_options)} cannot be chosen"
        raise RecipeError([Problem("", "", message)])
    if (metrics := given.get("evaluate.also")) is not None:
        given["evaluate.also"] = [name for name in parse_metrics(metrics) if name != "fid"]
    return recipe.with_values(given) if given else recipe


def _published_values(recipe: Recipe) -> dict[str, Any]:
    """The settings of [evaluate] by dotted key that the recipe's published figure was made with. Raises RecipeError."""
    reference = recipe.reference
    if reference is None or reference.value is None:
        raise RecipeError([Problem("", "", f"{recipe.name} has no published figure to evaluate as")])
    if not isinstance(recipe.evaluate, FID):
        message = (
            f"the published {reference.metric} is one that every run records while it trains: see its scores"
        )
        raise RecipeError([Problem("", "", message)])
    if not reference.evaluate:
        message = (
            f"how the published {reference.metric} of {recipe.name} was made is not known: {reference.protocol}"
        )
        raise RecipeError([Problem("", "", message)])
    scored_as_drawn = {"sampler": "", "steps": 0}
    return {f"evaluate.{name}": value for name, value in {**scored_as_drawn, **reference.evaluate}.items()}


def published_remark(recipe: Recipe, scores: Sequence[Mapping[str, Any]]) -> str:
    """Whether the scores of ``evaluation`` events rank with the published figure, or why not, as a sentence."""
    reference = recipe.reference
    assert reference is not None
    fields = published_fields(reference.model_dump())
    score = next((score for score in scores if score["metric"] == reference.metric), None)
    if score is None:
        return f"no {reference.metric} to compare with the published {reference.value:g}"
    reasons = disagreements(score["protocol_detail"], fields, reference.labels_hash)
    if reasons:
        return f"not ranked with the published {reference.metric} {reference.value:g}: {'; '.join(reasons)}"
    return f"ranked with the published {reference.metric} {reference.value:g} ({reference.source})"


def score_line(score: Mapping[str, Any]) -> str:
    """The score of an ``evaluation`` event as a line: metric, value, protocol, separated by tabs."""
    std = _plus_minus(score, "std", 3) + (f" over {score['over']}" if score.get("over") else "")
    real = ""
    if score["floor"] is not None:
        real = f"  (real images {score['floor']:.4g}{_plus_minus(score, 'floor_std', 2)})"
    return f"{score['metric']}\t{score['value']:.6g}{std}{real}\t{score['protocol']}"


def _plus_minus(score: Mapping[str, Any], name: str, digits: int) -> str:
    return f" ± {score[name]:.{digits}g}" if score.get(name) is not None else ""
