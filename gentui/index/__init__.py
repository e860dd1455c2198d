"""The SQLite index over the run directories: rebuildable, one writer at a time, read without locks.

Files are the truth; everything here can be made again from ``runs/``. See ``Index``.
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
    best_of,
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
    "best_of",
]
