"""Scores against scores: only rows of one data set, one metric and one protocol are ranked together."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from gentui.index.files import number, text, whole
from gentui.index.rows import LeaderboardRow
from gentui.text.sanitize import clean

SCORES = """
    SELECT r.dataset, e.protocol, e.metric, r.id, r.name, r.recipe, e.value, e.step, e.floor, r.seed, e.detail,
           r.reference, e.lower_is_better, e.protocol_id, r.title, r.quick, r.stand_in_for, e.std, r.alarms,
           r.configuration, r.status
    FROM evaluations e JOIN runs r ON r.id = e.run
    WHERE e.best AND (:dataset IS NULL OR r.dataset = :dataset)
"""
_LOWER = frozenset({"fid", "kid", "loss", "nll", "fd", "mse", "lpips"})  # where nobody has scored one yet


@dataclass(frozen=True)
class Published:
    """A figure somebody published for a recipe."""

    dataset: str
    recipe: str
    title: str
    metric: str
    value: float
    protocol: str
    source: str


def published(dataset: str, recipe: str, title: str, reference: object) -> Published | None:
    """From a recipe's [reference] table or run.json's copy of it; None when there is no figure in it."""
    if not isinstance(reference, dict):
        return None
    value = number(reference.get("value"))
    metric = clean(text(reference.get("metric")), 100)
    if value is None or not metric:
        return None
    protocol, source = (clean(text(reference.get(key))) for key in ("protocol", "source"))
    return Published(dataset, recipe, title, metric, value, protocol, source)


def board(scores: Iterable[tuple[Any, ...]], figures: Iterable[Published]) -> list[LeaderboardRow]:
    """Published figures in line with the ranked runs, best first within each (data set, metric, protocol); data
    sets that runs were scored on come first.

    A published figure has a protocol of its own, so it is given no rank: it stands beside, not among.
    """
    scores = sorted(scores, key=lambda score: score[3])  # by run: the oldest first
    rows = [_row(score) for score in scores]
    _sum_up_seeds(rows, [score[-2:] for score in scores])
    known = {(row.dataset, row.metric): row.lower_is_better for row in rows}
    figures = set(figures)
    by_recipe = {(f.dataset, f.recipe, f.metric): f for f in figures}
    for row in rows:
        if (figure := by_recipe.get((row.dataset, row.recipe, row.metric))) is not None and not row.source:
            row.reference, row.source = figure.value, figure.source
    rows.sort(key=_order)
    rank, group = 0, None
    for row in rows:
        if group != (row.dataset, row.metric, row.protocol_id, row.protocol):
            group, rank = (row.dataset, row.metric, row.protocol_id, row.protocol), 0
        rank += 1
        row.rank = rank
    rows += [
        LeaderboardRow(
            dataset=f.dataset, protocol=f.protocol, metric=f.metric, rank=None, run=None, name="",
            recipe=f.recipe, value=f.value, step=None, floor=None, seed=None, samples=None, reference=f.value,
            source=f.source, lower_is_better=known.get((f.dataset, f.metric), f.metric in _LOWER),
            title=f.title,
        )
        for f in figures
    ]  # fmt: skip
    own = {row.dataset for row in rows if row.run}
    return sorted(rows, key=lambda row: (row.dataset not in own, _order(row)))


def _sum_up_seeds(rows: list[LeaderboardRow], of: list[tuple[str, str]]) -> None:
    """Say of each row how the finished runs that differ from it in their seed alone come out.

    ``of``: configuration and status of each row's run. Of several runs of one seed the newest counts; a run that
    is not over, or whose recipe or seed is not known, stands alone.
    """
    groups: dict[tuple[str, ...], dict[int, float]] = {}
    for row, (configuration, status) in zip(rows, of, strict=True):
        if configuration and status == "done" and row.seed is not None:
            groups.setdefault(_group(row, configuration), {})[row.seed] = row.value
    for row, (configuration, status) in zip(rows, of, strict=True):
        is_one = status == "done" and row.seed is not None
        values = list(groups.get(_group(row, configuration), {}).values()) if is_one else []
        values = values or [row.value]
        row.seeds = len(values)
        try:
            row.mean, row.sd = fmean(values), stdev(values) if len(values) > 1 else None
        except OverflowError:  # no sane score, but a log may hold any
            row.mean = row.sd = math.inf


def _group(row: LeaderboardRow, configuration: str) -> tuple[str, ...]:
    return configuration, row.dataset, row.metric, row.protocol_id, row.protocol


def _order(row: LeaderboardRow) -> tuple[Any, ...]:
    value = row.value if row.lower_is_better else -row.value
    return (
        row.dataset,
        row.metric,
        row.run is None,
        row.protocol,
        row.protocol_id,
        value,
        row.run or row.recipe,
    )


def _row(score: tuple[Any, ...]) -> LeaderboardRow:
    (dataset, protocol, metric, run, name, recipe, value, step, floor, seed, detail, reference, lower,
     protocol_id, title, quick, stand_in_for, std, alarms, *_) = score  # fmt: skip
    figure = published(dataset, recipe, title, json.loads(reference) if reference else None)
    if figure is not None and (figure.metric != metric or stand_in_for):
        figure = None
    samples = json.loads(detail).get("samples")
    return LeaderboardRow(
        dataset=dataset, protocol=protocol, metric=metric, rank=None, run=run, name=name, recipe=recipe,
        value=value, step=step, floor=floor, seed=seed, samples=whole(samples),
        reference=figure.value if figure else None, source=figure.source if figure else "",
        lower_is_better=bool(lower), protocol_id=protocol_id, title=title, quick=bool(quick), std=std,
        alarms=[(severity, name) for severity, name in json.loads(alarms) if severity != "info"],
    )  # fmt: skip
