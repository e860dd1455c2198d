"""What a run does besides training, sampling and scoring: how long that took, and how long what remains may take.

A visit is a step at which the trainer pauses to draw, score or examine. The log tells its phases; the time between two
events of a phase is that phase's. What a visit of a kind costs is measured from the run's own earlier ones, else from
those of runs of the same recipe on such a device.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.runs.schedule import evenly_spaced
from gentui.index.files import whole

if TYPE_CHECKING:
    from gentui.index.rows import RunRow

SAMPLE, SCORE, CHECK, REPORT = "sample", "score", "check", "report"
"""Kinds: pictures are drawn, scores computed, samples examined, and at the end the best checkpoint is scored again."""
ONCE = "once"
"""Work of a visit that later ones do not need, such as embedding real images."""
_KINDS = {"sampling": SAMPLE, "evaluating": SCORE, "checking samples": CHECK, "making the report": REPORT}
_BEFORE_TRAINING = ("reading data", "building the net", "choosing the precision")
_ALIKE = 5  # earlier runs of the recipe that are asked
_SPENT = "SELECT kind, step, seconds FROM visits WHERE run = ?"
_OF_OTHERS = """
SELECT kind, seconds FROM visits WHERE run IN (
    SELECT id FROM runs WHERE recipe = ? AND quick = ? AND status = 'done' AND id != ? AND substr(device, 1, 3) = ?
    ORDER BY id DESC LIMIT ?
)
"""


def kind_of(phase: str, before: str = "") -> str:
    """The kind of visit that a phase belongs to, "" for training and what precedes it. ``before``: the kind of the
    phase before."""
    name = phase.rstrip("0123456789/ ")
    if not name or name.startswith(_BEFORE_TRAINING):
        return ""
    if name in _KINDS:
        return _KINDS[name]
    if name.startswith("computing") and not name.startswith("computing the floor"):
        return REPORT if before == REPORT else SCORE
    return ONCE


def fraction_of(phase: str) -> float | None:
    """How much of a phase is done, from ``evaluating 3/9``; None if it does not say."""
    done, slash, total = phase.rpartition(" ")[2].partition("/")
    if not slash or not done.isdigit() or not total.isdigit() or not int(total):
        return None
    return min(1.0, int(done) / int(total))


@dataclass(frozen=True)
class Plan:
    """How many visits of a kind there are, and after how many of them the run is."""

    done: int
    of: int


def plans(row: RunRow) -> dict[str, Plan]:
    """What has been done of the planned pictures and scores, by kind; kinds that are not planned are absent."""
    visiting = kind_of(row.phase) if row.status in ("running", "stalled") else ""
    found = {}
    for kind, key in ((SAMPLE, "sample.times"), (SCORE, "evaluate.times")):
        steps = _steps(row, key)
        is_at = bool(row.step) and (visiting == kind or (kind == SCORE and visiting == SAMPLE))
        if steps:
            found[kind] = Plan(
                sum(step < row.step or (step == row.step and not is_at) for step in steps), len(steps)
            )
    return found


def _steps(row: RunRow, key: str) -> list[int]:
    times = whole(row.settings.get(key)) or 0
    return evenly_spaced(row.steps, min(times, row.steps)) if row.steps and times > 0 else []


def time_left(db: sqlite3.Connection, row: RunRow, training: float | None) -> tuple[float | None, bool]:
    """(seconds that remain to a run, whether they leave something out, of which no cost is known yet).

    ``training``: what remains of training alone, None if unknown.
    """
    if training is None:
        return None, False
    spent = _spent(db, row.id)
    if spent is None:  # an index of an older version that cannot be written
        return training, bool(row.settings)
    costs = _costs(db, row, spent)
    now = kind_of(row.phase)
    left, is_partial = training, False
    for kind, number in _to_come(row, now).items():
        cost = costs.get(kind)
        if cost is None:
            is_partial |= kind != CHECK  # small beside the others
            continue
        left += cost * number
    if now:
        so_far = spent.get(now, {}).get(row.step, 0.0)
        fraction, cost = fraction_of(row.phase), costs.get(now)
        if fraction:
            left += so_far * (1 - fraction) / fraction
        elif cost is not None:
            left += max(0.0, cost - so_far)
        else:
            is_partial = True
    return left, is_partial


def _to_come(row: RunRow, now: str) -> dict[str, int]:
    """How many visits of each kind are to begin yet."""
    plan = plans(row)
    number = {kind: one.of - one.done - (kind == now) for kind, one in plan.items()}
    number[CHECK] = max(number.values(), default=0)
    if SCORE in plan and now != REPORT:
        number[REPORT] = 1
    if now == REPORT:
        return {}
    return {kind: count for kind, count in number.items() if count > 0}


def _spent(db: sqlite3.Connection, run: str) -> dict[str, dict[int, float]] | None:
    """Seconds spent, by kind and step; None if the index does not say."""
    try:
        rows = db.execute(_SPENT, (run,)).fetchall()
    except sqlite3.OperationalError:
        return None
    spent: dict[str, dict[int, float]] = {}
    for kind, step, seconds in rows:
        spent.setdefault(kind, {})[step] = seconds
    return spent


def _costs(db: sqlite3.Connection, row: RunRow, spent: dict[str, dict[int, float]]) -> dict[str, float]:
    """Seconds of a visit, by kind: the mean of the run's own that have ended, else of those of other runs."""
    now = kind_of(row.phase)
    own = {
        kind: [seconds for step, seconds in at.items() if step < row.step or kind != now]
        for kind, at in spent.items()
    }
    costs = {kind: sum(seconds) / len(seconds) for kind, seconds in own.items() if seconds}
    if {SAMPLE, *([SCORE, REPORT] if whole(row.settings.get("evaluate.times")) else [])} <= costs.keys():
        return costs
    others: dict[str, list[float]] = {}
    alike = (row.recipe, int(row.quick), row.id, (row.device or "")[:3], _ALIKE)
    for kind, seconds in db.execute(_OF_OTHERS, alike):
        others.setdefault(kind, []).append(seconds)
    costs = {kind: sum(seconds) / len(seconds) for kind, seconds in others.items()} | costs
    if SCORE in costs:  # the report is a score for each of its noises
        costs.setdefault(REPORT, costs[SCORE] * max(1, whole(row.settings.get("evaluate.noises")) or 1))
    return costs
