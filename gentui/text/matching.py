"""What a person types to pick names or lines: words, globs, regular expressions.

Every word must be found, in whatever case. ``-word`` is one that must not be. A word with ``*`` or ``?`` is a glob, one
with other signs of a regular expression is that: ``val_*``, ``loss|lr``, ``^loss$``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_LONGEST = 2000
"""Characters of a line that are looked at: some expressions take long over long lines."""


def matcher(text: str) -> tuple[Callable[[str], bool], str]:
    """Whether a name or line is picked; and a sentence on a word that is no regular expression, else ""."""
    wanted, unwanted, mistake = [], [], ""
    for word in text.split():
        is_unwanted = len(word) > 1 and word[0] == "-"
        found, wrong = _compiled(word[1:] if is_unwanted else word)
        (unwanted if is_unwanted else wanted).append(found)
        mistake = mistake or wrong

    def picks(line: str) -> bool:
        line = line[:_LONGEST]
        return all(one.search(line) for one in wanted) and not any(one.search(line) for one in unwanted)

    return picks, mistake


def _compiled(word: str) -> tuple[re.Pattern[str], str]:
    plain = re.escape(word)
    if re.search(r"[\\^$.|+()\[\]{}]", word):
        try:
            return re.compile(word, re.IGNORECASE), ""
        except re.error as error:
            return re.compile(plain, re.IGNORECASE), f"{word} is no regular expression: {error}"
    if "*" in word or "?" in word:
        return re.compile(fnmatch.translate(f"*{word}*"), re.IGNORECASE), ""
    return re.compile(plain, re.IGNORECASE), ""
