"""Series at full resolution, and a pyramid of buckets with their extremes above them.

Every function runs inside the caller's transaction. Bucket ``b`` of ``level`` holds the ``2**level`` steps from
``b << level`` on. A level exists once the series is as long as one of its buckets, and every bucket is computed from
all of its children, so the rows depend only on the points and not on the order in which they arrived.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import repeat

import numpy as np

LEVELS = (6, 10, 14, 18, 22)
NAN, PLUS_INF, MINUS_INF = 1, 2, 3


@dataclass
class Buckets:
    """Aggregates of consecutive buckets, as arrays of equal length. Without finite points lo is +Inf and hi -Inf."""

    bucket: np.ndarray
    n: np.ndarray
    bad: np.ndarray
    bad_step: np.ndarray
    total: np.ndarray
    lo: np.ndarray
    lo_step: np.ndarray
    hi: np.ndarray
    hi_step: np.ndarray

    def __len__(self) -> int:
        return len(self.bucket)

    @classmethod
    def of_points(cls, steps: np.ndarray, values: np.ndarray) -> Buckets:
        finite = np.isfinite(values)
        ok = finite.astype(np.int64)
        return cls(
            steps, ok, 1 - ok, np.where(finite, _NEVER, steps), np.where(finite, values, 0.0),
            np.where(finite, values, np.inf), steps, np.where(finite, values, -np.inf), steps,
        )  # fmt: skip

    def after(self, older: Buckets) -> Buckets:
        if not len(older):
            return self
        return Buckets(*(np.concatenate(pair) for pair in zip(_arrays(older), _arrays(self), strict=True)))

    def coarsened(self, shift: int) -> Buckets:
        """The same points in buckets ``2**shift`` times as wide."""
        parent = self.bucket >> shift
        starts = np.flatnonzero(np.concatenate(([True], parent[1:] != parent[:-1])))
        group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(parent))))
        lo, hi = np.minimum.reduceat(self.lo, starts), np.maximum.reduceat(self.hi, starts)
        return Buckets(
            bucket=parent[starts],
            n=np.add.reduceat(self.n, starts),
            bad=np.add.reduceat(self.bad, starts),
            bad_step=np.minimum.reduceat(self.bad_step, starts),
            total=np.add.reduceat(self.total, starts),
            lo=lo,
            lo_step=self.lo_step[_first_of_each(self.lo == lo[group], group)],
            hi=hi,
            hi_step=self.hi_step[_first_of_each(self.hi == hi[group], group)],
        )


_NEVER = np.int64(2**63 - 1)


def _arrays(b: Buckets) -> tuple[np.ndarray, ...]:
    return b.bucket, b.n, b.bad, b.bad_step, b.total, b.lo, b.lo_step, b.hi, b.hi_step


def _first_of_each(match: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Index of the first match in each group. Every group must have one."""
    found = np.flatnonzero(match)
    groups = group[found]
    return found[np.concatenate(([True], groups[1:] != groups[:-1]))]


def kinds_of(values: np.ndarray) -> np.ndarray:
    kinds = np.zeros(len(values), np.int64)
    kinds[np.isnan(values)] = NAN
    kinds[values == np.inf] = PLUS_INF
    kinds[values == -np.inf] = MINUS_INF
    return kinds


def from_kind(value: float | None, kind: int) -> float:
    """The float that a (value, kind) pair stands for."""
    return (
        value if kind == 0 and value is not None else {PLUS_INF: np.inf, MINUS_INF: -np.inf}.get(kind, np.nan)
    )


def add_points(db: sqlite3.Connection, series: int, last: int, steps: list[int], values: list[float]) -> int:
    """Store points of a series whose last step is ``last`` (-1: empty); returns the new last step.

    A step that exists already gets the new value.
    """
    s, v = np.array(steps, np.int64), np.array(values, np.float64)
    grows = bool(s[0] > last and (s[1:] > s[:-1]).all())
    if not grows:
        order = np.argsort(s, kind="stable")
        s, v = s[order], v[order]
        newest = np.append(s[1:] != s[:-1], True)
        s, v = s[newest], v[newest]
    _insert_points(db, series, s, v)
    end = max(last, int(s[-1]))
    if grows:
        _append(db, series, last, Buckets.of_points(s, v))
    else:
        rebuild(db, series, int(s[0]), int(s[-1]), end)
    return end


def _insert_points(db: sqlite3.Connection, series: int, steps: np.ndarray, values: np.ndarray) -> None:
    sql = "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)"
    if np.isfinite(values).all():
        rows = zip(repeat(series), steps.tolist(), values.tolist(), repeat(0))
    else:
        kinds = kinds_of(values).tolist()
        kept = [value if kind == 0 else None for value, kind in zip(values.tolist(), kinds, strict=True)]
        rows = zip(repeat(series), steps.tolist(), kept, kinds)
    db.executemany(sql, rows)


