"""Lines of shell that a host asks for before python is started there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gentui.jobs.states import JobError


def setup_of(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The lines of shell that a host asks for. Raises JobError."""
    setup = table.get("setup", [])
    lines = [setup] if isinstance(setup, str) else setup
    if not isinstance(lines, list) or not all(isinstance(line, str) and "\0" not in line for line in lines):
        raise JobError(f"setup in {where} should be a list of lines of shell")
    return tuple(lines)
