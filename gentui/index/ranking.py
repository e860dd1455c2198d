"""Which of a run's scores stand for it: the best selection and the newest report of each protocol."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from gentui.index.rows import REPORT, SELECTION


@dataclass(frozen=True)
class Score:
    """The columns of a finite score that decide, and those of a run's best score.

    ``chosen``: whether the trainer took its checkpoint for the best so far.
    """

    metric: str
    protocol_id: str
    step: int
    value: float
    lower_is_better: int
    protocol: str
    floor: float | None
    seconds: float | None
    t: float
    selected_by: str
    std: float | None
    role: str
    over: str
    floor_std: float | None
    noise_seed: int
    chosen: int


COLUMNS = tuple(field.name for field in fields(Score))
Group = tuple[str, str, str]
"""Metric, protocol id and role: scores of one group can be compared."""


def rank_scores(db: sqlite3.Connection, run: str) -> dict[str, Any]:
    """Set ``best`` and ``ranked`` of a run's scores; returns the columns of its row that come from them.

    Of selections, and of scores from before there were reports, the best of each protocol stands for the run; of
    reports the newest, one of the selected checkpoint first. Where a metric has a report its selections are not ranked.
    """
    rows = db.execute(
        f"SELECT {', '.join(COLUMNS)} FROM evaluations WHERE run = ? AND kind = 0"
        " ORDER BY t, step, metric, protocol_id", (run,),
    )  # fmt: skip
    scores = [Score(*row) for row in rows]
    selected = _best_of_groups([score for score in scores if score.role != REPORT])
    chosen = _chosen(scores, selected) if scores else None
    reported = _newest_reports(scores, chosen)
    standing = selected | reported
    with_report = {metric for metric, *_ in reported}
    ranked = [s for s in standing.values() if s.role != SELECTION or s.metric not in with_report]
    db.execute("UPDATE evaluations SET best = 0, ranked = 0 WHERE run = ?", (run,))
    for score in standing.values():
        db.execute(
            "UPDATE evaluations SET best = 1, ranked = ? WHERE run = ? AND step = ? AND metric = ?"
            " AND protocol_id = ? AND role = ? AND noise_seed = ?",
            (score in ranked, run, score.step, score.metric, score.protocol_id, score.role, score.noise_seed),
        )
    seconds = db.execute("SELECT total(seconds) FROM passes WHERE run = ?", (run,)).fetchone()[0]
    best = _best_of_run(scores, chosen, reported)
    return {
        "scoring": seconds,
        "protocols": json.dumps(sorted({score.protocol for score in scores})),
        "scores": json.dumps(_extremes(ranked)),
        "best": json.dumps(astuple(best)) if best is not None else None,
    }


def _group(score: Score) -> Group:
    return score.metric, score.protocol_id, score.role


def _chosen(scores: Sequence[Score], selected: Mapping[Group, Score]) -> Score | None:
    """The score, by the metric scored first, of the checkpoint that was selected; None if only reports are known.

    The trainer may select by another metric than the first; in old logs, and where it did not say, the first does.
    """
    kept = [score for score in scores if score.role == SELECTION and score.chosen]
    if not kept:
        return selected.get(_group(_first(scores)))
    of_kept = [score for score in scores if score.role == SELECTION and score.step == kept[-1].step]
    return next((score for score in reversed(of_kept) if score.metric == scores[0].metric), kept[-1])


def _first(scores: Sequence[Score]) -> Score:
    """The score whose metric and protocol select the checkpoint: the first selection by the metric scored first."""
    metric = scores[0].metric
    return next((s for s in scores if s.metric == metric and s.role == SELECTION), scores[0])


def _best_of_groups(scores: Sequence[Score]) -> dict[Group, Score]:
    at = {(score.metric, score.step): score for score in scores}
    best: dict[Group, Score] = {}
    for score in scores:
        held = best.get(_group(score))
        if held is None or _is_better(score, held, at):
            best[_group(score)] = score
    return best


def _is_better(score: Score, held: Score, at: Mapping[tuple[str, int], Score]) -> bool:
    """Whether ``score`` beats ``held``, by value or by that of the selecting metric; a step without the latter loses.

    ``at``: scores by metric and step.
    """
    by = score.selected_by or score.metric
    if by != score.metric:
        mine, theirs = at.get((by, score.step)), at.get((by, held.step))
        if mine is None or theirs is None:
            return theirs is None
        score, held = mine, theirs
    return score.value < held.value if score.lower_is_better else score.value > held.value


def _newest_reports(scores: Sequence[Score], chosen: Score | None) -> dict[Group, Score]:
    """The newest report of each protocol. One of another checkpoint than the chosen one counts where there is no
    other: it must not take the place of the report that belongs to the run."""
    newest: dict[Group, Score] = {}
    for score in scores:
        if score.role != REPORT:
            continue
        held = newest.get(_group(score))
        if held is None or chosen is None or score.step == chosen.step or held.step != chosen.step:
            newest[_group(score)] = score
    return newest


def _best_of_run(
    scores: Sequence[Score], chosen: Score | None, reported: Mapping[Group, Score]
) -> Score | None:
    """The report of the chosen checkpoint, under the protocol reported first, or else the chosen selection."""
    if not scores:
        return None
    metric = chosen.metric if chosen is not None else scores[0].metric
    for score in scores:
        report = reported.get(_group(score)) if score.role == REPORT and score.metric == metric else None
        if report is not None and (chosen is None or report.step == chosen.step):
            return report
    return chosen


def _extremes(scores: Sequence[Score]) -> dict[str, float]:
    """The best value of each metric, over all protocols."""
    extremes: dict[str, float] = {}
    for score in scores:
        held = extremes.setdefault(score.metric, score.value)
        extremes[score.metric] = (min if score.lower_is_better else max)(held, score.value)
    return extremes
