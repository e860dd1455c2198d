"""The published figures: of which recipe and nets, under which protocol, and whether runs are ranked with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from engine.recipes.published import why_unranked
from engine.recipes.recipe import Recipe


def published_rows(recipes: Iterable[Recipe]) -> list[dict[str, Any]]:
    """A row for each recipe with a published figure, in the order of the menu.

    ``parameters`` are counts by net, from the engine in another process: {} where they cannot be had.
    """
    chosen = [
        recipe for recipe in recipes if recipe.reference is not None and recipe.reference.value is not None
    ]
    counts = _parameters([recipe.name for recipe in chosen])
    return [_row(recipe, counts.get(recipe.name, {})) for recipe in chosen]


def _row(recipe: Recipe, parameters: dict[str, int]) -> dict[str, Any]:
    reference = recipe.reference
    assert reference is not None
    why_not = why_unranked(reference.model_dump())
    return {
        "recipe": recipe.name,
        "dataset": recipe.dataset,
        "metric": reference.metric,
        "value": reference.value,
        "parameters": parameters,
        "protocol": reference.protocol.removeprefix("as published: "),
        "ranks": not why_not,
        "why_not": why_not,
        "source": reference.source,
        "note": reference.note,
    }


def _parameters(names: list[str]) -> dict[str, dict[str, int]]:
    if not names:
        return {}
    # -P: a folder called engine in the working directory must not be imported instead
    command = [sys.executable, "-P", "-m", "engine.inference.parameters", *names]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout) if done.returncode == 0 else {}
    except ValueError:  # a plug-in prints, say
        return {}
