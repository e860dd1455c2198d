"""The leaderboard: scores are ranked only within one data set, metric and protocol."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

from engine.recipes.published import disagreements, published_fields
from engine.runs import paths
from gentui.index.conditions import conditions_of, over_of
from gentui.index.files import number, text, whole
from gentui.index.rows import NO_SEED, REPORT, SELECTION, LeaderboardRow
from gentui.text.sanitize import clean

SCORES = """
    SELECT r.dataset, e.protocol, e.metric, r.id, r.name, r.recipe, e.value, e.step, e.floor, r.seed, e.detail,
           r.reference, e.lower_is_better, e.protocol_id, r.title, r.quick, r.stand_in_for, e.std, r.alarms,
           e.role, e.over, e.floor_std, e.noise_seed, r.precision, r.configuration, r.status
    FROM evaluations e JOIN runs r ON r.id = e.run
    WHERE e.ranked AND (:dataset IS NULL OR r.dataset = :dataset)
"""
OF_A_RUN = """
    SELECT r.dataset, r.recipe, r.title, r.reference, r.stand_in_for, r.name, r.seed, r.quick, r.alarms, r.precision,
           r.configuration, r.status, e.metric, e.value, e.step, e.floor, e.detail, e.lower_is_better, e.protocol,
           e.protocol_id, e.std, e.role, e.over, e.floor_std, e.noise_seed
    FROM runs r LEFT JOIN evaluations e ON e.run = r.id AND e.ranked WHERE r.id = ?
"""
"""All that the leaderboard depends on of one run."""
_LOWER = frozenset({"fid", "kid", "loss", "nll", "fd", "mse", "lpips"})  # for metrics without any score yet


@dataclass(frozen=True)
class Published:
    """A published figure for a recipe."""

    dataset: str
    recipe: str
    title: str
    metric: str
    value: float
    protocol: str
    source: str
    fields: tuple[
        tuple[str, Any], ...
    ] = ()  # of the protocols under which scores compare with it; (): not known
    labels_hash: str = ""

    def compares_with(self, row: LeaderboardRow) -> bool:
        """Whether a run's score was made as this figure was."""
        return (
            bool(self.fields)
            and row.dataset == self.dataset
            and not disagreements(row.detail, dict(self.fields), self.labels_hash)
        )


def published(dataset: str, recipe: str, title: str, reference: object) -> Published | None:
    """The figure in a recipe's [reference] table, or in run.json's copy of it; None if there is none."""
    if not isinstance(reference, dict):
        return None
    value = number(reference.get("value"))
    metric = clean(text(reference.get("metric")), 100)
    if value is None or not metric:
        return None
    protocol, source = (clean(text(reference.get(key))) for key in ("protocol", "source"))
    fields = published_fields(reference)
    labels_hash = text(reference.get("labels_hash"))
    return Published(
        dataset, recipe, title, metric, value, protocol, source, tuple(fields.items()), labels_hash
    )


def board(scores: Iterable[tuple[Any, ...]], figures: Iterable[Published]) -> list[LeaderboardRow]:
    """Ranked runs with the published figures, best first within each (data set, metric, role, protocol).

    Data sets with scored runs come first. A published figure is ranked in every group of scores that were made as it
    was; where there is none it stands apart, under what is known of its protocol, without a rank.
    """
    scores = sorted(scores, key=lambda score: score[3])  # by run id: oldest first
    rows = [_row(score) for score in scores]
    _summarise_seeds(rows, [score[-2:] for score in scores])
    directions = {(row.dataset, row.metric): row.lower_is_better for row in rows}
    figures = set(figures)
    by_recipe = {(f.dataset, f.recipe, f.metric): f for f in figures}
    for row in rows:
        if (figure := by_recipe.get((row.dataset, row.recipe, row.metric))) is None:
            continue
        row.as_published = figure.compares_with(row)
        if not row.source:
            row.reference, row.source = figure.value, figure.source
    groups = {row.ranking: row for row in rows}.values()
    apart = []
    for figure in figures:
        alike = [row for row in groups if figure.compares_with(row)]
        rows += [_figure_row(figure, row) for row in alike]
        if not alike:
            lower = directions.get((figure.dataset, figure.metric), figure.metric in _LOWER)
            apart.append(_figure_row(figure, None, lower))
    rows.sort(key=_order)
    for _, ranked in groupby(rows, key=lambda row: row.ranking):
        for rank, row in enumerate(ranked, 1):
            row.rank = rank
    own = {row.dataset for row in rows if row.run}
    return sorted([*rows, *apart], key=lambda row: (row.dataset not in own, _order(row)))


