"""The line above a pane: its title on the left, a few words on the right, a rule between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from gentui.text.sanitize import shorten

Piece = tuple[str, str]
"""Text and tone."""
LEAST_TITLE = 24


class PaneTitle(Widget):
    """One line, drawn only when its words change. Where there is little room the title is shortened, and below
    ``LEAST_TITLE`` cells of it the words on the right go. Above the pane in focus (``mark``) the rule is heavy."""

    TONES = ("title", "dim", "good", "warn", "bad")
    DEFAULT_CSS = """
    PaneTitle {
        height: 1; width: 100%; background: $background; color: $panel-lighten-2;
        &.-here { color: $primary; }
        & > .pane--title { color: $foreground; text-style: bold; }
        & > .pane--dim { color: $text-muted; }
        & > .pane--good { color: $success; text-style: bold; }
        & > .pane--warn { color: $warning; text-style: bold; }
        & > .pane--bad { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"pane--{tone}" for tone in TONES}

    def __init__(self, title: str = "", hint: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title: tuple[Piece, ...] = ((title, "title"),) if title else ()
        self._hint = hint

    def show(self, title: Sequence[Piece], hint: str = "") -> None:
        """Show a title and the words on the right (sanitized text)."""
        shown = (tuple(piece for piece in title if piece[0]), hint)
        if shown != (self._title, self._hint):
            self._title, self._hint = shown
            self.refresh()

    def mark(self, is_here: bool) -> None:
        """Show whether the pane below is the one in focus."""
        self.set_class(is_here, "-here")

    def render_line(self, y: int) -> Strip:
        base, width, rule = self.rich_style, self.size.width, "━" if self.has_class("-here") else "─"
        style = lambda tone: base + self.get_component_rich_style(f"pane--{tone}", partial=True)  # noqa: E731
        least = min(LEAST_TITLE, sum(cell_len(text) for text, _ in self._title))
        hint = self._hint if cell_len(self._hint) + 6 + least <= width else ""
        room = width - 3 - (cell_len(hint) + 3 if hint else 0)
        segments = [Segment(f"{rule} " if self._title else rule, base)]
        used = len(segments[0].text)
        for text, tone in self._title:
            text = shorten(text, max(0, room - used))
            used += cell_len(text)
            segments.append(Segment(text, style(tone) if tone else base))
        end = [Segment(f" {hint} ", style("dim")), Segment(rule, base)] if hint else []
        rest = width - used - sum(segment.cell_length for segment in end) - 1
        segments += [Segment(" " if self._title else rule, base), Segment(rule * max(0, rest), base), *end]
        return Strip(segments).adjust_cell_length(width, base)
