"""A value with its spread, as people write it."""

from __future__ import annotations

import math
from collections.abc import Callable

_MOST_DECIMALS = 6


def plus_minus(value: float, spread: float | None, number: Callable[[float], str]) -> str:
    """``12.30 ± 0.41``: the spread to two digits, the value to as many places. Without a spread, ``number(value)``."""
    if spread is None:
        return number(value)
    if math.isfinite(value) and math.isfinite(spread) and spread > 0 and abs(value) < 1e9:
        places = max(0, 1 - math.floor(math.log10(spread)))
        if places <= _MOST_DECIMALS:
            return f"{value:.{places}f} ± {spread:.{places}f}"
    return f"{number(value)} ± {number(spread)}"
