"""The rows of a board as a table: bars of one scale for each protocol, and only columns that say something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gentui.runs import alarms, boards, scores
from gentui.runs.boards import Board
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.widgets.table import Cell, Column, Row, heading

NONE: Cell = ("–", "dim")
OWN, PAPER = "█", "▒"
"""What bars of runs and of published figures consist of."""
BAR = "bar"
COLUMNS = {
    "rank": Column("rank", "right", minimum=4),
    "alarm": Column("", minimum=1),
    "score": Column("score", "right", minimum=7),
    BAR: Column("", minimum=6, maximum=40, drop=1),
    "recipe": Column("recipe", flex=True, minimum=16, maximum=32),
    "run": Column("run", flex=True, minimum=8, maximum=30, drop=4),
    "seeds": Column("mean ± over seeds", "right", minimum=10),
    "paper": Column("paper", "right", minimum=5, drop=2),
    "over": Column("± over", maximum=16, drop=5),
    "precision": Column("precision", minimum=9, drop=6),
    "seed": Column("seed", "right", minimum=4, drop=8),
    "step": Column("step", "right", minimum=7, drop=7),
}


def matches(row: Any, words: Sequence[str]) -> bool:
    """Whether a row matches all words of the filter."""
    searched = (
        row.dataset, row.metric, boards.metric_name(row), row.protocol, row.role, row.precision, row.recipe, row.name,
        row.run or "published",
    )  # fmt: skip
    text = " ".join(map(str, searched)).lower()
    return all(word in text for word in words)


def columns_of(board: Board, width: int) -> dict[str, Column]:
    """The columns in which some row of a board has something to say, for a table of ``width`` cells."""
    rows = [_cells(row, False, 1, 1, OWN) for row in board.rows]
    said = {
        name
        for cells in rows
        for name, cell in cells.items()
        if cell not in ("", NONE, ("", "good"), ("", "dim"))
    }
    bar = max(6, min(30, (width - 76) // 2))
    return {
        name: replace(column, minimum=bar, maximum=bar) if name == BAR else column
        for name, column in COLUMNS.items()
        if name in said
    }


def rows_of(board: Board, columns: dict[str, Column]) -> list[Row]:
    """The rows of a board below the heading of each protocol, then published figures that are not comparable."""
    width = columns[BAR].maximum if BAR in columns else 0

    def row_of(row: Any, is_contest: bool, most: float, origin: float = 0.0) -> Row:
        cells = _cells(row, is_contest, width, most, OWN if row.run else PAPER, origin)
        return Row(key_of(row, len([one for one in shown if one.key])), tuple(cells[name] for name in columns))

    shown: list[Row] = []
    for ranking in board.rankings:
        real = next((text for row in ranking.rows if (text := boards.real_data(row, numbers.number))), "")
        scale = "bars: log, from real data" if ranking.origin and len(ranking.rows) > 1 and width else ""
        shown.append(heading(" · ".join(filter(None, [real, ranking.heading, scale]))))
        for row in ranking.rows:
            shown.append(row_of(row, len(ranking.rows) > 1, ranking.most, ranking.origin))
    apart = "published; not comparable: " if board.own else "published: "
    for protocol in dict.fromkeys(row.protocol for row in board.apart):
        shown.append(heading(apart + clean(protocol, 300).removeprefix("as published: ")))
        of = [row for row in board.apart if row.protocol == protocol]
        for row in of:
            shown.append(row_of(row, False, boards.most_of(of)))
    return shown


def key_of(row: Any, place: int) -> str:
    return "\0".join([row.run or str(place), *row.ranking])


def _cells(
    row: Any, is_contest: bool, width: int, most: float, mark: str, origin: float = 0.0
) -> dict[str, Cell]:
    """The cells of a row by column; its bar in at most ``width`` cells, where ``most`` has them all."""
    is_published = row.run is None
    tone = "dim" if is_published else ""
    rank: Cell = (f"{row.rank}", tone) if row.rank is not None else ("paper" if is_published else "–", "dim")
    if row.rank == 1 and is_contest:
        rank = ("★ 1", tone or "good")
    source = clean(row.source or "published", 80) if is_published else clean(row.name or row.run, 60)
    if row.quick:
        source += " (quick)"
    worst = row.alarms[0][0] if row.alarms else None
    reference = row.reference if not is_published else None
    return {
        "rank": rank,
        "alarm": (alarms.SIGNS[worst], formatting.SEVERITIES[worst]) if worst else "",
        "score": (scores.value_text(row, numbers.number), tone or "strong"),
        BAR: (boards.bar(row.value, most, width, mark, origin), "dim" if is_published else "good"),
        "recipe": (clean(row.recipe, 64), tone),
        "run": (source, "dim"),
        "seeds": scores.over_seeds(row, numbers.number) or NONE,
        "paper": (numbers.number(reference), "dim") if reference is not None else NONE,
        "over": (clean(scores.over_text(row), 60), "dim") if scores.over_text(row) else NONE,
        "precision": (clean(row.precision, 20), "") if row.precision else NONE,
        "seed": str(row.seed) if row.seed is not None else NONE,
        "step": f"{row.step:,}" if row.step is not None else NONE,
    }


def detail(row: Any) -> str:
    """What a row's marks and ± say, its alarms, and its distance to the published figure."""
    selected = scores.SELECTION_CAPTION if scores.is_selection(row) else ""
    seeds = scores.over_seeds_in_full(row, numbers.number)
    alarmed = f"alarms: {clean(alarms.named(row.alarms), 300)}" if row.alarms else ""
    published = ""
    if row.run is not None and row.reference is not None and row.value == row.value:
        difference = row.value - row.reference
        made = "made the same way" if row.as_published else "made another way"
        published = (
            f"{'+' if difference >= 0 else '−'}{numbers.number(abs(difference))} to the published"
            f" {numbers.number(row.reference)}, {made}"
        )
    return " · ".join(filter(None, [selected, clean(scores.spread_text(row), 80), alarmed, seeds, published]))
