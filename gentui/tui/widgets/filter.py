"""The one-line filter above a table."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FilterLine(Horizontal):
    """A filter with a sentence beside it, or under it where there is no room, that says what is wrong with it."""

    SCOPED_CSS = False  # it goes by its screen's width
    DEFAULT_CSS = """
    FilterLine { height: auto; }
    FilterLine > Filter { width: 1fr; }
    FilterLine > .filter--mistake { display: none; color: $error; text-style: bold; padding: 0 1; }
    FilterLine > .filter--mistake.-said { display: block; width: auto; max-width: 70%; height: 1; text-wrap: nowrap; }
    Screen.-narrow FilterLine { layout: vertical; }
    Screen.-narrow FilterLine > Filter { width: 100%; }
    Screen.-narrow FilterLine > .filter--mistake.-said { max-width: 100%; height: auto; text-wrap: wrap; }
    """

    def __init__(self, hint: str, *, id: str) -> None:
        super().__init__()
        self._filter = Filter(hint, id=id)
        self._mistake = Static(classes="filter--mistake", markup=False)

    def compose(self) -> ComposeResult:
        yield self._filter
        yield self._mistake

    def complain(self, sentence: str) -> None:
        """Say what is wrong (clean text); "" for nothing."""
        text = f"✗ {sentence}" if sentence else ""
        if self._mistake.content != text:
            self._mistake.update(text)
            self._mistake.set_class(bool(text), "-said")


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

    def allow_focus(self) -> bool:
        """While it is seen: a screen that comes back looks for something to focus, hidden or not."""
        return self.is_open

    def open(self) -> None:
        self.add_class("-open")
        self.screen.set_focus(self)  # now: what is typed in one go after the key is its words, and no more keys

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
