"""The one-line filter above a table."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.widgets import Input


class Filter(Input):
    """Hidden until opened. Enter goes to the table and keeps the words; Esc clears them."""

    @dataclass
    class Edited(Message):
        """The words changed."""

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

    def open(self) -> None:
        self.add_class("-open")
        self.focus()

    def close(self) -> bool:
        """Clear and hide; False when it was not open."""
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
