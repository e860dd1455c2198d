"""The trainer's ``architecture.txt``, with tables narrowed to the width of the screen."""

from __future__ import annotations

from collections.abc import Sequence

from gentui.text.sanitize import fit
from gentui.tui.widgets.lines import Lines

MINIMUM_KIND = 14
"""Smallest width of the column "kind", in cells."""
_TITLES = ("layer", "kind", "output", "parameters")


def squeezed(lines: Sequence[str], width: int) -> list[str]:
    """Return the lines with every layer table wider than ``width`` cells narrowed in its second column, whose first
    words say the most. Other lines are unchanged."""
    result: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        if tuple(lines[at].split()) == _TITLES:
            while end < len(lines) and lines[end].strip():
                end += 1
            result += _narrowed(lines[at:end], width)
        else:
            result.append(lines[at])
        at = end
    return result


def _narrowed(table: Sequence[str], width: int) -> list[str]:
    over = max(map(len, table)) - width
    if over <= 0:
        return list(table)
    start, end = table[0].index("kind"), table[0].index("output")
    room = max(MINIMUM_KIND, end - 2 - start - over)
    return [f"{line[:start]}{fit(line[start:end].rstrip(), room)}  {line[end:]}".rstrip() for line in table]


class Architecture(Lines):
    """The architecture of a run's nets."""

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)
        self._full: Sequence[str] = ()

    def set_lines(self, lines: Sequence[str]) -> None:
        self._full = lines
        super().set_lines(squeezed(lines, self.size.width - 2))

    def on_resize(self) -> None:
        self.set_lines(self._full)
