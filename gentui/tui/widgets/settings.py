"""A form of many one-line settings, drawn as one widget.

Fifty settings as fifty inputs would take seconds to mount. Here only the lines on screen are drawn, and the one
under the cursor is edited in place. A choice is changed by the left and right arrows, or by its first letter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from gentui.text.sanitize import clean, fit, in_place
from gentui.tui.widgets.cursor_view import CursorView
from gentui.tui.widgets.settings_entry import Entry

MOVES = ("up", "down", "shift+tab", "tab", "pageup", "pagedown")
"""Keys that go to another setting."""


class SettingsForm(CursorView, can_focus=True):
    """Settings below headings. ``on_edit`` is called after every change of a text: at once and not by a message, so
    that a key that acts on the form right after the last letter acts on what was typed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"form--{name}" for name in ("label", "heading", "value", "editing", "changed", "note", "wrong", "here")
    }
    DEFAULT_CSS = """
    SettingsForm {
        background: $background;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .form--label { color: $text-muted; }
        & > .form--heading { color: $secondary; text-style: bold; }
        & > .form--value { color: $foreground; background: $surface; }
        & > .form--editing { color: $foreground; background: $primary-muted; }
        & > .form--changed { color: $accent; text-style: bold; }
        & > .form--note { color: $text-muted; }
        & > .form--wrong { color: $error; text-style: bold; }
        & > .form--here { color: $foreground; text-style: bold; }
    }
    """

    @dataclass
    class Moved(Message):
        """The cursor moved to another setting."""

        entry: Entry

    def __init__(self, *, id: str | None = None, several: bool = False, leaves_letters: bool = False) -> None:
        """With ``several``, a setting may hold several values separated by ``|``.

        A form that ``leaves_letters`` to its screen takes them only while a text is edited: a digit, ``-`` or ``.``
        begins a number, Enter a text. It is narrow: what is said of a setting stands elsewhere.
        """
        super().__init__(id=id)
        self._several = several
        self._leaves_letters = leaves_letters
        self._is_editing = not leaves_letters
        self._every: list[Entry | str] = []
        self._lines: list[Entry | str] = []  # those that the filter shows
        self._words = ""
        self._caret = 0
        self.on_edit: Callable[[Entry], None] = lambda entry: None

    # -- contents

    def set_entries(self, lines: Sequence[Entry | str], focus: str = "") -> None:
        """Set entries and headings, and move the cursor to the entry with key ``focus``, or else to the first."""
        self._every = list(lines)
        if not self.narrow(self._words, focus):
            self._words = ""
            self.narrow("", focus)

    def narrow(self, words: str, focus: str | None = None) -> bool:
        """Show only the settings whose key, value or help has all the words. False, and no change, if there is none.

        The cursor goes to the entry with key ``focus``, with None stays where it was; else it goes to the first.
        """
        if not (lines := _matching(self._every, words)):
            return False
        if focus is None:
            focus = self.entry.key
        self._words, self._lines = words, lines
        self.virtual_size = Size(self.size.width, len(lines))
        self._at = next((i for i, e in enumerate(lines) if isinstance(e, Entry) and e.key == focus), 0)
        if isinstance(self._lines[self._at], str):
            self._at += 1
        self._caret = len(self.entry.text)
        self.refresh()
        self.call_after_refresh(self._reveal)
        self.post_message(self.Moved(self.entry))
        return True

    @property
    def entries(self) -> list[Entry]:
        """All settings, whatever the filter shows."""
        return [line for line in self._every if isinstance(line, Entry)]

    @property
    def entry(self) -> Entry:
        """The setting under the cursor."""
        line = self._lines[self._at]
        assert isinstance(line, Entry)
        return line

    def show_problems(self, problems: dict[str, str]) -> None:
        """Show problems beside their settings, by key."""
        for entry in self.entries:
            if entry.problem != (text := problems.get(entry.key, "")):
                entry.problem = text
                self.refresh()

    def set_text(self, text: str) -> None:
        """Replace the text of the setting under the cursor."""
        self._set(text, len(text))

    # -- editing

    def _set(self, text: str, caret: int) -> None:
        entry = self.entry
        is_changed = text != entry.text
        entry.text, self._caret = text, max(0, min(caret, len(text)))
        self._refresh_row(self._at)
        if is_changed:
            self.on_edit(entry)

    def on_key(self, event: events.Key) -> None:
        if not self._lines:
            return
        if self._leaves_letters:
            is_handled = self._handle_editing(event) if self._is_editing else self._handle_highlighted(event)
        else:
            is_handled = self._handle_move(event.key) or self._handle_edit(event)
        if is_handled:
            event.stop()
            event.prevent_default()

    def end_editing(self) -> None:
        """Only highlight the setting under the cursor, if letters are left to the screen."""
        if self._leaves_letters and self._is_editing:
            self._is_editing = False
            self._refresh_row(self._at)

    def _handle_editing(self, event: events.Key) -> bool:
        """Handle a key while a text is edited."""
        is_end = event.key in ("enter", "escape")
        if is_end or event.key in MOVES:
            is_text = self.entry.is_text
            self.end_editing()
            return self._handle_move(event.key) if not is_end else is_text or event.key == "escape"
        return self._handle_edit(event)

    def _handle_highlighted(self, event: events.Key) -> bool:
        """Handle a key on a setting that is highlighted only."""
        entry, key, typed = self.entry, event.key, event.character or ""
        if key in MOVES:
            return self._handle_move(key)
        if entry.choices:
            return (key in ("left", "right") or typed.isdecimal()) and (
                self._handle_choice(entry, event) or typed.isdecimal()
            )
        if key in ("left", "right"):
            self._step(1 if key == "right" else -1)
            return True
        begins = bool(typed) and typed in "0123456789.-" and not entry.is_text
        if not (begins or key == "backspace" or (key == "enter" and entry.is_text)):
            return False
        self._is_editing = True
        if key != "enter":
            text = typed if begins else entry.text[:-1]
            self._set(text, len(text))
        self._refresh_row(self._at)
        return True

    def _step(self, by: int) -> None:
        """Change a whole number by one; an empty one becomes 0."""
        text = self.entry.text.strip()
        if text.isdecimal() and text.isascii():
            self.set_text(str(max(0, int(text) + by)))
        elif not text and not self.entry.is_text:
            self.set_text("0" if by > 0 else "")

    def _handle_move(self, key: str) -> bool:
        page = max(1, self.size.height - 1)
        match key:
            case "up" | "shift+tab":
                self._go(self._at - 1, -1)
            case "down" | "enter":
                self._go(self._at + 1, 1)
            case "pageup":
                self._go(max(0, self._at - page), -1)
            case "pagedown":
                self._go(min(len(self._lines) - 1, self._at + page), 1)
            case "tab":
                if self._at >= len(self._lines) - 1:
                    return False
                self._go(self._at + 1, 1)
            case _:
                return False
        return True

    def _handle_edit(self, event: events.Key) -> bool:
        entry, caret = self.entry, self._caret
        text, key = entry.text, event.key
        if entry.choices:
            return self._handle_choice(entry, event)
        match key:
            case "left":
                self._set(text, caret - 1)
            case "right":
                self._set(text, caret + 1)
            case "home" | "ctrl+a":
                self._set(text, 0)
            case "end" | "ctrl+e":
                self._set(text, len(text))
            case "backspace":
                self._set(text[: max(0, caret - 1)] + text[caret:], caret - 1)
            case "delete" | "ctrl+d":
                self._set(text[:caret] + text[caret + 1 :], caret)
            case "ctrl+u":
                self._set(text[caret:], 0)
            case "ctrl+w":
                kept = text[:caret].rstrip().rpartition(" ")[0]
                self._set(kept + text[caret:], len(kept))
            case _:
                if event.character is None or not event.is_printable:
                    return False
                if event.character == "/" and not entry.takes_slash:
                    return False
                self._insert(event.character)
        return True

    def _handle_choice(self, entry: Entry, event: events.Key) -> bool:
        *before, last = entry.text.split("|") if self._several else [entry.text]
        choose = lambda choice: self.set_text("|".join([*before, choice]))  # noqa: E731
        choices = entry.choices
        at = choices.index(last) if last in choices else 0
        if event.key in ("left", "right", "space"):
            choose(choices[(at + (-1 if event.key == "left" else 1)) % len(choices)])
            return True
        if self._several and event.character == "|":
            if others := [choice for choice in choices if choice not in (*before, last)]:
                self.set_text(f"{entry.text}|{others[0]}")
            return True
        if before and event.key in ("backspace", "delete"):
            self.set_text("|".join(before))
            return True
        if event.character is not None and event.is_printable:
            after = choices[at + 1 :] + choices[: at + 1]
            if found := next((c for c in after if c.lower().startswith(event.character.lower())), None):
                choose(found)
            return True
        return False

    def _insert(self, typed: str) -> None:
        typed = clean(typed, 1000)
        text, caret = self.entry.text, self._caret
        self._set((text[:caret] + typed + text[caret:])[:1000], caret + len(typed))

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self._lines and not self.entry.choices:
            self._insert(event.text)

    # -- moving

    def _go(self, index: int, direction: int) -> None:
        while 0 <= index < len(self._lines) and isinstance(self._lines[index], str):
            index += direction
        if not 0 <= index < len(self._lines) or index == self._at:
            if direction < 0:
                self.scroll_to(y=0, animate=False)
            return
        self.end_editing()
        old, self._at = self._at, index
        self._caret = len(self.entry.text)
        self._refresh_row(old)
        self._refresh_row(index)
        self._reveal()
        self.post_message(self.Moved(self.entry))

    def _first_shown(self) -> int:
        return self._at - 1 if self._at and isinstance(self._lines[self._at - 1], str) else self._at

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index < len(self._lines) and isinstance(self._lines[index], Entry):
            self._go(index, 1)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()
        if self._lines:
            self.call_after_refresh(self._follow_height)

    # -- drawing

    def _refresh_row(self, index: int) -> None:
        self.refresh(Region(0, index - self.scroll_offset.y, self.size.width, 1))

    def on_focus(self) -> None:
        self._refresh_row(self._at)

    def on_blur(self) -> None:
        self._refresh_row(self._at)

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width, base)
        style = lambda name: base + self.get_component_rich_style(f"form--{name}", partial=True)  # noqa: E731
        line = self._lines[index]
        if isinstance(line, str):
            return Strip([Segment(fit(f" {line}", width), style("heading"))], width)
        is_here = index == self._at and self.has_focus
        label_width, value_width = (20, 20) if width < 100 else (26, 34)
        if self._leaves_letters:
            label_width = min(16, width // 2)
            value_width = width - label_width
        label_style = style("here") if is_here else style("changed") if line.is_changed else style("label")
        if line.problem and self._leaves_letters:
            label_style = style("wrong")
        mark = "▸ " if index == self._at else "• " if line.is_changed else "  "
        note, note_style = (f"✗ {line.problem}", "wrong") if line.problem else (line.help, "note")
        segments = [
            Segment(mark + fit(line.label, label_width - 2), label_style),
            *self._value(line, value_width, is_here, style),
            Segment("  " + fit(note, max(0, width - label_width - value_width - 2)), style(note_style)),
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def _value(self, entry: Entry, width: int, is_here: bool, style: Any) -> list[Segment]:
        plain = style("editing") if is_here else style("value")
        if entry.choices:
            left, right = ("‹ ", " ›") if is_here else ("  ", "  ")
            return [Segment(left + fit(clean(entry.text, 100), width - 4) + right, plain)]
        text = in_place(entry.text)
        if not (is_here and self._is_editing):
            return [Segment(fit("  " + (text or "empty"), width), plain if text or is_here else style("note"))]
        start = max(0, self._caret - (width - 4))
        shown, caret = text[start:], self._caret - start
        before, under, after = shown[:caret], shown[caret : caret + 1] or " ", shown[caret + 1 :]
        room = width - 2 - cell_len(before) - cell_len(under)
        cursor = plain.__class__(reverse=True)
        return [
            Segment("  " + before, plain),
            Segment(under, plain + cursor),
            Segment(fit(after, max(0, room)), plain),
        ]


def _matching(lines: Sequence[Entry | str], words: str) -> list[Entry | str]:
    """The entries that have all the words, below their headings."""
    required = words.lower().split()
    if not required:
        return list(lines)
    found: list[Entry | str] = []
    for line in lines:
        if isinstance(line, str):
            if found and isinstance(found[-1], str):
                found.pop()
            found.append(line)
        elif all(word in f"{line.key} {line.label} {line.text} {line.help}".lower() for word in required):
            found.append(line)
    if found and isinstance(found[-1], str):
        found.pop()
    return found
