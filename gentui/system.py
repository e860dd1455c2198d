"""What the machine did while a run trained: series of their own, beside what the run logs of itself."""

from __future__ import annotations

SYSTEM = "system/"
"""What the names of these series begin with."""


def is_system(name: str) -> bool:
    return name.startswith(SYSTEM)
