"""Text from recipes, logs and file names is untrusted: make it one harmless line before it is kept or shown."""

from __future__ import annotations

import unicodedata

# Cc control, Cf format (bidi overrides, zero width), Cs surrogates, Co private use, Zl/Zp line breaks
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def plain(text: object, limit: int = 400) -> str:
    """``text`` as one line without control, bidi or surrogate characters, at most ``limit`` characters."""
    line = str(text)[: limit * 4]
    if not (line.isascii() and line.isprintable()):
        kept = "".join(" " if c in "\t\r\n" else c for c in line if c in "\t\r\n" or _wanted(c))
        line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _wanted(character: str) -> bool:
    return unicodedata.category(character) not in _UNWANTED
