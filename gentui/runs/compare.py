"""Compare several runs: settings that differ, and scores under the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gentui.index import Evaluation, best_of, reported_metrics

if TYPE_CHECKING:
    from gentui.index import Index, RunRow

FEWEST, MOST = 2, 8


def beside(columns: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Key -> its value in each column; None where a column lacks it."""
    keys = dict.fromkeys(key for column in columns for key in column)
    return {key: [column.get(key) for column in columns] for key in keys}


def different(columns: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Like ``beside``, but only the keys whose values are not all equal."""
    return {key: values for key, values in beside(columns).items() if any(v != values[0] for v in values)}


def grouped(settings: dict[str, list[Any]]) -> dict[str, dict[str, list[Any]]]:
    """Group settings by table: ``optim.lr`` becomes ``lr`` under ``optim``."""
    groups: dict[str, dict[str, list[Any]]] = {}
    for key, values in settings.items():
        table, _, name = key.partition(".")
        groups.setdefault(table if name else "", {})[name or table] = values
    return groups


def best_scores(index: Index, row: RunRow) -> dict[str, Evaluation]:
    """The score that stands for each metric, protocol and role."""
    return best_of(index.evaluations(row.id), _ranking)


def standing(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The score of a run that stands for each metric and protocol; reports in place of selections."""
    return [score for (score,) in comparable([best_of(evaluations, _ranking)]).values() if score is not None]


def _ranking(score: Evaluation) -> str:
    return f"{score.metric} ({score.protocol})" + (", selection" if score.role == "selection" else "")


def comparable(best: Sequence[dict[str, Evaluation]]) -> dict[str, list[Evaluation | None]]:
    """The ``best_scores`` of several runs side by side. Selections of runs that all have a report are left out."""
    reported = [reported_metrics(scores.values()) for scores in best]

    def stands(score: Evaluation | None, run: int) -> bool:
        return score is not None and (score.role != "selection" or score.metric not in reported[run])

    return {
        ranking: scores
        for ranking, scores in beside(best).items()
        if any(stands(score, run) for run, score in enumerate(scores))
    }


def leaders(scores: Sequence[Evaluation | None]) -> set[int]:
    """Positions of the best scores under one protocol; empty if fewer than two runs have one."""
    scored = [score for score in scores if score is not None and score.value == score.value]
    if len(scored) < FEWEST:
        return set()
    best = (min if scored[0].lower_is_better else max)(score.value for score in scored)
    return {place for place, score in enumerate(scores) if score is not None and score.value == best}


def delta(score: Evaluation | None, base: Evaluation | None) -> float | None:
    """The difference from the first run's score; None if either is missing, or for the first run itself."""
    return None if score is None or base is None or score is base else score.value - base.value
