"""Line numbers of the keys of a TOML document, for messages: ``tomli`` keeps no positions."""

from __future__ import annotations

import re

_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*=")
_TABLE = re.compile(rf"\s*\[\[?\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*\]\]?")
_PART = re.compile(_KEY_PART)
# What can hide a bracket, a hash or a quote inside a value.
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|' r"'''.*?'''|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'|" r"#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)


def _parts(dotted: str) -> tuple[str, ...]:
    """The unquoted parts of a dotted key."""
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line numbers (from 1) of all table headers and keys, by full path. ``text`` must be valid TOML."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    position, line = 0, 1
    while position < len(text):
        if match := _TABLE.match(text, position):
            # leading white space may hold newlines
            line += text.count("\n", position, match.start(1))
            table = _parts(match[1])
            lines.setdefault(table, line)
            position = match.end()
        elif match := _KEY.match(text, position):
            line += text.count("\n", position, match.start(1))
            path = table + _parts(match[1])
            for depth in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:depth], line)
            position = match.end()
        depth = 0
        for token in _TOKEN.finditer(text, position):
            line += token[0].count("\n")
            position = token.end()
            if token[0] in "[{":
                depth += 1
            elif token[0] in "]}":
                depth -= 1
            elif token[0] == "\n" and depth <= 0:
                break
        else:
            break
    return lines
