"""Changes of a run's settings when it is resumed, in ``run.json``: what was changed, from what, and when."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from engine.runs.directory import RunDir
from engine.runs.files import write_atomically
from gentui.jobs.states import JobError, job_label

FIELD = "changes"


@dataclass(frozen=True)
class Change:
    """Settings changed before ``attempt``: old and new value by dotted key. ``t`` is in unix seconds."""

    t: float
    attempt: int
    settings: dict[str, list[Any]]

    @property
    def lines(self) -> list[str]:
        """``evaluate.batch_size: 256 → 32`` for each."""
        return [f"{key}: {_shown(old)} → {_shown(new)}" for key, (old, new) in self.settings.items()]


def change_settings(run: RunDir, overrides: Iterable[str], attempt: int) -> None:
    """Rewrite ``recipe.toml`` with ``overrides`` (``table.key=value``) and record the change.

    The caller holds the lock of the run's small files. Raises ``RecipeError`` for problems of the overrides,
    ``MissingData`` when what changed scores need is not here, JobError and OSError.
    """
    from engine.recipes.resume_options import changed_recipe

    recipe, settings = changed_recipe(run.recipe_path, overrides)
    if not settings:
        return
    if any(key.startswith("evaluate.") for key in settings):
        recipe.require_data()
    # Recorded first: a kill in between leaves a record of what was asked for, not a change that nobody knows of.
    change = Change(time.time(), attempt, settings)
    try:
        run.update_info(**{FIELD: [*map(asdict, changes_of(run)), asdict(change)]})
    except ValueError:
        raise JobError(
            f"the settings of {job_label(run)} cannot be changed: its run.json is not readable"
        ) from None
    write_atomically(run.recipe_path, recipe.to_toml().encode())


def changes_of(run: RunDir) -> list[Change]:
    """The changes recorded, oldest first; whatever is malformed is left out."""
    try:
        stored = run.info().get(FIELD)
    except (OSError, ValueError):
        return []
    return [change for each in stored if (change := _parsed(each))] if isinstance(stored, list) else []


def _parsed(raw: Any) -> Change | None:
    if not isinstance(raw, dict):
        return None
    t, attempt, settings = raw.get("t"), raw.get("attempt"), raw.get("settings")
    if not isinstance(t, int | float) or not 0 <= t < 1e11 or type(attempt) is not int:
        return None
    if not isinstance(settings, dict):
        return None
    pairs = {key: pair for key, pair in settings.items() if isinstance(pair, list) and len(pair) == 2}
    return Change(float(t), attempt, pairs)


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)
