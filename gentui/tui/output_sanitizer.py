"""The last filter before the terminal, for text that a widget failed to sanitize."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from gentui.text.sanitize import fit, shown


class OutputSanitizer(LineFilter):
    """Replaces unprintable characters, keeping each segment's width. Printable text passes unchanged."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(fit(shown(segment.text), cell_len(segment.text)), segment.style)
            for segment in segments
        ]
