"""Choose the runs to compare."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs import compare, naming
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Column, Row, Table

COLUMNS = (
    Column("", minimum=3),
    Column("status", minimum=9),
    Column("run", flex=True, minimum=14, maximum=40),
    Column("data set", maximum=16, drop=2),
    Column("id", maximum=24, drop=1),
)


class ChooseScreen(Dialog):
    """Dismissed with the ids of the chosen runs in the order they were marked, or None."""

    context = "choose"
    BINDINGS = key_table.bindings("choose")
    DEFAULT_CSS = """
    ChooseScreen > Vertical { width: 96; height: 80%; }
    ChooseScreen Table { height: 1fr; background: $surface; }
    """

    def __init__(self, runs: list[Any], marked: list[str]) -> None:
        super().__init__()
        self._runs = runs
        existing = {run.id for run in runs}
        self._marked = [run for run in dict.fromkeys(marked) if run in existing][: compare.MOST]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(
                f"Choose {compare.FEWEST} to {compare.MOST} runs. The first one marked is the baseline.",
                markup=False,
            )
            yield Table(COLUMNS, empty="There is no run yet.")
            yield Static("", id="count", markup=False)
            yield KeyBar("choose", modal=True)

    def on_mount(self) -> None:
        self._fill()
        self.query_one(Table).focus()

    def _fill(self, sign: str = "") -> None:
        rows = []
        for run in self._runs:
            at = self._marked.index(run.id) + 1 if run.id in self._marked else 0
            mark = (f"[{at}]", "tag") if at else "[ ]"
            name = clean(naming.label(run), 60)
            rows.append(
                Row(
                    run.id, (mark, formatting.status(run.status), name, clean(run.dataset, 40), (run.id, "dim"))
                )
            )
        self.query_one(Table).set_rows(rows)
        message = f"{sign}{plural(len(self._marked), 'run')} marked"
        if len(self._marked) < compare.FEWEST:
            message += f"; {compare.FEWEST} to {compare.MOST} can be compared"
        self.query_one("#count", Static).update(message)

    def action_mark(self) -> None:
        if (run := self.query_one(Table).key) is None:
            return
        if run in self._marked:
            self._marked.remove(run)
        elif len(self._marked) < compare.MOST:
            self._marked.append(run)
        self._fill()

    def on_table_chosen(self) -> None:
        self.action_mark()

    def action_compare(self) -> None:
        here = self.query_one(Table).key
        if len(self._marked) == 1 and here not in (None, self._marked[0]):
            self._marked.append(here)  # the one under the cursor is the second
        if len(self._marked) >= compare.FEWEST:
            self.dismiss(self._marked)
        else:
            self._fill(sign="✗ ")
