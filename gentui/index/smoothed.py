"""Smoothed series: the values of a run smoothed one after another, read from buckets where there are many."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

import numpy as np

from gentui.index import pyramid
from gentui.index.pyramid import LEVELS, Buckets
from gentui.index.rows import Series
from gentui.metrics.smoothing import Smoothing, last_of, smooth


@dataclass(frozen=True)
class Groups:
    """Consecutive groups of values, as arrays of one length: the mean and number of the finite ones in each.
    ``column`` is the index of the bucket of a chart that a group lies in."""

    means: np.ndarray
    counts: np.ndarray
    column: np.ndarray

    @classmethod
    def of_totals(cls, counts: np.ndarray, totals: np.ndarray, column: np.ndarray) -> Groups:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.nan_to_num(np.where(counts > 0, totals / counts, 0.0))
        return cls(means, counts, column)

    @classmethod
    def of_values(cls, values: np.ndarray) -> Groups:
        finite = np.isfinite(values)
        return cls(np.where(finite, values, 0.0), finite.astype(np.float64), np.arange(len(values)))

    def between(self, before: Groups, after: Groups) -> Groups:
        """These groups with others on both sides, which lie in no bucket."""
        parts = (before, self, after)
        return Groups(
            np.concatenate([part.means for part in parts]), np.concatenate([part.counts for part in parts]),
            np.concatenate([np.full(len(before.means), -1), self.column, np.full(len(after.means), -1)]),
        )  # fmt: skip


def smoothed(
    db: sqlite3.Connection,
    series: int,
    found: Series,
    fine: Groups,
    ends: tuple[int, int],
    smoothing: Smoothing,
) -> Series:
    """Return a series with its smoothed values. ``fine`` are its values, in groups of which each lies in one bucket,
    and ``ends`` the first and the last step that they cover. What lies before and behind takes part."""
    first, last = ends
    groups = _with_surroundings(db, series, fine, first, last, smoothing)
    values = smooth(groups.means, groups.counts, smoothing)
    inside = (groups.column >= 0) & (groups.counts > 0)
    column, weight = groups.column[inside], groups.counts[inside]
    sums, counts = np.zeros(len(found.x)), np.zeros(len(found.x))
    np.add.at(sums, column, values[inside] * weight)
    np.add.at(counts, column, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(counts > 0, sums / counts, np.nan)
    spacing = (min(last, _end(db, series)) - first) / (found.points - 1) if found.points > 1 else 1.0
    at = np.flatnonzero(inside)
    is_single = len(at) > 0 and groups.counts[at[-1]] == 1
    newest = float(values[at[-1]]) if is_single else _at_the_end(db, series, last, smoothing)
    return replace(found, smooth=means, last_smooth=newest, spacing=max(1.0, spacing))


def _at_the_end(db: sqlite3.Connection, series: int, last: int, smoothing: Smoothing) -> float:
    """The smoothed value at the last finite one up to a step."""
    sql = (
        "SELECT step, value FROM points WHERE series = ? AND step <= ? AND kind = 0 ORDER BY step DESC LIMIT 1"
    )
    if (row := db.execute(sql, (series, last)).fetchone()) is None:
        return np.nan
    groups = _with_surroundings(db, series, Groups.of_values(np.array([row[1]])), row[0], row[0], smoothing)
    if smoothing.kind != "window":
        return last_of(groups.means, groups.counts, smoothing)
    return float(smooth(groups.means, groups.counts, smoothing)[groups.column == 0][0])


def _with_surroundings(
    db: sqlite3.Connection, series: int, fine: Groups, first: int, last: int, smoothing: Smoothing
) -> Groups:
    """The groups with the values on both sides that the smoothed ones depend on."""
    before, after = smoothing.reach
    left = _step_away(db, series, first, before, "<", "DESC") if before else first
    right = _step_away(db, series, last, after, ">", "ASC") if after else last
    none = Groups.of_values(np.empty(0))
    return fine.between(
        _stretch(db, series, left, first - 1, smoothing.grain() * (first - left) / max(1, before))
        if left < first else none,
        _stretch(db, series, last + 1, right, smoothing.grain() * (right - last) / max(1, after))
        if right > last else none,
    )  # fmt: skip


def _step_away(db: sqlite3.Connection, series: int, step: int, count: int, side: str, order: str) -> int:
    """The step of the value that lies so many values away, or of the last on that side."""
    known = f"SELECT step FROM points WHERE series = ? AND step {side} ? ORDER BY step {order} LIMIT 1"
    row = db.execute(f"{known} OFFSET ?", (series, step, count - 1)).fetchone()
    if row is None:
        other = "ASC" if order == "DESC" else "DESC"
        known = f"SELECT step FROM points WHERE series = ? AND step {side} ? ORDER BY step {other} LIMIT 1"
        row = db.execute(known, (series, step)).fetchone()
    return step if row is None else row[0]


def _end(db: sqlite3.Connection, series: int) -> int:
    return db.execute("SELECT last_step FROM series WHERE id = ?", (series,)).fetchone()[0]


def _stretch(db: sqlite3.Connection, series: int, first: int, last: int, widest: float) -> Groups:
    """The values from one step to another, within the series, in buckets no wider than so many steps."""
    level = max((level for level in LEVELS if 1 << level <= widest), default=0)
    parts = _buckets(db, series, first, last, level)
    counts = np.concatenate([part.n for part in parts]).astype(np.float64)
    return Groups.of_totals(counts, np.concatenate([part.total for part in parts]), np.zeros(len(counts), int))


def _buckets(db: sqlite3.Connection, series: int, first: int, last: int, level: int) -> list[Buckets]:
    """The values of a range in buckets of a level, and in those of the levels below where it does not begin or end
    with one."""
    begin, end = -(-first >> level), ((last + 1) >> level) - 1
    if level == 0 or first > last:
        return [pyramid.load(db, series, 0, first, last)]
    below = max((lower for lower in LEVELS if lower < level), default=0)
    if begin > end:
        return _buckets(db, series, first, last, below)
    return [
        *_buckets(db, series, first, (begin << level) - 1, below),
        pyramid.load(db, series, level, begin, end),
        *_buckets(db, series, (end + 1) << level, last, below),
    ]
