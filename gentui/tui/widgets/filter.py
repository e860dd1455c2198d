"""The one-line filter above a table, charts or text."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

ROOMY = 100
"""Cells from which on a message has room beside what is typed."""


class FilterLine(Horizontal):
    """A filter with its error message beside it, or below it where there is little room."""

    DEFAULT_CSS = """
    FilterLine { height: auto; }
    FilterLine > Filter { width: 1fr; }
    FilterLine > .filter--error { display: none; color: $error; text-style: bold; padding: 0 1; }
    FilterLine > .filter--error.-visible { display: block; width: auto; max-width: 70%; height: 1; text-wrap: nowrap; }
    FilterLine.-narrow { layout: vertical; }
    FilterLine.-narrow > Filter { width: 100%; }
    FilterLine.-narrow > .filter--error.-visible { max-width: 100%; height: auto; text-wrap: wrap; }
    """

    def __init__(self, hint: str, *, id: str) -> None:
        super().__init__()
        self._filter = Filter(hint, id=id)
        self._error = Static(classes="filter--error", markup=False)

    def compose(self) -> ComposeResult:
        yield self._filter
        yield self._error

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < ROOMY, "-narrow")

    def show_error(self, message: str) -> None:
        """Show what is wrong with the filter (sanitized text); "" if nothing is."""
        text = f"✗ {message}" if message else ""
        if self._error.content != text:
            self._error.update(text)
            self._error.set_class(bool(text), "-visible")


class Filter(Input):
    """An input that is hidden until opened. Enter moves on to the table and keeps the text; Esc clears it."""

    @dataclass
    class Edited(Message):
        """The text changed."""

        words: str

    @dataclass
    class Closed(Message):
        """The filter was cleared and hidden."""

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=f"filter: {hint}", id=id, classes="filter", compact=True)
        self.cursor_blink = False

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def allow_focus(self) -> bool:
        """Allow focus only while open: a screen that is resumed would focus it although it is hidden."""
        return self.is_open

    def open(self) -> None:
        self.add_class("-open")
        self.screen.set_focus(self)  # at once: keys typed right after this one are text of the filter

    def close(self) -> bool:
        """Clear and hide the filter. Return False if it was not open."""
        if not self.is_open:
            return False
        self.value = ""
        self.remove_class("-open")
        self.post_message(self.Closed())
        return True

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Edited(self.value))

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.close()
        elif event.key in ("down", "up", "pagedown"):
            event.stop()
            self.screen.focus_next()
