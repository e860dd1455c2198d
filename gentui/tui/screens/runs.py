"""Every run, live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from textual.app import ComposeResult

from gentui import health
from gentui.text import clean
from gentui.tui import keys, wording
from gentui.tui.live import Fetch
from gentui.tui.screens import deeds
from gentui.tui.screens.base import ListScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Cell, Column, Row, Table

COLUMNS = (
    Column("status", minimum=9),
    Column("run", flex=True, minimum=14, maximum=40),
    Column("data set", maximum=16, drop=6),
    Column("progress", minimum=13),
    Column("speed", "right", minimum=7, drop=3),
    Column("ETA", "right", minimum=6, drop=1),
    Column("loss", "right", minimum=6),
    Column("best score", "right", minimum=10, maximum=22),
    Column("alarms", "right", minimum=6, drop=2),
    Column("device", maximum=8, drop=5),
    Column("began", minimum=11, drop=4),
    Column("id", maximum=22, drop=7),
    Column("reason", flex=True, minimum=12, maximum=60, drop=8),
)


@dataclass(frozen=True)
class Listed:
    """A RunRow, how the table shows it, and the words it is found by."""

    run: Any
    row: Row
    words: str


class RunsScreen(ListScreen):
    """The runs table."""

    context = "runs"
    place = "runs"
    BINDINGS = keys.bindings("runs")

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[Listed] = []
        self._known: dict[str, Listed] = {}

    def body(self) -> ComposeResult:
        yield Filter("name, recipe, data set, status, device", id="runs-filter")
        yield Table(COLUMNS, id="runs", empty="Reading the runs …")

    def fetch(self) -> Fetch | None:
        return Fetch(self._list)

    def _list(self, index: Any) -> list[Listed]:
        """In the live thread: the rows, made anew only for runs that changed."""
        known = {}
        for run in index.runs():
            old = self._known.get(run.id)
            known[run.id] = (
                old if old is not None and old.run == run else Listed(run, row_of(run), _haystack(run))
            )
        self._known = known
        return list(known.values())

    def show(self, data: Any) -> None:
        self._runs = data
        self.fill()

    def fill(self) -> None:
        table, words = self.query_one(Table), self.words
        table.empty = (
            "No run matches. Esc clears the filter." if words else "No runs yet: 1, then Enter on a recipe."
        )
        table.set_rows([listed.row for listed in self._runs if all(word in listed.words for word in words)])

    @property
    def run_here(self) -> Any | None:
        """The run under the cursor."""
        key = self.query_one(Table).key
        return next((listed.run for listed in self._runs if listed.run.id == key), None)

    # -- keys

    def action_open(self) -> None:
        if run := self.run_here:
            self.gentui.open_run(run.id)

    def on_table_chosen(self) -> None:
        self.action_open()

    def action_stop(self) -> None:
        if run := self.run_here:
            deeds.stop(self.gentui, run)

    def action_evaluate(self) -> None:
        if run := self.run_here:
            deeds.evaluate(self.gentui, run)

    def action_playground(self) -> None:
        from gentui.tui.screens.playground import open_playground

        if run := self.run_here:
            open_playground(self.gentui, run)

    def action_resume(self) -> None:
        if run := self.run_here:
            deeds.resume(self.gentui, run)

    def action_remove(self) -> None:
        if run := self.run_here:
            deeds.remove(self.gentui, run)

    def action_again(self) -> None:
        if run := self.run_here:
            deeds.edit_again(self.gentui, run)


def _haystack(run: Any) -> str:
    told = (run.id, run.name, run.recipe, run.title, run.dataset, run.status, run.device, run.family)
    return " ".join(map(str, told)).lower()


def row_of(run: Any) -> Row:
    """A RunRow as a table row."""
    name = clean(deeds.label(run), 60) + (" (quick)" if run.quick else "")
    step, steps = run.step or 0, run.steps or 0
    fraction = min(1.0, step / steps) if steps else 0.0
    is_live = run.status in ("running", "stalled")
    progress = f"{wording.bar(fraction, 8)} {fraction:4.0%}" if steps else f"step {step:,}"
    cells: tuple[Cell, ...] = (
        wording.status(run.status),
        name,
        clean(run.dataset, 40),
        (progress, "" if is_live else "dim"),
        wording.rate(run.images_per_s) if is_live else ("–", "dim"),
        wording.duration(run.eta_s) if is_live else ("–", "dim"),
        wording.number(run.loss),
        score(run.best),
        (health.count(run), wording.SEVERITIES[run.worst]) if run.worst else ("–", "dim"),
        clean(run.slot or run.device or "", 12),
        (when(run.started_at or run.created_at), "dim"),
        (run.id, "dim"),
        (clean(run.reason, 200) if run.status not in ("running", "done") else "", "dim"),
    )
    return Row(run.id, cells)


def score(best: Any | None) -> Cell:
    """An Evaluation in a few cells."""
    if best is None:
        return "–", "dim"
    return wording.score(clean(best.metric, 30), best.value, best.std), "accent"


def when(moment: float | str | None) -> str:
    """A unix time as day and local time."""
    if not moment:
        return ""
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment).astimezone().strftime("%d %b %H:%M")
        except ValueError:
            return ""
    return datetime.fromtimestamp(moment).strftime("%d %b %H:%M")
