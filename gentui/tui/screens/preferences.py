"""What the app remembers of a person, to be changed: colours, pictures, lines, where it begins."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from gentui.config import key_table, preferences
from gentui.config.preferences import CHOICES
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.themes import THEMES
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Column, Row, Table

ROWS = (
    ("theme", "theme", "of the whole app"),
    ("palette", "curves", "colours of the curves"),
    ("images", "pictures", "auto: from the next start"),
    ("lines", "lines", "of all charts, from the next start"),
    ("start", "begin with", "what is opened first"),
    ("low_bandwidth", "slow line", "few redraws, from the next start"),
)
WORDS = {"": "as left", True: "yes", False: "no", "newest": "newest run", "half": "half blocks"}
COLUMNS = (Column("", minimum=11), Column("", minimum=12), Column("", flex=True, minimum=20, maximum=64))


class PreferencesScreen(Dialog):
    """Each line a choice; what is chosen holds at once and is kept."""

    context = "preferences"
    BINDINGS = key_table.bindings("preferences")
    DEFAULT_CSS = """
    PreferencesScreen > Vertical { width: 96; max-width: 100%; height: auto; }
    PreferencesScreen Table { height: 8; background: $surface; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(f"Kept in {clean(preferences.path(), 200)}", markup=False)
            yield Table(COLUMNS, empty="")
            yield Static("", id="told", markup=False)
            yield KeyBar("preferences", modal=True)

    def on_mount(self) -> None:
        self._fill()
        self.query_one(Table).focus()

    def _fill(self) -> None:
        now = preferences.read()
        rows = []
        for name, title, about in ROWS:
            value = getattr(now, name)
            word = THEMES.get(value, THEMES["gentui"])[1] if name == "theme" else str(WORDS.get(value, value))
            rows.append(Row(name, (title, (word, "accent"), (about, "dim"))))
        self.query_one(Table).set_rows(rows)

    def action_change(self, by: int) -> None:
        """The next choice of the line, or the one before; round and round."""
        if (name := self.query_one(Table).key) is None:
            return
        if name == "theme" and self.app.theme not in THEMES:
            self._tell("Colours are off: NO_COLOR is set.")
            return
        own: dict[str, tuple[Any, ...]] = {"theme": tuple(THEMES), "low_bandwidth": (False, True)}
        choices = own.get(name) or CHOICES[name]
        value = getattr(preferences.read(), name) or choices[0]
        value = choices[((choices.index(value) if value in choices else 0) + by) % len(choices)]
        is_kept = preferences.remember(**{name: value})
        self._tell(
            "" if is_kept else f"It cannot be kept: {clean(preferences.path().parent, 200)} is not writable."
        )
        if name == "theme":
            self.app.theme = value
        elif name == "palette":
            self.gentui.palette = value
            self.app.refresh_css(animate=False)
        elif name == "images" and value != "auto":
            self.gentui.images = value  # of what is opened from now on
        self._fill()

    def _tell(self, text: str) -> None:
        self.query_one("#told", Static).update(text)

    def on_table_chosen(self) -> None:
        self.action_change(1)
