"""Parsing of TOML: of recipes, and of single values typed in ``-o``, ``--sweep`` and forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import tomli

MOST_BITS = 10_000
"""Bits of a whole number that Python still converts to decimal digits."""


class TooLarge(ValueError):
    """A whole number of thousands of digits. ``line`` is where, from 1."""

    def __init__(self, line: int):
        super().__init__("a whole number of thousands of digits")
        self.line = line


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document. Raises TOMLDecodeError, RecursionError, or TooLarge."""
    try:
        parsed = tomli.loads(text)
    except tomli.TOMLDecodeError:
        raise
    except ValueError:  # Python converts no more than some thousand digits
        raise TooLarge(_line_of_long_number(text)) from None
    if any(number.bit_length() > MOST_BITS for number in _numbers(parsed)):
        raise TooLarge(_line_of_long_number(text))
    return parsed


def _numbers(value: Any) -> Iterator[int]:
    """All whole numbers in a parsed document."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)


def _line_of_long_number(text: str) -> int:
    """The line of the first number of more than two thousand digits."""
    found = re.search(r"(?<![\w.])[+-]?(?:0[xob])?[0-9a-fA-F_]{2000,}(?![\w.])", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def parse_value(text: str) -> Any:
    """Parse a TOML value. Text that is not TOML is a string; empty text is None, an unset value."""
    text = text.strip()
    if not text:
        return None
    try:
        parsed = parse_toml(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
