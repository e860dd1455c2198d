"""``leaderboard``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.commands.runs import matching
from gentui.cli.console import (
    App,
    filter_option,
    find_dataset,
    json_option,
    out,
    out_json,
    pass_app,
    say,
    table,
    wide_option,
)
from gentui.runs import alarms, scores
from gentui.text.numbers import plain_number
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from gentui.index import LeaderboardRow


@click.command()
@click.option("--dataset", metavar="NAME", help="Only scores on this data set.")
@filter_option
@wide_option
@json_option("a list of scores with rank, value, protocol, run and published figure")
@pass_app
def leaderboard_command(app: App, dataset: str | None, words: str, as_json: bool) -> None:
    """Rank the scores of runs within each data set and protocol, beside published figures.

    A run is shown by its newest report or, while it has none, by the score that selected its checkpoint, marked †. OVER
    says what a score's own ± is over. Runs that differ only in their seed are summarised: mean ± standard deviation.
    """
    index = app.index()
    rows = index.leaderboard(dataset)
    if dataset is not None and not rows and dataset not in {row.dataset for row in index.runs()}:
        find_dataset(dataset)
    if words:
        chosen = {run.id for run in matching(index, index.runs(), words)}
        rows = [row for row in rows if row.run in chosen]
    if as_json:
        out_json([_described(row) for row in rows])
        return
    if not rows:
        say("no scores" + (f" on {dataset}" if dataset else " yet") + ": a run is scored as it trains")
        return
    from gentui.runs.boards import distinct_headings

    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.ranking)]
    for place, (_, alike) in enumerate(groupby(groups, key=lambda group: (group[0].dataset, group[0].metric))):
        of = [*alike]
        for number, (group, heading) in enumerate(zip(of, distinct_headings(of), strict=True)):
            if place or number:
                out()
            better = "" if group[0].lower_is_better else " · higher is better"
            out(f"{clean(group[0].dataset)} · {heading}{better}")
            _print_ranking(group)


def _described(row: LeaderboardRow) -> dict[str, Any]:
    """A row as ``--json`` prints it."""
    return {
        "dataset": row.dataset,
        "protocol": row.protocol,
        "metric": row.metric,
        "rank": row.rank,
        "run": row.run,
        "name": row.name,
        "recipe": row.recipe,
        "value": row.value,
        "std": row.std,
        "over": row.over,
        "role": row.role,
        "seeds": row.seeds,
        "mean": row.mean,
        "sd": row.sd,
        "sd_over": row.sd_over,
        "alarms": [name for _, name in row.alarms],
        "step": row.step,
        "seed": row.seed,
        "floor": row.floor,
        "floor_std": row.floor_std,
        "precision": row.precision,
        "labels": row.labels,
        "noises": row.noises,
        "noise_seed": row.noise_seed,
        "reference": row.reference,
        "source": row.source,
    }


def _print_ranking(rows: list[LeaderboardRow]) -> None:
    from gentui.text.sanitize import shorten

    table(
        ["RANK", "VALUE", "± OVER", "OVER SEEDS", "REAL IMAGES", "PRECISION", "STEP", "SEED", "RUN", "RECIPE",
         "PUBLISHED", "ALARMS", "NAME"],
        [
            [
                row.rank, scores.value_text(row, plain_number), scores.over_text(row),
                scores.over_seeds(row, plain_number), scores.floor_text(row, plain_number), row.precision, row.step,
                row.seed, row.run or "(published)", row.recipe, plain_number(row.reference) if row.run else "",
                shorten(alarms.named(row.alarms), 40), row.name if row.run else row.source,
            ]
            for row in rows
        ],
        right=["RANK", "VALUE", "OVER SEEDS", "REAL IMAGES", "STEP", "SEED", "PUBLISHED"],
        drop=["± OVER", "PRECISION", "SEED", "STEP", "REAL IMAGES", "ALARMS", "PUBLISHED", "OVER SEEDS", "NAME"],
    )  # fmt: skip
    for line in (*scores.captions(rows), *scores.seeds_captions(rows)):
        out(f"  {line}")