def _append(db: sqlite3.Connection, series: int, last: int, new: Buckets) -> None:
    """Extend the pyramid by points that all lie beyond ``last``."""
    first_step, last_step = int(new.bucket[0]), int(new.bucket[-1])
    below = 0
    for level in LEVELS:
        if not _exists(level, last_step):
            return
        # A new level covers the whole series.
        parent = first_step >> level if _exists(level, last) else 0
        if last >= parent << level:
            older = load(db, series, below, parent << (level - below), int(new.bucket[0]) - 1)
            new = new.after(older)
        new = new.coarsened(level - below)
        _store(db, series, level, new)
        below = level


def _exists(level: int, last: int) -> bool:
    """Whether a series with this last step (-1: empty) has the level."""
    return (last + 1) >> level > 0


def rebuild(db: sqlite3.Connection, series: int, first: int, last: int, end: int) -> None:
    """Recompute every bucket that touches steps ``first`` to ``last`` of a series that ends at ``end``."""
    below = 0
    for level in LEVELS:
        if not _exists(level, end):
            db.execute("DELETE FROM pyramid WHERE series = ? AND level = ?", (series, level))
            below = level
            continue
        a, b = first >> level, last >> level
        exists = db.execute("SELECT 1 FROM pyramid WHERE series = ? AND level = ? LIMIT 1", (series, level))
        if exists.fetchone() is None:
            a, b = 0, max(b, end >> level)
        db.execute(
            "DELETE FROM pyramid WHERE series = ? AND level = ? AND bucket BETWEEN ? AND ?",
            (series, level, a, b),
        )
        children = load(db, series, below, a << (level - below), ((b + 1) << (level - below)) - 1)
        if len(children):
            _store(db, series, level, children.coarsened(level - below))
        below = level


def truncate(db: sqlite3.Connection, series: int, step: int) -> int:
    """Delete every point beyond ``step``; returns the new last step (-1: empty)."""
    db.execute("DELETE FROM points WHERE series = ? AND step > ?", (series, step))
    end = db.execute("SELECT max(step) FROM points WHERE series = ?", (series,)).fetchone()[0]
    end = -1 if end is None else end
    if end < 0:
        db.execute("DELETE FROM pyramid WHERE series = ?", (series,))
        return -1
    for level in LEVELS:
        db.execute(
            "DELETE FROM pyramid WHERE series = ? AND level = ? AND bucket > ?", (series, level, end >> level)
        )
    rebuild(db, series, end, end, end)
    return end


def load(db: sqlite3.Connection, series: int, level: int, first: int, last: int) -> Buckets:
    """Buckets ``first`` to ``last`` of a level; level 0 are the points themselves."""
    if level == 0:
        rows = db.execute(
            "SELECT step, value, kind FROM points WHERE series = ? AND step BETWEEN ? AND ? ORDER BY step",
            (series, first, last),
        ).fetchall()
        steps = np.array([row[0] for row in rows], np.int64)
        return Buckets.of_points(steps, np.array([from_kind(row[1], row[2]) for row in rows], np.float64))
    rows = db.execute(
        "SELECT bucket, n, bad, ifnull(bad_step, ?), total, ifnull(lo, 9e999), lo_step, ifnull(hi, -9e999),"
        " hi_step FROM pyramid WHERE series = ? AND level = ? AND bucket BETWEEN ? AND ? ORDER BY bucket",
        (int(_NEVER), series, level, first, last),
    ).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    types = (np.int64,) * 4 + (np.float64,) * 2 + (np.int64, np.float64, np.int64)
    return Buckets(*(np.array(column, kind) for column, kind in zip(columns, types, strict=True)))


def _store(db: sqlite3.Connection, series: int, level: int, b: Buckets) -> None:
    none = b.n == 0
    lo, hi, bad_step = b.lo.tolist(), b.hi.tolist(), b.bad_step.tolist()
    for i in np.flatnonzero(none):
        lo[i] = hi[i] = None
    for i in np.flatnonzero(b.bad == 0):
        bad_step[i] = None
    # Finite values may sum to more than a double holds; a NaN from +Inf and -Inf sums would be NULL.
    total = np.nan_to_num(b.total, nan=0.0, posinf=np.inf, neginf=-np.inf)
    db.executemany(
        "INSERT OR REPLACE INTO pyramid VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        zip(
            repeat(series), repeat(level), b.bucket.tolist(), b.n.tolist(), b.bad.tolist(), bad_step,
            total.tolist(), lo, b.lo_step.tolist(), hi, b.hi_step.tolist(),
        ),
    )  # fmt: skip
