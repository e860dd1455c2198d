"""The palette: finds commands of the screen, recipes, runs, settings and metrics by their names or what they are."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from gentui.config import key_table
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.found_things import Thing, matching, read_things
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Column, Row, Table

COLUMNS = (
    Column("kind", minimum=7),
    Column("name", flex=True, minimum=18, maximum=44, cut="middle"),
    Column("what it does", flex=True, minimum=16, maximum=60),
)


class FindScreen(Dialog):
    """Dismissed with the ``Thing`` that was chosen, or None. ``commands``: those of the screen below."""

    context = "find"
    BINDINGS: ClassVar[list[BindingType]] = [*key_table.bindings("find")]
    DEFAULT_CSS = """
    FindScreen > Vertical { width: 110; max-width: 100%; height: 80%; }
    FindScreen Input { height: 1; border: none; padding: 0 1; background: $background; }
    FindScreen Table { height: 1fr; margin: 1 0 0 0; background: $surface; }
    FindScreen #find-note { height: auto; max-height: 2; color: $text-muted; }
    """

    def __init__(self, commands: list[Thing]) -> None:
        super().__init__()
        self._commands = commands
        self._read: list[Thing] | None = None  # until they have been read
        self._shown: list[Thing] = []
        self._words = ""  # that were searched

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Input(placeholder="a command, recipe, run, setting or metric", compact=True)
            table = Table(COLUMNS)
            table.can_focus = False
            yield table
            yield Static("", id="find-note", markup=False)
            yield KeyBar("find", modal=True)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False  # an idle screen writes nothing
        field.focus()
        self._search()
        home = self.gentui.home
        self.gentui.in_thread(lambda: read_things(home), self._have_read)

    def _have_read(self, things: list[Thing]) -> None:
        self._read = things
        key = self.query_one(Table).key
        self._search(self._shown[int(key)] if key not in (None, "0") else None)

    def on_input_changed(self) -> None:
        self._search()

    def _search(self, here: Thing | None = None) -> None:
        """Show what matches, with the cursor on ``here`` if it is among it, else on the first."""
        words = self._words = self.query_one(Input).value
        self._shown = matching([*self._commands, *(self._read or [])], words)
        table = self.query_one(Table)
        rows = [
            Row(str(place), ((thing.kind, "dim"), thing.name, (thing.help, "dim")))
            for place, thing in enumerate(self._shown)
        ]
        table.set_rows(rows)
        if rows:
            table.move_to(str(self._shown.index(here) if here in self._shown else 0))
        note = plural(len(rows), "result")
        if not rows:
            note = f"Nothing is called {clean(words.strip(), 40)!r} here: try a part of a name."
        if self._read is None:
            note = "Reading recipes, runs and settings …"
        self.query_one("#find-note", Static).update(note)

    def on_table_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        if self._words != self.query_one(Input).value:  # Enter came right after a letter
            self._search()
        if (key := self.query_one(Table).key) is not None:
            self.dismiss(self._shown[int(key)])

    def on_key(self, event: events.Key) -> None:
        table = self.query_one(Table)
        if event.key in ("pageup", "pagedown"):
            table.action_page(-1 if event.key == "pageup" else 1)
        elif event.key in ("up", "down", "tab", "shift+tab"):
            table.action_cursor(-1 if event.key in ("up", "shift+tab") else 1)
        else:
            return
        event.stop()
        event.prevent_default()
