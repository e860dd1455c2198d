"""The leaderboard: own and published scores. Only scores of one data set, metric and protocol are ranked together."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from gentui.config import key_table
from gentui.runs import alarms, scores
from gentui.runs.scores import REAL_IMAGES
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting, navigation
from gentui.tui.index_reader import Query
from gentui.tui.screens.table_screen import TableScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

COLUMNS = (
    Column("rank", "right", minimum=5),
    Column("", minimum=1),  # the sign of the worst alarm; no column if no run has one
    Column("recipe", flex=True, minimum=20, maximum=32),
    Column("run", flex=True, minimum=8, maximum=30, drop=3),
    Column("score", "right", minimum=8),
    Column("± over", maximum=16, drop=5),
    Column("over seeds", "right", minimum=10),
    Column("published", "right", minimum=9, drop=1),
    Column(REAL_IMAGES, "right", minimum=11, drop=2),
    Column("precision", minimum=9, drop=4),
    Column("n", "right", minimum=5, drop=6),
    Column("step", "right", minimum=7, drop=7),
    Column("seed", "right", minimum=4, drop=8),
)


class LeaderboardScreen(TableScreen):
    """The table of scores, grouped by data set, metric, role and protocol."""

    context = "leaderboard"
    place = "leaderboard"
    BINDINGS = key_table.bindings("leaderboard")
    DEFAULT_CSS = (
        # always as high, or the table moves with each message
        "LeaderboardScreen StatusLine { display: block; height: 2; }"
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Any] = []

    def body(self) -> ComposeResult:
        yield Filter("recipe, data set, metric, protocol", id="leaderboard-filter")
        yield Table(COLUMNS, id="leaderboard", empty="Reading the scores …")

    def index_query(self) -> Query | None:
        return Query(lambda index: index.leaderboard())

    def show(self, data: Any) -> None:
        self._rows = data
        self.fill()

    def fill(self) -> None:
        table, words = self.query_one(Table), self.words
        table.empty = (
            "Nothing matches. Esc clears the filter." if words else "No scores yet: they come as runs train."
        )
        table.set_rows(ranked(self._rows, words))

        self._say_detail()

    def on_table_highlighted(self) -> None:
        self._say_detail()

    def _say_detail(self) -> None:
        """Show what the row under the cursor has no room for."""
        row = self._selected
        self.say(detail(row) if row is not None else "")

    @property
    def _selected(self) -> Any | None:
        """The row under the cursor."""
        key = self.query_one(Table).key
        return next((row for place, row in enumerate(self._rows) if key == key_of(row, place)), None)

    def _own(self) -> Any | None:
        """The row under the cursor if it is of a run. If not, tell the user and return None."""
        row = self._selected
        if row is not None and row.run is not None:
            return row
        self.say("From a paper: there is no run of it here." if row else "There is no score here.")
        return None

    def action_open(self) -> None:
        if row := self._own():
            self.gentui.open_run(row.run)

    def action_samples(self) -> None:
        if row := self._own():
            self.app.push_screen(navigation.create("run", row.run, row.step))

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here."""
        row = self._selected
        return [row.run] if row is not None and row.run else []

    def on_table_chosen(self) -> None:
        self.action_open()


def ranked(rows: list[Any], words: list[str]) -> list[Row]:
    """The LeaderboardRows that match all words, in the index's order, under a heading for each group."""
    shown: list[Row] = []
    group = None
    for number, row in enumerate(rows):
        searched = (
            row.dataset, row.metric, row.protocol, row.role, row.precision, row.recipe, row.name,
            row.run or "published",
        )  # fmt: skip
        text = " ".join(map(str, searched)).lower()
        if not all(word in text for word in words):
            continue
        if row.ranking != group:
            group = row.ranking
            shown.append(heading(clean(row.heading, 400)))
        shown.append(_row(row, number))
    return shown


def _row(row: Any, number: int) -> Row:
    is_published = row.run is None
    tone = "dim" if is_published else ""
    rank: Cell = (f"{row.rank}", tone) if row.rank is not None else ("paper" if is_published else "–", "dim")
    if row.rank == 1:
        rank = ("★ 1", tone or "accent")
    published = ("–", "dim")
    if row.reference is not None and not is_published:
        published = (numbers.number(row.reference), "dim")
    name = clean(row.name or ("published" if is_published else row.run), 60)
    source = clean(row.source or "published", 80) if is_published else name
    if getattr(row, "quick", False):
        source += " (quick)"
    worst = row.alarms[0][0] if row.alarms else None
    cells: tuple[Cell, ...] = (
        rank,
        (alarms.SIGNS[worst], formatting.SEVERITIES[worst]) if worst else "",
        (clean(row.recipe, 64), tone),
        (source, "dim"),
        (scores.value_text(row, numbers.number), tone or "strong"),
        (clean(scores.over_text(row), 60) or "–", "dim"),
        scores.over_seeds(row, numbers.number) or ("–", "dim"),
        published,
        scores.floor_text(row, numbers.number) or ("–", "dim"),
        (clean(row.precision, 20) or "–", "dim"),
        f"{row.samples:,}" if row.samples else ("–", "dim"),
        f"{row.step:,}" if row.step is not None else ("–", "dim"),
        str(row.seed) if row.seed is not None else ("–", "dim"),
    )
    return Row(key_of(row, number), cells)


def key_of(row: Any, place: int) -> str:
    return "\0".join([row.run or str(place), *row.ranking])


def detail(row: Any) -> str:
    """What a row's marks and ± say, its alarms, its distance to the published figure, and what has no column."""
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
    floor = scores.floor_text(row, numbers.number)
    labels = f"labels {clean(row.labels, 100)}" if row.labels else ""
    parts = [
        selected, clean(scores.spread_text(row), 80), alarmed, seeds, published,
        f"{REAL_IMAGES} {floor}" if floor else "", labels, clean(row.precision, 20),
    ]  # fmt: skip
    return " · ".join(filter(None, parts))
