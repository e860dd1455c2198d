"""Untrusted text made safe to show: recipes, logs, names and file names may hold anything.

What is left after ``clean`` cannot move the cursor, reverse the reading order, hide itself, or make a
terminal and its width tables disagree.
"""

from __future__ import annotations

import re

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
_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidi and invisible
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
    "\U000f0000-\U0010ffff"  # private planes; kitty's image placeholder lives there
    "]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_COMBINING = re.compile(f"({_MARKS}{{2}}){_MARKS}+")

LONGEST_LINE = 4096


def clean(text: object, limit: int = LONGEST_LINE) -> str:
    """One line of plain characters, at most ``limit`` of them; line breaks and tabs become spaces."""
    line = str(text)[: limit * 4]
    if line.isascii() and line.isprintable():
        return line[:limit]
    line = _SEQUENCE.sub("", line)
    line = _BREAKS.sub(" ", line).replace("\t", " ")
    line = _SURROGATE.sub("\ufffd", _UNSAFE.sub("", line))
    return _COMBINING.sub(r"\1", line)[:limit]


def clean_lines(text: object, limit: int = LONGEST_LINE) -> list[str]:
    """The lines of a text, each as ``clean`` leaves it. Of a line overprinted with carriage returns
    (progress bars) only the last writing is kept."""
    lines = []
    for line in str(text).replace("\r\n", "\n").split("\n"):
        written = [part for part in line.split("\r") if part]
        lines.append(clean(written[-1].expandtabs(4) if written else "", limit))
    return lines


def shorten(text: str, width: int) -> str:
    """``text`` (already clean) in at most ``width`` terminal cells, ending in … where something is cut."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def fit(text: str, width: int, align: str = "left") -> str:
    """``text`` in exactly ``width`` cells: shortened, or padded on the side opposite to ``align``."""
    text = shorten(text, width)
    space = " " * max(0, width - (len(text) if text.isascii() else cell_len(text)))
    return space + text if align == "right" else text + space
