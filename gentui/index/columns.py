"""Columns of the index as the values that its rows hold."""

from __future__ import annotations

import json
from functools import lru_cache
from sys import intern
from typing import Any

from gentui.index.ranking import COLUMNS as BEST_COLUMNS
from gentui.index.rows import NO_SEED, Evaluation, RunRow, Tiles


@lru_cache(maxsize=64)  # runs of one sweep follow one another
def settings_of(text: str) -> dict[str, Any]:
    """The settings of a run; equal texts in them are one object, for thousands of runs have the same."""
    return {
        intern(key): intern(value) if type(value) is str else value for key, value in json.loads(text).items()
    }


def seed_of(stored: int) -> int | None:
    return None if stored == NO_SEED else stored


def number_of(value: float | None, kind: int) -> float:
    return value if value is not None else {2: float("inf"), 3: float("-inf")}.get(kind, float("nan"))


def best_score(packed: str) -> Evaluation:
    best = dict(zip(BEST_COLUMNS, json.loads(packed), strict=False))  # an older version packed fewer
    best |= {
        "lower_is_better": bool(best["lower_is_better"]),
        "noise_seed": seed_of(best.get("noise_seed", NO_SEED)),
    }
    best.pop("chosen", None)
    return Evaluation(**best, best=True)


def remaining(row: RunRow) -> float | None:
    """Remaining seconds of training, from the recent speed or else that of the whole run."""
    if row.total_images and row.images_per_s and row.images_per_s > 0:
        return max(0.0, (row.total_images - row.images) / row.images_per_s)
    if row.steps and row.step and row.seconds:
        return max(0.0, (row.steps - row.step) * row.seconds / row.step)
    return None


def tiles_of(stored: str, rows: int = 0, columns: int = 0) -> Tiles:
    """How the tiles of a picture are laid out; ``rows`` and ``columns`` are those of a grid of samples."""
    fields = json.loads(stored)
    fields |= {key: tuple(fields.get(key, ())) for key in ("row_names", "column_names")}
    return Tiles(**({"rows": rows, "columns": columns} | fields))
