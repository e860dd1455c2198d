"""The trainer's ``architecture.txt``, its tables made as narrow as the screen where that can be."""

from __future__ import annotations

from collections.abc import Sequence

from gentui.text.sanitize import fit
from gentui.tui.widgets.lines import Lines

LEAST_KIND = 14
_TITLES = ("layer", "kind", "output", "parameters")


def squeezed(lines: Sequence[str], width: int) -> list[str]:
    """Tables wider than ``width`` cells give way in their second column, which says most of a layer in its first
    words; what is no such table is left alone."""
    shown: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        if tuple(lines[at].split()) == _TITLES:
            while end < len(lines) and lines[end].strip():
                end += 1
            shown += _narrowed(lines[at:end], width)
        else:
            shown.append(lines[at])
        at = end
    return shown


def _narrowed(table: Sequence[str], width: int) -> list[str]:
    over = max(map(len, table)) - width
    if over <= 0:
        return list(table)
    start, end = table[0].index("kind"), table[0].index("output")
    room = max(LEAST_KIND, end - 2 - start - over)
    return [f"{line[:start]}{fit(line[start:end].rstrip(), room)}  {line[end:]}".rstrip() for line in table]


class Architecture(Lines):
    """The nets as text."""

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)
        self._whole: Sequence[str] = ()

    def set_lines(self, lines: Sequence[str]) -> None:
        self._whole = lines
        super().set_lines(squeezed(lines, self.size.width - 2))

    def on_resize(self) -> None:
        self.set_lines(self._whole)
