"""Parsing of single values typed in ``-o``, ``--sweep`` and forms."""

from __future__ import annotations

import tomllib
from typing import Any


def parse_value(text: str) -> Any:
    """Parse a TOML value. Text that is not TOML is a string; empty text is None, an unset value."""
    text = text.strip()
    if not text:
        return None
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
