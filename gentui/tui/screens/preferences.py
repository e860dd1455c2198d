"""The preferences screen: a row for each setting of ``Preferences`` that has a title."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from gentui.config import key_table, preferences
from gentui.config.preferences import Preferences
from gentui.config.schema import settings_of
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.themes import THEMES
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Column, Row, Table

SHOWN = {name: one for name, one in settings_of(Preferences).items() if one.title}
COLUMNS = (Column("", minimum=13), Column("", minimum=12), Column("", flex=True, minimum=20, maximum=64))


class PreferencesScreen(Dialog):
    """Each row is a setting. A change applies at once where possible and is saved."""

    context = "preferences"
    BINDINGS = key_table.bindings("preferences")
    DEFAULT_CSS = """
    PreferencesScreen > Vertical { width: 96; max-width: 100%; height: auto; }
    PreferencesScreen Table { height: 9; background: $surface; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(f"Saved in {clean(preferences.path(), 200)}", markup=False)
            yield Table(COLUMNS, empty="")
            yield Static("", id="message", markup=False)
            yield KeyBar("preferences", modal=True)

    def on_mount(self) -> None:
        self._fill()
        self._show_message(clean(preferences.problem(), 300))
        self.query_one(Table).focus()

    def _fill(self) -> None:
        now = preferences.read()
        rows = []
        for name, one in SHOWN.items():
            value = getattr(now, name)
            word = THEMES.get(value, THEMES["gentui"])[1] if name == "theme" else one.label(value)
            rows.append(Row(name, (one.title, (word, "strong"), (one.help, "dim"))))
        self.query_one(Table).set_rows(rows)

    def action_change(self, by: int) -> None:
        """Select the next choice of the row, or the previous one; after the last comes the first."""
        if (name := self.query_one(Table).key) is None:
            return
        if name == "theme" and self.app.theme not in THEMES:
            self._show_message("Colours are off: NO_COLOR is set.")
            return
        choices = tuple(THEMES) if name == "theme" else SHOWN[name].choices
        value = getattr(preferences.read(), name) or choices[0]
        value = choices[((choices.index(value) if value in choices else 0) + by) % len(choices)]
        is_saved = preferences.remember(**{name: value})
        self._show_message(
            "" if is_saved else f"It cannot be saved: {clean(preferences.path().parent, 200)} is not writable."
        )
        if name == "theme":
            self.app.theme = value
        elif name == "palette":
            self.gentui.palette = value
            self.app.refresh_css(animate=False)
        elif name == "images" and value != "auto":
            self.gentui.images = value  # for pictures opened from now on
        self._fill()

    def _show_message(self, text: str) -> None:
        self.query_one("#message", Static).update(text)

    def on_table_chosen(self) -> None:
        self.action_change(1)
