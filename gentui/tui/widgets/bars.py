"""The three one-line bars of every screen: title, status line and keys. Each is drawn only when it changes."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from gentui.config import key_table
from gentui.text.sanitize import fit, shorten

PLACES = (
    ("Recipes", "home"), ("Runs", "runs"), ("Leaderboard", "leaderboard"), ("Run", "view"), ("Machine", "machine"),
)  # fmt: skip
"""The name of each place and the key that leads there: ``view`` to the run that trains, or the newest."""


_MORE = "…  "
"""Stands for keys that the bar has no room for."""


class TitleBar(Widget):
    """The main screens with their keys, and on the right how many runs train, wait and are being scored."""

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
        """The cells of each name: (first, one past the last, the app's action that leads there)."""
        return self._zones

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        style = lambda name: base + self.get_component_rich_style(f"bar--{name}", partial=True)  # noqa: E731
        segments = [Segment(" gentui ", style("name")), Segment(" ", base)]
        self._zones, at = [], 9
        is_narrow = width < 72
        for name, place in PLACES:
            key = key_table.as_mapped(key_table.BY_ID[f"app.{place}"])
            number = key.display
            word = name[:4] if is_narrow and place != self.place else name
            self._zones.append((at, at + len(word) + len(number) + 1, key.action))
            here = style("here") if place == self.place else base
            segments += [
                Segment(number, style("key")),
                Segment(" ", base),
                Segment(word, here),
                Segment("  ", base),
            ]
            at += len(word) + len(number) + 3
        room, right = max(0, width - at - 1), self.busy
        if cell_len(right) > room:  # only the glyphs and numbers
            right = shorten("  ".join(part.rpartition(" ")[0] for part in right.split("  ")), room)
        segments.append(Segment(" " * max(0, width - at - cell_len(right) - 1), base))
        segments.append(Segment(right + " ", style("busy")))
        return Strip(segments).adjust_cell_length(width, base)

    async def on_click(self, event: events.Click) -> None:
        for start, end, action in self._zones:
            if start <= event.x < end:
                await self.app.run_action(action)


def wrapped(text: str, width: int, height: int) -> list[str]:
    """Sanitized text in at most ``height`` lines; the last one may be too long."""
    lines = textwrap.wrap(text, width) if height > 1 else [text]
    return [*lines[: height - 1], " ".join(lines[height - 1 :])]


class StatusLine(Widget):
    """One sentence at the bottom: the last message, or the present problem. Hidden while there is none.

    It is wrapped where a screen gives the line more height.
    """

    DEFAULT_CSS = """
    StatusLine {
        height: 1; display: none; background: $surface; color: $foreground;
        &.-visible { display: block; }
        &.-bad { color: $error; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self.problem = ""

    def show_message(self, text: str) -> None:
        """Show a message (sanitized text) until the next one."""
        self.message = text
        self._update()

    def show_problem(self, text: str) -> None:
        """Show a problem (sanitized text) in place of messages, until it is set to ""."""
        if text != self.problem:
            self.problem = text
            self._update()

    def _update(self) -> None:
        self.set_class(bool(self.problem), "-bad")
        self.set_class(bool(self.problem or self.message), "-visible")
        self.refresh()

    def render_line(self, y: int) -> Strip:
        sign, text = (" ! ", self.problem) if self.problem else (" ", self.message)
        lines = wrapped(text, max(1, self.size.width - len(sign)), self.size.height)
        line = sign + lines[y] if y < len(lines) else ""
        return Strip([Segment(fit(line, self.size.width), self.rich_style)], self.size.width)


class KeyBar(Widget):
    """The keys of this screen, most useful first, as many as fit, with … where there are more; always including help
    and quit."""

    DEFAULT_CSS = """
    KeyBar {
        height: 1; background: $panel; color: $text-muted;
        & > .bar--key { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bar--key"}

    def __init__(
        self, context: str, modal: bool = False, named: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        """``named``: by the id of a key, how it is called here, and a key that stands for it ("": its own)."""
        super().__init__()
        self.context = context
        self._keys = key_table.bar_keys(context, modal)
        for place, key in enumerate(self._keys):
            if named and key.id in named:
                label, stroke = named[key.id]
                self._keys[place] = replace(key, label=label, keys=stroke or key.keys)
        self._zones: list[tuple[int, int, key_table.Key]] = []
        self._left_out: frozenset[str] = frozenset()

    def leave_out(self, ids: Collection[str]) -> None:
        """Show the keys without these, which do nothing for what is in sight."""
        if ids != self._left_out:
            self._left_out = frozenset(ids)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        key_style = base + self.get_component_rich_style("bar--key", partial=True)
        shown = [key for key in self._keys if key.id not in self._left_out]
        always = [key for key in shown if key.rank >= 98]
        others = [key for key in shown if key.rank < 98]
        room = width - 1 - sum(self._width(key) for key in always)
        visible = others if sum(map(self._width, others)) <= room else []
        for key in () if visible else others:
            if sum(map(self._width, [*visible, key])) > room - len(_MORE):
                break
            visible.append(key)
        segments: list[Segment] = [Segment(" ", base)]
        self._zones, at = [], 1
        for key in visible + always:
            if always and key is always[0] and len(visible) < len(others):
                segments.append(Segment(_MORE, base))
                at += len(_MORE)
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
