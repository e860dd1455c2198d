"""A list of names and values that is read and not acted upon: as many as fit, and how many do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.text.sanitize import fit

Fact = tuple[str, str, str]
"""Name, value and tone of the value, sanitized."""


class FactList(Widget):
    """Facts, one a line. It is drawn only when one of them changes."""

    TONES = ("dim", "good", "warn", "bad", "accent", "tag", "strong")
    DEFAULT_CSS = """
    FactList {
        width: 1fr; height: 1fr; background: $background; color: $foreground; padding: 0 1;
        & > .fact--name { color: $text-muted; }
        & > .fact--dim { color: $text-muted; }
        & > .fact--good { color: $success; }
        & > .fact--warn { color: $warning; }
        & > .fact--bad { color: $error; }
        & > .fact--accent { color: $accent; }
        & > .fact--tag { color: $secondary; }
        & > .fact--strong { text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"fact--name", *(f"fact--{tone}" for tone in TONES)}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()
        self._more = ""

    def show(self, facts: Sequence[Fact], more: str = "") -> None:
        """Show these facts. ``more``: where those are that do not fit."""
        if (tuple(facts), more) != (self._facts, self._more):
            self._facts, self._more = tuple(facts), more
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, (width, height) = self.rich_style, self.size
        if y >= len(self._facts):
            return Strip.blank(width, base)
        style = lambda name: base + self.get_component_rich_style(f"fact--{name}", partial=True)  # noqa: E731
        if y == height - 1 and len(self._facts) > height:
            text = f"… {len(self._facts) - y} more" + (f": {self._more}" if self._more else "")
            return Strip([Segment(fit(text, width), style("name"))], width)
        name, value, tone = self._facts[y]
        longest = max(cell_len(one[0]) for one in self._facts[:height])
        room = max(min(longest, width - min(cell_len(value), width // 2) - 1, width * 2 // 3), 0)
        segments = [Segment(fit(name, room, cut="middle"), style("name")), Segment(" ", base)]
        segments.append(Segment(fit(value, max(0, width - room - 1)), style(tone) if tone else base))
        return Strip(segments).adjust_cell_length(width, base)
