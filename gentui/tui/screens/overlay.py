"""Which runs are overlaid on a run, and which of them is the baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs import naming
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.curves import marker_of
from gentui.tui.overlay import MAX_OVERLAID, Overlay
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Cell, Column, Row, Table

COLUMNS = (
    Column("", minimum=1),
    Column("run", flex=True, minimum=14, maximum=40),
    Column("status", minimum=9),
    Column("recipe", maximum=20, drop=1),
    Column("loss", "right", minimum=6, drop=2),
    Column("", minimum=8),
)


class OverlayScreen(Dialog):
    """All runs, newest first, with the markers of those overlaid on ``run_id``. ``marks``: how charts are drawn."""

    context = "overlay"
    BINDINGS: ClassVar[list[BindingType]] = [*key_table.bindings("overlay")]
    DEFAULT_CSS = """
    OverlayScreen > Vertical { width: 84; height: 80%; }
    OverlayScreen Table { height: 1fr; }
    OverlayScreen .overlay-message { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, run_id: str, marks: str) -> None:
        super().__init__()
        self._run = run_id
        self._is_ascii = marks == "ascii"
        self._runs: list[Any] = []

    @property
    def _overlay(self) -> Overlay:
        return self.gentui.overlays.of(self._run)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static("", classes="overlay-message", markup=False)
            yield Table(COLUMNS, id="overlay", empty="Reading the runs …")
            yield KeyBar("overlay", modal=True)

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        home = self.gentui.home

        def read() -> list[Any]:
            from gentui.index import Index

            return Index(home).runs()

        self.gentui.in_thread(read, self._loaded)

    def _loaded(self, runs: list[Any]) -> None:
        self._runs = runs
        if self.is_attached:
            self._fill()

    def _fill(self) -> None:
        overlay = self._overlay
        name = next((naming.label(run) for run in self._runs if run.id == self._run), "")
        slots = {one.run: one.slot for one in overlay.entries(self._run, clean(name, 40))}
        rows = []
        for run in self._runs:
            word = "this run" if run.id == self._run else "overlaid" if run.id in overlay else ""
            word = "baseline" if run.id == overlay.baseline else word
            marker = marker_of(slots[run.id], self._is_ascii) if run.id in slots else ""
            cells: tuple[Cell, ...] = (
                (marker, "tag"), clean(naming.label(run), 60), formatting.status(run.status),
                (clean(run.recipe, 40), "dim"), numbers.number(run.loss), (word, "dim"),
            )  # fmt: skip
            rows.append(Row(run.id, cells))
        table = self.query_one(Table)
        table.empty = "There are no runs yet."
        table.set_rows(rows)
        self._say(f"{len(overlay)} of at most {MAX_OVERLAID} runs overlaid")

    def _say(self, text: str) -> None:
        self.query_one(".overlay-message", Static).update(text)

    def _change(self, change: Callable[[str, str], bool]) -> None:
        """Change the overlay by the run under the cursor: ``change`` takes its id and name, and returns False if there
        is no room for it."""
        key = self.query_one(Table).key
        run = next((run for run in self._runs if run.id == key), None)
        if run is None:
            return
        overlay = self._overlay
        fits = change(run.id, clean(naming.label(run), 40))
        overlay.set_names(
            naming.distinct_labels([one for one in self._runs if one.id == self._run or one.id in overlay])
        )
        self._fill()
        if not fits:
            self._say(f"No more than {MAX_OVERLAID} runs can be overlaid.")

    def action_lay(self) -> None:
        if self.query_one(Table).key == self._run:
            self._say("This is the run that the others are overlaid on.")
        else:
            self._change(self._overlay.toggle)

    def action_baseline(self) -> None:
        self._change(self._overlay.set_baseline)

    def action_clear(self) -> None:
        before = len(self._overlay)
        self._overlay.clear()
        self._fill()
        if before == len(self._overlay):
            self._say("Only the baseline is overlaid." if before else "No run is overlaid.")

    def on_table_chosen(self) -> None:
        self.action_lay()
