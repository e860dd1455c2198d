"""The three one-line bars of every screen: title, status line, keys. Each is drawn only when it changes."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from gentui.config import key_table
from gentui.text.sanitize import fit, shorten

PLACES = (("Home", "home"), ("Runs", "runs"), ("Leaderboard", "leaderboard"), ("Machine", "machine"))


class TitleBar(Widget):
    """The main screens with their number keys, and what is going on now."""

    DEFAULT_CSS = """
    TitleBar {
        height: 1; background: $panel; color: $text-muted;
        & > .bar--name { color: $primary; text-style: bold; }
        & > .bar--here { color: $foreground; text-style: bold underline; }
        & > .bar--key { color: $accent; }
        & > .bar--busy { color: $success; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bar--name", "bar--here", "bar--key", "bar--busy"}

    busy: reactive[str] = reactive("")

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self._zones: list[tuple[int, int, str]] = []

    @property
    def zones(self) -> list[tuple[int, int, str]]:
        """(first cell, cell after the last, main screen) of each name."""
        return self._zones

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        style = lambda name: base + self.get_component_rich_style(f"bar--{name}", partial=True)  # noqa: E731
        segments = [Segment(" gentui ", style("name")), Segment(" ", base)]
        self._zones, at = [], 9
        is_narrow = width < 72
        for name, place in PLACES:
            number = key_table.real(key_table.BY_ID[f"app.{place}"]).display
            word = name[:4] if is_narrow and place != self.place else name
            self._zones.append((at, at + len(word) + len(number) + 1, place))
            here = style("here") if place == self.place else base
            segments += [
                Segment(number, style("key")),
                Segment(" ", base),
                Segment(word, here),
                Segment("  ", base),
            ]
            at += len(word) + len(number) + 3
        room, right = max(0, width - at - 1), self.busy
        if cell_len(right) > room:  # the signs and numbers alone
            right = shorten("  ".join(part.rpartition(" ")[0] for part in right.split("  ")), room)
        segments.append(Segment(" " * max(0, width - at - cell_len(right) - 1), base))
        segments.append(Segment(right + " ", style("busy")))
        return Strip(segments).adjust_cell_length(width, base)

    async def on_click(self, event: events.Click) -> None:
        for start, end, place in self._zones:
            if start <= event.x < end:
                await self.app.run_action(f"go('{place}')")


class StatusLine(Widget):
    """One sentence at the bottom: what just happened, or what is wrong. Hidden while there is none."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1; display: none; background: $surface; color: $foreground;
        &.-said { display: block; }
        &.-bad { color: $error; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.said = ""
        self.trouble = ""

    def say(self, text: str) -> None:
        """Show a sentence (clean text) until the next one."""
        self.said = text
        self._show()

    def complain(self, text: str) -> None:
        """Show what is wrong until it is mended; an empty text says it is."""
        if text != self.trouble:
            self.trouble = text
            self._show()

    def _show(self) -> None:
        self.set_class(bool(self.trouble), "-bad")
        self.set_class(bool(self.trouble or self.said), "-said")
        self.refresh()

    def render_line(self, y: int) -> Strip:
        text = f" ! {self.trouble}" if self.trouble else f" {self.said}"
        return Strip([Segment(fit(text, self.size.width), self.rich_style)], self.size.width)


class KeyBar(Widget):
    """The keys that work here, most useful first, as many as fit; help and quit always."""

    DEFAULT_CSS = """
    KeyBar {
        height: 1; background: $panel; color: $text-muted;
        & > .bar--key { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bar--key"}

    def __init__(self, context: str, modal: bool = False) -> None:
        super().__init__()
        self.context = context
        self._keys = key_table.shown(context, modal)
        self._zones: list[tuple[int, int, key_table.Key]] = []

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        key_style = base + self.get_component_rich_style("bar--key", partial=True)
        always = [key for key in self._keys if key.rank >= 98]
        room = width - 1 - sum(self._width(key) for key in always)
        offered = []
        for key in self._keys:
            if key.rank >= 98:
                continue
            if (room := room - self._width(key)) < 0:
                break
            offered.append(key)
        segments: list[Segment] = [Segment(" ", base)]
        self._zones, at = [], 1
        for key in offered + always:
            segments += [Segment(key.display, key_style), Segment(f" {key.label}  ", base)]
            self._zones.append((at, at + self._width(key) - 2, key))
            at += self._width(key)
        return Strip(segments).adjust_cell_length(width, base)

    @staticmethod
    def _width(key: key_table.Key) -> int:
        return cell_len(key.display) + len(key.label) + 3

    async def on_click(self, event: events.Click) -> None:
        for start, end, key in self._zones:
            if start <= event.x < end:
                await (self.app if key.context == "app" else self.screen).run_action(key.action)
