"""Make untrusted text safe to display: recipes, logs, names and file names may contain anything.

Text from ``clean`` cannot move the cursor, reverse the reading order, hide itself, or have a width on which terminals
disagree.
"""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, set_cell_size

_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI
    r"|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)?"  # OSC, DCS, SOS, PM, APC up to their end
    r"|[ -/]*[0-~]?"
    r")"
    r"|\x9b[0-?]*[ -/]*[@-~]?"
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)?"
)
_BREAKS = re.compile("[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_HIDDEN = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
    | {*range(0x1F3FB, 0x1F400)}  # skin tones: as wide as an emoji, or as nothing after one
)
_FLAGS = 0x1F1E6  # regional indicators: two of them are a flag where there is one, and letters where not
MOST_MARKS = 4  # on one letter; scripts that stack them need no more


class _Shown(dict[int, str]):
    """Cache of the replacement for each character."""

    def __missing__(self, code: int) -> str:
        if len(self) > 20_000:
            self.clear()
        self[code] = stands = _stands_for(code)
        return stands


def _stands_for(code: int) -> str:
    character = chr(code)
    kind = unicodedata.category(character)
    if _FLAGS <= code < _FLAGS + 26:
        return chr(ord("A") + code - _FLAGS)
    if kind in ("Cc", "Cf", "Me") or code in _HIDDEN:
        return ""
    if code >= 0xE0000:  # tags, and private planes: kitty's placeholder of an image is of one
        return ""
    if kind in ("Cs", "Cn"):  # of unknown width
        return "\ufffd"
    return " " if kind == "Zs" else character


_shown_as = _Shown()

LONGEST_LINE = 4096


def clean(text: object, limit: int = LONGEST_LINE) -> str:
    """One line of at most ``limit`` safe characters; line breaks and tabs become spaces."""
    line = str(text)[: limit * 4]
    if line.isascii() and line.isprintable():
        return line[:limit]
    line = _SEQUENCE.sub("", line)
    return shown(_BREAKS.sub(" ", line).replace("\t", " "))[:limit]


def _limit_marks(line: str) -> str:
    """The line with at most ``MOST_MARKS`` combining characters on any other."""
    marks = {character for character in set(line) if character > "\u02ff" and not cell_len(character)}
    if not marks:
        return line
    kept, above = [], 0
    for character in line:
        above = above + 1 if character in marks else 0
        if above <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def shown(text: str) -> str:
    """``text`` with unsafe characters removed or replaced."""
    return _limit_marks(text.translate(_shown_as))


def in_place(text: str) -> str:
    """``text`` with � for every unsafe character, so that positions stay the same while it is edited."""
    if text.isascii() and text.isprintable():
        return text
    kept, marks = [], 0
    for character in text:
        stands = _shown_as[ord(character)]
        marks = 0 if not stands or cell_len(stands) else marks + 1
        kept.append(stands if stands and marks <= MOST_MARKS else "\ufffd")
    return "".join(kept)


def clean_lines(text: object, limit: int = LONGEST_LINE) -> list[str]:
    """The lines of a text, each sanitised. Of a line overwritten with carriage returns (progress bars) only the last
    version is kept."""
    lines = []
    for line in str(text).replace("\r\n", "\n").split("\n"):
        written = [part for part in line.split("\r") if part]
        lines.append(clean(written[-1].expandtabs(4) if written else "", limit))
    return lines


def shorten(text: str, width: int) -> str:
    """``text`` (already sanitised) in at most ``width`` terminal cells, ending in … if it was cut."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def shorten_middle(text: str, width: int) -> str:
    """``text`` (already sanitised) in at most ``width`` terminal cells, with … in its middle if it was cut: what tells
    names apart is often at their end."""
    if width < 5 or cell_len(text) <= width:
        return shorten(text, width)
    tail, room = "", (width - 1) // 2
    for character in reversed(text):
        if cell_len(character + tail) > room:
            break
        tail = character + tail
    return f"{set_cell_size(text, width - 1 - cell_len(tail)).rstrip()}…{tail.lstrip()}"


def fit(text: str, width: int, align: str = "left", cut: str = "end") -> str:
    """``text`` in exactly ``width`` cells, shortened or padded. ``align``: ``left`` or ``right``; ``cut``: where it is
    shortened, ``end`` or ``middle``."""
    text = shorten(text, width) if cut == "end" else shorten_middle(text, width)
    space = " " * max(0, width - (len(text) if text.isascii() else cell_len(text)))
    return space + text if align == "right" else text + space
