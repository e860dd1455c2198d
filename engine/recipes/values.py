"""Single values as a person types them: in ``-o``, ``--sweep`` and forms."""

from __future__ import annotations

import tomllib
from typing import Any


def parse_value(text: str) -> Any:
    """A value as TOML reads it; what is not TOML is a string, and nothing at all is None: as if unsaid."""
    text = text.strip()
    if not text:
        return None
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
