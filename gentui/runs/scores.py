"""Scores summarised over several runs, as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gentui.text.numbers import plus_minus

if TYPE_CHECKING:
    from gentui.index import LeaderboardRow


def over_seeds(row: LeaderboardRow, number: Callable[[float], str]) -> str:
    """``12.30 ± 0.41 (3 seeds)`` over the runs that differ only in their seed; "" for a single run."""
    if not row.seeds or row.seeds < 2 or row.mean is None:
        return ""
    return f"{plus_minus(row.mean, row.sd, number)} ({row.seeds} seeds)"
