"""One metric of each of many runs in a few values, for sparklines: in one query, however many runs there are."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping

from gentui.index.pyramid import LEVELS

CELLS = 8
"""Values of a sparkline."""
_PARTS = 4
"""A value is made of at least so many buckets, so that all are of about as many steps."""

_LEVEL = "CASE " + " ".join(
    f"WHEN (last_step >> {level}) >= {CELLS * _PARTS} THEN {level}" for level in reversed(LEVELS)
) + " ELSE 0 END"  # fmt: skip
_SQL = f"""
WITH chosen AS MATERIALIZED (
    SELECT s.id AS id, s.run AS run, s.last_step AS last, {_LEVEL} AS level
    FROM json_each(?) AS j JOIN series AS s ON s.run = j.key AND s.key = j.value
)
SELECT run, step * {CELLS} / (last + 1), sum(value) / count(value) FROM chosen
    JOIN points ON points.series = chosen.id AND kind = 0 WHERE level = 0 GROUP BY 1, 2
UNION ALL
SELECT run, min(last, bucket << p.level) * {CELLS} / (last + 1), sum(total) / sum(n) FROM chosen
    JOIN pyramid AS p ON p.series = chosen.id AND p.level = chosen.level WHERE chosen.level > 0 AND n > 0
    GROUP BY 1, 2
"""


def read(db: sqlite3.Connection, metrics: Mapping[str, str]) -> dict[str, tuple[float, ...]]:
    """See ``Index.sparks``."""
    found: dict[str, list[float]] = {}
    for run, cell, mean in db.execute(_SQL, (json.dumps(dict(metrics)),)):
        values = found.setdefault(run, [math.nan] * CELLS)
        if mean is not None and 0 <= cell < CELLS:
            values[cell] = mean
    return {run: tuple(values) for run, values in found.items()}
