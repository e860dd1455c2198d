"""At which steps of a run something is due."""

from __future__ import annotations


def evenly_spaced(total: int, times: int) -> list[int]:
    """Return ``times`` steps evenly spaced over ``total``, the last of them ``total`` itself; sorted, without
    duplicates."""
    return sorted({max(1, round(total * (i + 1) / times)) for i in range(times)}) if times else []
