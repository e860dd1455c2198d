"""What is compared of several runs: the settings that differ, scores under equal protocols, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gentui.index import Evaluation, best_of

if TYPE_CHECKING:
    from gentui.index import Index, RunRow

FEWEST, MOST = 2, 8


def beside(columns: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The values of every key in each column, None where it has none."""
    keys = dict.fromkeys(key for column in columns for key in column)
    return {key: [column.get(key) for column in columns] for key in keys}


def different(columns: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The same of those keys only whose values are not all equal."""
    return {key: values for key, values in beside(columns).items() if any(v != values[0] for v in values)}


def grouped(settings: dict[str, list[Any]]) -> dict[str, dict[str, list[Any]]]:
    """Settings by their table: ``optim.lr`` under ``optim``, as ``lr``."""
    groups: dict[str, dict[str, list[Any]]] = {}
    for key, values in settings.items():
        table, _, name = key.partition(".")
        groups.setdefault(table if name else "", {})[name or table] = values
    return groups


def telling(runs: Sequence[RunRow], labels: Sequence[str]) -> list[str]:
    """Names by which the runs are told apart: their labels, and before one that several have, what differs in those;
    without that label where all have it."""
    names = list(labels)
    for label in {label for label in labels if labels.count(label) > 1}:
        alike = [place for place, other in enumerate(labels) if other == label]
        for place, tail in zip(alike, _tails([runs[place] for place in alike]), strict=True):
            names[place] = f"{tail} · {label}" if len(alike) < len(labels) else tail
    return names


def _tails(runs: Sequence[RunRow]) -> list[str]:
    """As few settings of each as tell it from the others; the end of its id where none do."""
    found: list[tuple[str, ...]] = [() for _ in runs]
    settings = different([run.settings for run in runs])
    keys = sorted(settings, key=lambda key: (key != "train.seed", key.startswith(("sample.", "evaluate."))))
    values = [_shortened([run.recipe for run in runs])]
    values += [[f"{key.rpartition('.')[2]}={value}" for value in settings[key]] for key in keys]
    for column in [*values, [run.id.rpartition("-")[2] for run in runs]]:
        longer = [(*known, value) for known, value in zip(found, column, strict=True)]
        if len(set(longer)) > len(set(found)):
            found = longer
    return [" ".join(parts) for parts in found]


def _shortened(names: list[str]) -> list[str]:
    """Without the words that all of them begin with."""
    words = [name.split("-") for name in names]
    most = min(map(len, words)) - 1 if len(set(names)) > 1 else 0
    shared = next((place for place in range(most) if len({of[place] for of in words}) > 1), most)
    return ["…" * bool(shared) + "-".join(of[shared:]) for of in words]


def best_scores(index: Index, row: RunRow) -> dict[str, Evaluation]:
    """The best score of each metric and protocol."""
    return best_of(index.evaluations(row.id), lambda score: f"{score.metric} ({score.protocol})")


def leaders(scores: Sequence[Evaluation | None]) -> set[int]:
    """The places of the best of scores under one protocol; none where only one run has any."""
    known = [score for score in scores if score is not None and score.value == score.value]
    if len(known) < FEWEST:
        return set()
    best = (min if known[0].lower_is_better else max)(score.value for score in known)
    return {place for place, score in enumerate(scores) if score is not None and score.value == best}


def delta(score: Evaluation | None, base: Evaluation | None) -> float | None:
    """How far a score is from the first run's; None where either is missing."""
    return None if score is None or base is None or score is base else score.value - base.value
