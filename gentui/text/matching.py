"""Patterns that users type to select names or lines: words, globs, regular expressions.

Every word must match, ignoring case; ``-word`` must not. A word with ``*`` or ``?`` is a glob, one with other special
characters a regular expression: ``val_*``, ``loss|lr``, ``^loss$``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_LONGEST = 2000
"""Only so many characters of a line are matched: some expressions are slow on long lines."""


def matcher(text: str) -> tuple[Callable[[str], bool], str]:
    """A predicate for names or lines, and a sentence about an invalid regular expression, else ""."""
    required, excluded, mistake = [], [], ""
    for word in text.split():
        is_excluded = len(word) > 1 and word[0] == "-"
        pattern, wrong = _compiled(word[1:] if is_excluded else word)
        (excluded if is_excluded else required).append(pattern)
        mistake = mistake or wrong

    def picks(line: str) -> bool:
        line = line[:_LONGEST]
        return all(one.search(line) for one in required) and not any(one.search(line) for one in excluded)

    return picks, mistake


def _compiled(word: str) -> tuple[re.Pattern[str], str]:
    plain = re.escape(word)
    if re.search(r"[\\^$.|+()\[\]{}]", word):
        try:
            return re.compile(word, re.IGNORECASE), ""
        except re.error as error:
            return re.compile(plain, re.IGNORECASE), f"{word} is not a regular expression: {error}"
    if "*" in word or "?" in word:
        return re.compile(fnmatch.translate(f"*{word}*"), re.IGNORECASE), ""
    return re.compile(plain, re.IGNORECASE), ""
