"""The last gate before the terminal: whatever a widget forgot to clean goes through here on its way out."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from gentui.text.sanitize import fit, shown


class OutputSanitizer(LineFilter):
    """Lets printable text pass as it is; of other text what may be shown, in as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(fit(shown(segment.text), cell_len(segment.text)), segment.style)
            for segment in segments
        ]