def _figure_row(
    figure: Published, among: LeaderboardRow | None, lower_is_better: bool = True
) -> LeaderboardRow:
    """The row of a published figure among scores like one that compares with it, or apart."""
    return LeaderboardRow(
        dataset=figure.dataset, protocol=among.protocol if among else figure.protocol, metric=figure.metric,
        rank=None, run=None, name="", recipe=figure.recipe, value=figure.value, step=None, floor=None, seed=None,
        samples=among.samples if among else None, reference=figure.value, source=figure.source,
        lower_is_better=among.lower_is_better if among else lower_is_better, title=figure.title,
        protocol_id=among.protocol_id if among else "", role=among.role if among else "",
    )  # fmt: skip


def _summarise_seeds(rows: list[LeaderboardRow], of: list[tuple[str, str]]) -> None:
    """Set ``seeds``, ``mean``, ``sd``, ``sd_over`` of each row from the finished runs that differ only in their seed.

    ``of``: configuration and status of each row's run. Of several runs with the same seed the newest counts. A run that
    has not finished, or whose recipe or seed is unknown, stands alone.
    """
    groups: dict[tuple[str, ...], dict[int, LeaderboardRow]] = {}
    for row, (configuration, status) in zip(rows, of, strict=True):
        if configuration and status == "done" and row.seed is not None:
            groups.setdefault(_experiment(row, configuration), {})[row.seed] = row
    for row, (configuration, status) in zip(rows, of, strict=True):
        is_one = status == "done" and row.seed is not None
        alike = list(groups.get(_experiment(row, configuration), {}).values()) if is_one else []
        values = [one.value for one in alike or [row]]
        row.seeds = len(values)
        row.sd_over = _spread_over(alike) if len(alike) > 1 else ""
        try:
            row.mean, row.sd = fmean(values), stdev(values) if len(values) > 1 else None
        except OverflowError:  # a log may contain absurd scores
            row.mean = row.sd = math.inf


def _experiment(row: LeaderboardRow, configuration: str) -> tuple[str, ...]:
    """What the seeds of one experiment share. Old protocols do not tell the precision, which a probe may have chosen
    differently for each."""
    return configuration, row.precision, *row.ranking


def _spread_over(rows: list[LeaderboardRow]) -> str:
    """What a standard deviation over seeds contains: ``3 training seeds, each the mean over 3 noises, the same for
    all``."""
    noises = rows[0].noises
    seeds = f"{len(rows)} training seeds"
    if not noises:
        return seeds
    each = "each on one noise" if noises == 1 else f"each the mean over {noises} noises"
    drawn = {row.noise_seed for row in rows}
    shared = "" if None in drawn else ", the same for all" if len(drawn) == 1 else ", not the same for all"
    return f"{seeds}, {each}{shared}"


_ROLES = (REPORT, "", SELECTION)
"""In the order in which their rankings are shown."""


def _order(row: LeaderboardRow) -> tuple[Any, ...]:
    value = row.value if row.lower_is_better else -row.value
    return (
        row.dataset,
        row.metric,
        row.run is None and not row.protocol_id,
        _ROLES.index(row.role),
        row.protocol,
        row.protocol_id,
        value,
        row.run or row.recipe,
    )


def _row(score: tuple[Any, ...]) -> LeaderboardRow:
    (dataset, protocol, metric, run, name, recipe, value, step, floor, seed, detail, reference, lower,
     protocol_id, title, quick, stand_in_for, std, alarms, role, over, floor_std, noise_seed, run_precision,
     *_) = score  # fmt: skip
    figure = published(dataset, recipe, title, json.loads(reference) if reference else None)
    if figure is not None and (figure.metric != metric or stand_in_for):
        figure = None
    protocol_detail = json.loads(detail)
    precision, labels, noises = conditions_of(protocol_detail)
    return LeaderboardRow(
        dataset=dataset, protocol=protocol, metric=metric, rank=None, run=run, name=name, recipe=recipe,
        value=value, step=step, floor=floor, seed=seed, samples=whole(protocol_detail.get("samples")),
        reference=figure.value if figure else None, source=figure.source if figure else "",
        lower_is_better=bool(lower), protocol_id=protocol_id, title=title, quick=bool(quick), std=std,
        alarms=[(severity, name) for severity, name in json.loads(alarms) if severity != "info"],
        role=role, over=over_of(over, std, protocol_detail), floor_std=floor_std, precision=precision or run_precision,
        labels=labels, noises=noises, noise_seed=None if noise_seed == NO_SEED else noise_seed, detail=protocol_detail,
    )  # fmt: skip


def shipped_figures() -> list[Published]:
    """The published figures of the recipes in the menu; read anew when a file of them has changed."""
    signatures = []
    for path in paths.recipe_files().values():
        with contextlib.suppress(OSError):
            stat = path.stat()
            signatures.append((str(path), stat.st_mtime_ns, stat.st_size))
    return _figures_of(tuple(signatures))


@lru_cache(maxsize=1)
def _figures_of(signatures: tuple[tuple[str, int, int], ...]) -> list[Published]:
    from engine.recipes import recipe

    found = (
        published(r.dataset, r.name, r.title, r.reference.model_dump())
        for r in recipe.menu()[0]
        if r.reference is not None
    )
    return [figure for figure in found if figure is not None]
