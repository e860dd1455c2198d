"""Scores as text: the value with ± and what that is over, the score of real images, the mean over seeds, captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from gentui.text.numbers import plus_minus

if TYPE_CHECKING:
    from gentui.index import LeaderboardRow

Number = Callable[[float], str]
MARK = "†"
"""Stands after the value of a selection."""
SELECTION_CAPTION = (
    f"{MARK} selected on one noise (or on validation images); `gentui evaluate RUN` reports it on three others"
)
REAL_IMAGES = "real images"
"""What people read for ``floor``, which for an accuracy is no floor."""
REAL_IMAGES_CAPTION = f"{REAL_IMAGES}: what real test images score in place of generated ones"


class Scored(Protocol):
    """What an Evaluation, a row of the leaderboard and one of the results table have in common."""

    @property
    def value(self) -> float | None: ...
    @property
    def std(self) -> float | None: ...
    @property
    def over(self) -> str | None: ...
    @property
    def role(self) -> str | None: ...
    @property
    def floor(self) -> float | None: ...
    @property
    def floor_std(self) -> float | None: ...


def value_text(score: Scored, number: Number) -> str:
    """``3.03 ± 0.22``, with a mark if it is a selection; "" without a value."""
    if score.value is None:
        return ""
    return plus_minus(score.value, score.std, number) + (MARK if is_selection(score) else "")


def is_selection(score: Scored) -> bool:
    return score.role == "selection"


def value_in_full(score: Scored, number: Number) -> str:
    """``3.03 ± 0.22 over 3 noises``."""
    over = over_text(score)
    return value_text(score, number) + (f" over {over}" if over else "")


def over_text(score: Scored) -> str:
    """What the ± of ``value_text`` is over: ``3 noises``; "" where there is none."""
    return score.over or "" if score.std is not None else ""


def spread_text(score: Scored) -> str:
    """``± over 3 noises``; "" where there is no ±, or none knows what it is over."""
    return f"± over {over}" if (over := over_text(score)) else ""


def floor_text(score: Scored, number: Number) -> str:
    """The score of real images: ``0.46 ± 0.03``; "" where it is unknown."""
    return "" if score.floor is None else plus_minus(score.floor, score.floor_std, number)


def over_seeds(row: LeaderboardRow, number: Number) -> str:
    """``12.30 ± 0.41 (3 seeds)`` over the runs that differ only in their seed; "" for a single run."""
    if not row.seeds or row.seeds < 2 or row.mean is None:
        return ""
    return f"{plus_minus(row.mean, row.sd, number)} ({row.seeds} seeds)"


def over_seeds_in_full(row: LeaderboardRow, number: Number) -> str:
    """``over seeds 12.30 ± 0.41: mean and sd over 3 training seeds, each …``; "" for a single run."""
    if not over_seeds(row, number) or row.mean is None:
        return ""
    return f"over seeds {plus_minus(row.mean, row.sd, number)}: mean and sd over {row.sd_over}"


def captions(scores: Iterable[Scored]) -> list[str]:
    """What readers of a table with these scores have to know."""
    scores = list(scores)
    lines = [SELECTION_CAPTION] if any(map(is_selection, scores)) else []
    if any(score.floor is not None for score in scores):
        drawn = any(score.floor_std is not None for score in scores)
        lines.append(
            REAL_IMAGES_CAPTION + ("; ± over draws of as many of them as the score has" if drawn else "")
        )
    return lines


def seeds_captions(rows: Iterable[LeaderboardRow]) -> list[str]:
    """What ± over seeds contains."""
    contents = dict.fromkeys(row.sd_over for row in rows if row.sd_over)
    return [f"over seeds: mean ± standard deviation over {content}" for content in contents]
