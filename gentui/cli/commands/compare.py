"""``compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gentui.cli.commands.runs import described, described_score, steps_of
from gentui.cli.console import App, json_option, out_json, pass_app, say, table, wide_option
from gentui.cli.words import RUN
from gentui.metrics.namespaces import is_signal
from gentui.runs import scores
from gentui.runs.metric_names import label
from gentui.text.numbers import clock, plain_number

if TYPE_CHECKING:
    from gentui.index import Evaluation


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=RUN)
@wide_option
@json_option("runs, the settings that differ, last values, scores by protocol")
@pass_app
def compare_command(app: App, runs: tuple[str, ...], as_json: bool) -> None:
    """Compare runs: the settings that differ, last values and scores."""
    if len(runs) < 2:
        raise click.UsageError("compare needs at least two runs", click.get_current_context())
    from gentui.runs import compare

    index = app.index()
    rows = [app.find(index, run) for run in dict.fromkeys(runs)]
    settings = compare.different([row.settings for row in rows])
    metrics = compare.beside([row.metrics for row in rows])
    best = [compare.best_scores(index, row) for row in rows]
    scored = compare.comparable(best)
    if as_json:
        out_json(
            {
                "runs": [described(index, row) for row in rows],
                "settings": settings,
                "metrics": metrics,
                "evaluations": {key: [of and of.value for of in row] for key, row in scored.items()},
                "scores": {
                    key: [of and described_score(of, run) for of, run in zip(row, rows, strict=True)]
                    for key, row in scored.items()
                },
            }
        )
        return
    facts = {
        "name": [row.name for row in rows],
        "recipe": [row.recipe for row in rows],
        "status": [row.status for row in rows],
        "step": [steps_of(row) for row in rows],
        "images/s": [plain_number(row.images_per_s, 3) for row in rows],
        "time": [clock(row.seconds) for row in rows],
        "seed": [row.seed for row in rows],
    }
    lines = [
        [key, *values] for key, values in facts.items() if any(value not in ("", None) for value in values)
    ]
    for number, of in enumerate(scored.values(), 1):
        lines.append([f"{label(next(filter(None, of)))} [{number}]", *_compared(of)])
    ordered = sorted(metrics, key=is_signal)
    for title, part in (("last", {key: metrics[key] for key in ordered}), ("set", settings)):
        lines += [[f"{title} {key}", *(_cell(value) for value in values)] for key, values in part.items()]
    table(["", *(row.id for row in rows)], lines)
    for number, (key, of) in enumerate(scored.items(), 1):
        spreads = dict.fromkeys(filter(None, (scores.spread_text(score) for score in of if score is not None)))
        say(f"[{number}] {'; '.join([key, *spreads])}")
    if any(scores.is_selection(of) for row in scored.values() for of in row if of is not None):
        say(scores.SELECTION_CAPTION)


def _compared(of: list[Evaluation | None]) -> list[str]:
    """The scores of one protocol: a star at the best, and the difference to the first run's."""
    from gentui.runs import compare

    best, cells = compare.leaders(of), []
    for place, score in enumerate(of):
        if score is None:
            cells.append("")
            continue
        text = ("★ " if place in best else "") + scores.value_text(score, plain_number)
        change = compare.delta(score, of[0])
        cells.append(text + (f" ({change:+.4g})" if change is not None else ""))
    return cells


def _cell(value: Any) -> str:
    return plain_number(value) if isinstance(value, float) else "" if value is None else str(value)
