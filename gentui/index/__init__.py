"""The SQLite index of the run directories: one writer at a time, readers without locks.

The files are the truth: the index can always be rebuilt from ``runs/``. See ``Index``.
"""

from gentui.index.index import Index
from gentui.index.rows import (
    AlertRow,
    CheckpointRow,
    Evaluation,
    FigureRow,
    LeaderboardRow,
    RunNotFound,
    RunRow,
    SampleRow,
    Series,
    Tiles,
    best_of,
    reported_metrics,
    standing,
)

__all__ = [
    "AlertRow",
    "CheckpointRow",
    "Evaluation",
    "FigureRow",
    "Index",
    "LeaderboardRow",
    "RunNotFound",
    "RunRow",
    "SampleRow",
    "Series",
    "Tiles",
    "best_of",
    "reported_metrics",
    "standing",
]
