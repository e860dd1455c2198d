"""Jump mode: a letter on each thing that can be focused or chosen; typing it goes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import Screen
from textual.widgets import Static

from gentui.config import key_table
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import TitleBar
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.tabs import Tabs

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
LETTERS += LETTERS.upper()

Target = tuple[Offset, Callable[[], Any]]


def targets(screen: Screen[Any]) -> list[Target]:
    """The targets of a screen: main screens, tabs, what can be focused, then rows of tables. Each is a place, which is
    blank or holds no part of a name, and what to do there."""
    result: list[Target] = []
    for bar in screen.query(TitleBar):
        result += [
            (bar.region.offset + Offset(start - 1, 0), lambda action=action: screen.app.run_action(action))
            for start, _, action in bar.zones
        ]
    for tabs in screen.query(Tabs):
        result += [
            (tabs.region.offset + Offset(start, 0), lambda name=name, tabs=tabs: tabs.choose(name))
            for start, _, name in tabs.zones
        ]
    for widget in screen.focus_chain:
        if widget.region and widget.region.overlaps(screen.region):
            result.append((widget.region.offset, lambda widget=widget: screen.set_focus(widget)))
    for table in screen.query(Table):
        if table.region and table.region.overlaps(screen.region):
            result += [
                (table.region.offset + Offset(0, y), lambda table=table, key=key: _choose(table, key))
                for y, key in table.lines_in_sight()
            ]
    return result[: len(LETTERS)]


def _choose(table: Table, key: str) -> None:
    table.screen.set_focus(table)
    table.move_to(key)


class JumpScreen(Dialog):
    """Dismissed with the action of the chosen target, or None."""

    context = "jump"
    BINDINGS = key_table.bindings("jump")
    DEFAULT_CSS = """
    JumpScreen { background: $background 0%; }
    JumpScreen > Static { position: absolute; width: 1; height: 1; background: $accent; color: $background;
                          text-style: bold reverse; }
    """

    def __init__(self, targets: list[Target]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        for letter, (offset, _) in self._targets.items():
            label = Static(letter, markup=False)
            label.styles.offset = (offset.x, offset.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        if event.character in self._targets:
            event.stop()
            self.dismiss(self._targets[event.character][1])

    def on_resize(self, event: events.Resize) -> None:
        if self._size_shown not in (None, event.size):  # the targets have moved
            self.dismiss(None)
        self._size_shown = event.size

    _size_shown: Any = None
