"""What the leaderboard asks of the index: all rows, and the runs of the row under the cursor and of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.content import Content

from gentui.runs import compare, naming
from gentui.runs.metric_names import score_name
from gentui.runs.scores import value_text
from gentui.text import numbers
from gentui.text.sanitize import clean, fit

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, LeaderboardRow, RunRow
    from gentui.tui.widgets.picture import Sheet

MOST_SETTINGS = 40
"""Differing settings that are listed."""


@dataclass(frozen=True)
class Side:
    """A run with its scores, and its grid of samples at the step of its row on the board, if it has one."""

    run: RunRow
    scores: dict[str, Evaluation]
    sheet: Sheet | None = None
    step: int | None = None


@dataclass(frozen=True)
class BoardSnapshot:
    """The leaderboard as the index knew it; ``here``: the run of the row under the cursor, ``other`` another."""

    rows: list[LeaderboardRow]
    here: Side | None = None
    other: Side | None = None


def read_boards(index: Index, here: LeaderboardRow | None, other: LeaderboardRow | None) -> BoardSnapshot:
    """Read all rows, and the runs of two of them."""
    return BoardSnapshot(index.leaderboard(), _side(index, here), _side(index, other))


def _side(index: Index, row: LeaderboardRow | None) -> Side | None:
    from gentui.tui.widgets.picture_grid import at_step, sheet_of  # not in the UI thread: it takes its time

    if row is None or row.run is None:
        return None
    try:
        run = index.run(row.run)
    except KeyError:  # deleted meanwhile
        return None
    sample = at_step(index.samples(row.run), row.step)
    sheet = sheet_of(index.home / "runs" / row.run, sample) if sample is not None else None
    return Side(run, compare.best_scores(index, run), sheet, sample.step if sample is not None else None)


def against_text(here: Side, other: Side, width: int) -> Content:
    """Scores under the same protocols, cost and settings that differ, of two runs beside one another."""
    cell = max(8, min(20, (width - 15) // 2))
    room = max(8, width - 2 * cell - 2)
    names = naming.distinct_labels([here.run, other.run])
    parts: list[Any] = []

    def line(label: str, values: list[str], tone: str = "") -> None:
        cells = " ".join(fit(clean(value, 60), cell) for value in values)
        parts.extend([(fit(label, room) + " ", "$text-muted"), (cells.rstrip(), tone), "\n"])

    line("", [names[here.run.id], names[other.run.id]], "bold")
    for scores in compare.comparable([here.scores, other.scores]).values():
        some = next(score for score in scores if score is not None)
        best = compare.leaders(scores)
        texts = [
            ("★ " if place in best else "") + value_text(score, numbers.number) if score is not None else "–"
            for place, score in enumerate(scores)
        ]
        line(score_name(some.metric, str(some.detail.get("extractor"))), texts)
    line("time", [numbers.duration(side.run.seconds) for side in (here, other)])
    differing = compare.different([here.run.settings, other.run.settings])
    parts.append(("differs\n" if differing else "no setting differs\n", "$secondary"))
    for key, values in list(differing.items())[:MOST_SETTINGS]:
        line(f" {clean(key, 60)}", [numbers.setting(value) for value in values])
    return Content.assemble(*parts)
