"""The names of a screen's panes, each with its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from gentui.config import key_table


class Tabs(Widget):
    """A line of tabs. The active one is in brackets, so that it shows without colour."""

    DEFAULT_CSS = """
    Tabs {
        height: 1; background: $background; color: $text-muted;
        & > .tabs--active { color: $foreground; text-style: bold; }
        & > .tabs--key { color: $accent; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--active", "tabs--key"}
    active: reactive[str] = reactive("")

    @dataclass
    class Chosen(Message):
        name: str

    def __init__(self, panes: Sequence[tuple[str, str]], active: str) -> None:
        super().__init__()
        self._panes = panes
        self._zones: list[tuple[int, int, str]] = []
        self.set_reactive(Tabs.active, active)

    @property
    def zones(self) -> list[tuple[int, int, str]]:
        """The cells of each name: (first, one past the last, pane)."""
        return self._zones

    def choose(self, name: str) -> None:
        self.post_message(self.Chosen(name))

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        active = base + self.get_component_rich_style("tabs--active", partial=True)
        key_style = base + self.get_component_rich_style("tabs--key", partial=True)
        segments, self._zones, at = [], [], 0
        for name, key in self._panes:
            row = key_table.BY_ID.get(f"{getattr(self.screen, 'context', '')}.{name}")
            key = key_table.as_mapped(row).display if row is not None else key
            is_active = name == self.active
            left, right = ("[", "]") if is_active else (" ", " ")
            style = active if is_active else base
            word = name.capitalize()
            segments += [Segment(left, style), Segment(key, key_style), Segment(f" {word}{right} ", style)]
            width = len(word) + len(key) + 4
            self._zones.append((at, at + width, name))
            at += width
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._zones:
            if start <= event.x < end:
                self.choose(name)
