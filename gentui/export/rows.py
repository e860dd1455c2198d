"""The rows of the results table: one per run and protocol, one per published figure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gentui.text.numbers import real
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, RunRow


@dataclass(frozen=True)
class Row:
    """One row of the table. ``kind`` is ``run`` or ``published``; unknown values are None.

    ``value`` stands for the run under ``protocol``, at ``step``: its newest report or, in a metric without one, its
    best selection (``role``). ``std`` is its standard deviation, over what ``over`` says. ``floor`` is the score of
    real images, ``floor_std`` its standard deviation over draws of them. ``precision``, ``labels`` and ``noises`` are
    those of the protocol, ``noise_seed`` what the noises derive from. ``published`` is the published figure for the
    run's recipe in the same metric, under its own ``published_protocol``, so the two are not ranked together.
    ``alarms`` are the names of the run's alarms, the worst first; ``place`` is the device, or the host and node
    elsewhere, that it was trained on.
    """

    kind: str
    run: str | None = None
    name: str | None = None
    recipe: str | None = None
    family: str | None = None
    dataset: str | None = None
    stand_in_for: str | None = None
    quick: bool | None = None
    status: str | None = None
    seed: int | None = None
    step: int | None = None
    metric: str | None = None
    value: float | None = None
    std: float | None = None
    protocol: str | None = None
    samples: int | None = None
    extractor: str | None = None
    split: str | None = None
    floor: float | None = None
    published: float | None = None
    published_protocol: str | None = None
    source: str | None = None
    images_per_s: float | None = None
    seconds: float | None = None
    alarms: str | None = None
    role: str | None = None
    over: str | None = None
    floor_std: float | None = None
    precision: str | None = None
    labels: str | None = None
    noises: int | None = None
    noise_seed: int | None = None
    place: str | None = None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Row))


def collect(
    home: Path,
    dataset: str | None = None,
    status: str | None = None,
    index: Index | None = None,
    runs: Container[str] | None = None,
) -> list[Row]:
    """All rows, grouped by data set and recipe: published figures first, then runs, oldest first.

    ``index``: of the home, up to date, if the caller has one. ``runs``: the ids of those wanted; without, all are.
    Published figures are those of the data sets and recipes of the runs that were chosen by ids.
    """
    if index is None:
        from gentui.index import Index

        index = Index(home)
        index.refresh(wait=2.0)
    rows: list[Row] = []
    references: dict[tuple[str, str, str], Row] = {}
    chosen = [run for run in index.runs(status=status, dataset=dataset) if runs is None or run.id in runs]
    for run in reversed(chosen):
        reference = _reference(run)
        rows += _rows(index, run, reference)
        if reference:
            row = _published(run.recipe, run.family, run.dataset, reference)
            references[str(row.recipe), str(row.dataset), str(row.metric)] = row
    for row in _shipped(dataset, {run.dataset for run in rows} if rows else None):
        references[str(row.recipe), str(row.dataset), str(row.metric)] = row
    recipes = None if runs is None else {run.recipe for run in chosen}
    rows += [
        row
        for row in references.values()
        if row.value is not None and (recipes is None or row.recipe in recipes)
    ]
    return sorted(rows, key=lambda row: (row.dataset or "", row.recipe or "", row.kind != "published"))


def _reference(run: RunRow) -> dict[str, Any] | None:
    """The published figure to compare a run with; None if it used stand-in data."""
    if run.stand_in_for or not run.reference:
        return None
    return run.reference if real(run.reference.get("value")) is not None else None


def _rows(index: Index, run: RunRow, reference: dict[str, Any] | None) -> list[Row]:
    from gentui.index import standing

    scores = standing(index.evaluations(run.id))
    common = {
        "kind": "run",
        "run": run.id,
        "name": clean(run.name) or None,
        "recipe": clean(run.recipe),
        "family": clean(run.family),
        "dataset": clean(run.dataset),
        "stand_in_for": clean(run.stand_in_for) if run.stand_in_for else None,
        "quick": bool(run.quick),
        "status": run.status,
        "seed": run.seed,
        "images_per_s": run.images_per_s,
        "seconds": run.seconds,
        "alarms": ", ".join(name for _, name in run.alarms) or None,
        "place": clean(run.place) or None,
    }
    if not scores:
        return [Row(**common, step=run.step, precision=run.precision or None)]
    return [_scored(common, score, run.precision, reference) for score in scores]


def _scored(
    common: dict[str, Any], score: Evaluation, run_precision: str, reference: dict[str, Any] | None
) -> Row:
    """``run_precision``: of the run, for old protocols do not tell it."""
    detail, (precision, labels, noises) = score.detail, score.conditions
    same = reference is not None and reference.get("metric") == score.metric
    extractor, digest = detail.get("extractor"), detail.get("extractor_hash")
    return Row(
        **common,
        step=score.step,
        metric=clean(score.metric),
        value=score.value,
        std=score.std,
        protocol=clean(score.protocol),
        samples=detail.get("samples"),
        extractor=clean(f"{extractor}@{digest}" if digest else extractor) if extractor else None,
        split=clean(detail["split"]) if detail.get("split") else None,
        floor=score.floor,
        published=real(reference.get("value")) if reference and same else None,
        published_protocol=clean(reference.get("protocol", "")) if reference and same else None,
        source=clean(reference.get("source", "")) if reference and same else None,
        role=score.role or None,
        over=score.over or None,
        floor_std=score.floor_std,
        precision=precision or run_precision or None,
        labels=labels or None,
        noises=noises,
        noise_seed=score.noise_seed,
    )


def _published(recipe: str, family: str, dataset: str, reference: dict[str, Any]) -> Row:
    return Row(
        kind="published",
        recipe=clean(recipe),
        family=clean(family),
        dataset=clean(dataset),
        metric=clean(reference.get("metric", "")),
        value=real(reference.get("value")),
        protocol=clean(reference.get("protocol", "")),
        source=clean(reference.get("source", "")),
    )


def _shipped(dataset: str | None, present: set[str | None] | None) -> list[Row]:
    """Published figures of the shipped recipes: on one data set, on those with runs, or on all."""
    from engine.recipes.recipe import menu

    return [
        _published(recipe.name, recipe.family, recipe.dataset, recipe.reference.model_dump())
        for recipe in menu()[0]
        if recipe.reference is not None
        and (recipe.dataset == dataset if dataset else present is None or recipe.dataset in present)
    ]
