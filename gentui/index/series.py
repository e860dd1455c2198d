"""Series for charts: read from the coarsest level that still fills every column."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gentui.index.log_ingestor import IMAGES, SECONDS
from gentui.index.pyramid import LEVELS, from_kind
from gentui.index.rows import Series
from gentui.index.smoothed import Groups, smoothed
from gentui.metrics.namespaces import METRIC
from gentui.metrics.smoothing import NO_SMOOTHING, Smoothing

AXES: tuple[str, ...] = ("step", "time", "images", "epoch")
_KNOTS = 2000  # values of such a metric that the whole of a run is placed by
Scale = Callable[[float | np.ndarray], np.ndarray]

_OVERHANG = 8  # a range may go beyond the last point by this part of itself
_SUB_BUCKETS = 2  # a column is made of at least so many, so that columns differ little in width
_GROUPS = 8  # to a column, of which its smoothed value is made


def empty() -> Series:
    none = np.empty(0)
    return Series(x=none, lo=none, hi=none, marks=none, points=0, mean=none, lo_x=none, hi_x=none)


def read(
    db: sqlite3.Connection,
    run: str,
    key: str,
    columns: int,
    lo: float | None,
    hi: float | None,
    axis: str,
    smoothing: Smoothing = NO_SMOOTHING,
) -> Series:
    """See ``Index.series``."""
    if axis.startswith(METRIC):
        return _against(db, run, key, axis.removeprefix(METRIC), columns, (lo, hi), smoothing)
    if axis not in AXES:
        raise ValueError(f"unknown axis {axis!r}; one of: {', '.join(AXES)}")
    known = _span(db, run, key)
    if known is None or columns < 1:
        return empty()
    series, first, last = known
    to_x, to_step = _scale(db, run, axis)
    if lo is not None:
        first = max(first, int(np.floor(to_step(float(lo)))))
    if hi is not None:
        # A range that ends a little beyond the last point keeps its columns in their places while the series grows.
        last = min(last + max(0, last - first) // _OVERHANG, int(np.ceil(to_step(float(hi)))))
    if first > last:
        return empty()
    return _reduced(db, series, first, last, columns, to_x, smoothing)


def extent(db: sqlite3.Connection, run: str, axis: str) -> tuple[float, float] | None:
    """See ``Index.extent``."""
    if axis.startswith(METRIC):
        return _range(db, run, axis.removeprefix(METRIC))
    own = "FROM series WHERE run = ? AND key NOT LIKE '@%'"
    last = db.execute(f"SELECT max(last_step) {own}", (run,)).fetchone()[0]
    if last is None or last < 0:
        return None
    first = "SELECT min(step) FROM points WHERE series = series.id"
    first = db.execute(f"SELECT min(({first})) {own}", (run,)).fetchone()[0]
    ends = _scale(db, run, axis)[0](np.array([last if first is None else first, last], np.float64))
    return float(ends[0]), float(ends[1])


def read_scores(db: sqlite3.Connection, run: str, steps: np.ndarray, values: np.ndarray, axis: str) -> Series:
    """See ``Index.score_series``."""
    if axis.startswith(METRIC):
        known = _span(db, run, axis.removeprefix(METRIC))
        along = _finite(_reduced(db, *known, _KNOTS, np.asarray)) if known else empty()
        return _plain(_through(along)(steps), values) if len(along.x) else empty()
    return _plain(_scale(db, run, axis)[0](steps), values)


def _against(
    db: sqlite3.Connection,
    run: str,
    key: str,
    other: str,
    columns: int,
    ends: tuple[float | None, float | None],
    smoothing: Smoothing,
) -> Series:
    """A metric along another, in the order of their steps: where that goes back, so does the curve. Of the range
    between the ``ends`` of the other, the steps are reduced between the first and the last that lie in it."""
    lo, hi = ends
    own, clock = _span(db, run, key), _span(db, run, other)
    if own is None or clock is None or columns < 1:
        return empty()
    series, first, last = own[0], max(own[1], clock[1]), min(own[2], clock[2])
    while first <= last:
        along = _finite(_reduced(db, clock[0], first, last, columns, np.asarray))
        if not len(along.x):
            return empty()
        after = np.minimum(np.arange(len(along.x)) + 1, len(along.x) - 1)
        low, high = np.minimum(along.lo, along.lo[after]), np.maximum(along.hi, along.hi[after])
        seen = np.flatnonzero(
            (high >= (-np.inf if lo is None else lo)) & (low <= (np.inf if hi is None else hi))
        )
        if not len(seen):
            return empty()
        near = (last - first) / columns
        begin = max(first, int(along.x[seen[0]] - near))
        end = min(last, int(np.ceil(along.x[after[seen[-1]]] + near)))
        if (end - begin) * 2 > last - first or last - first < columns:
            return _reduced(db, series, begin, end, columns, _through(along), smoothing)
        first, last = begin, end
    return empty()


def _range(db: sqlite3.Connection, run: str, key: str) -> tuple[float, float] | None:
    """The least and the greatest finite value of a metric."""
    if (known := _span(db, run, key)) is None:
        return None
    whole = _reduced(db, *known, 1, np.asarray)
    lows, highs = whole.lo[np.isfinite(whole.lo)], whole.hi[np.isfinite(whole.hi)]
    return (float(lows.min()), float(highs.max())) if len(lows) and len(highs) else None


def _span(db: sqlite3.Connection, run: str, key: str) -> tuple[int, int, int] | None:
    """(series, first step, last step) of a metric that has points."""
    if (series := _series(db, run, key)) is None:
        return None
    first = db.execute("SELECT min(step) FROM points WHERE series = ?", (series[0],)).fetchone()[0]
    return None if first is None else (series[0], first, series[1])


def _finite(series: Series) -> Series:
    """The buckets of a series that hold finite values."""
    known = np.isfinite(series.lo) & np.isfinite(series.hi)
    mean = series.lo if series.mean is None else series.mean
    return replace(series, x=series.x[known], lo=series.lo[known], hi=series.hi[known], mean=mean[known])


def _through(along: Series) -> Scale:
    """Step → place, on straight lines between the means of these buckets."""
    assert along.mean is not None
    steps, places = along.x, along.mean
    return lambda step: np.asarray(np.interp(step, steps, places))


def _plain(x: np.ndarray, values: np.ndarray) -> Series:
    """Points as they are, NaN and infinities as gaps with marks."""
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan)
    return Series(
        x=x, lo=values, hi=values.copy(), marks=x[~finite], points=len(values), mean=values.copy(),
        lo_x=x.copy(), hi_x=x.copy(), last=float(values[finite][-1]) if finite.any() else np.nan,
    )  # fmt: skip


def _series(db: sqlite3.Connection, run: str, key: str) -> tuple[int, int] | None:
    return db.execute("SELECT id, last_step FROM series WHERE run = ? AND key = ?", (run, key)).fetchone()


def _scale(db: sqlite3.Connection, run: str, axis: str) -> tuple[Scale, Scale]:
    """(step → place on the axis, and back)."""
    if axis in ("time", "images"):
        steps, values = knots(db, run, SECONDS if axis == "time" else IMAGES)
        if len(steps):
            return _line(steps, values), _line(*_increasing(values, steps))
    elif axis == "epoch":
        row = db.execute("SELECT steps_per_epoch FROM runs WHERE id = ?", (run,)).fetchone()
        per_epoch = float(row[0]) if row and row[0] else 1.0
        return lambda s: np.asarray(s) / per_epoch, lambda x: np.asarray(x) * per_epoch
    return np.asarray, np.asarray


def _line(x: np.ndarray, y: np.ndarray) -> Scale:
    """Linear between the knots; beyond the ends it goes on as over the whole."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0]) if len(x) > 1 and x[-1] > x[0] else 1.0

    def at(v: float | np.ndarray) -> np.ndarray:
        v = np.asarray(v, np.float64)
        inside = np.interp(v, x, y)
        return inside + slope * (np.maximum(v - x[-1], 0.0) - np.maximum(x[0] - v, 0.0))

    return at


def _increasing(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = np.concatenate(([True], x[1:] > np.maximum.accumulate(x)[:-1]))
    return x[keep], y[keep]


def knots(db: sqlite3.Connection, run: str, key: str, most: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """(steps, values) of a clock, which never decreases: at most about ``most`` of its points."""
    series = _series(db, run, key)
    if series is None:
        return np.empty(0), np.empty(0)
    sql = "SELECT step, value FROM points WHERE series = ? ORDER BY step LIMIT ?"
    rows = db.execute(sql, (series[0], most + 1)).fetchall()
    for level in LEVELS:
        if len(rows) <= most:
            break
        sql = "SELECT lo_step, lo, hi_step, hi FROM pyramid"
        sql += " WHERE series = ? AND level = ? ORDER BY bucket LIMIT ?"
        rows = db.execute(sql, (series[0], level, most + 1)).fetchall()
    pairs = np.array(rows, np.float64).reshape(-1, 2)
    pairs = pairs[np.concatenate(([True], pairs[1:, 0] > pairs[:-1, 0]))] if len(pairs) else pairs
    return pairs[:, 0], pairs[:, 1]


def _reduced(
    db: sqlite3.Connection,
    series: int,
    first: int,
    last: int,
    columns: int,
    to_x: Scale,
    smoothing: Smoothing = NO_SMOOTHING,
) -> Series:
    few = db.execute(
        "SELECT step, value, kind FROM points WHERE series = ? AND step BETWEEN ? AND ? ORDER BY step LIMIT ?",
        (series, first, last, columns + 1),
    ).fetchall()
    if len(few) <= columns:
        return _raw(db, series, few, to_x, smoothing)
    source = _source(series, first, last, columns)
    first, span = source.first, source.span

    def ask(parts: int, *names: str) -> np.ndarray:
        # One min() or max() to a query: its other columns then come from the row of that extreme.
        picked = ", ".join(source.names[name] for name in names)
        place = f"{source.place} * {columns * parts} / {span}"
        rows = db.execute(f"SELECT {place}, {picked} {source.table} GROUP BY 1", source.args).fetchall()
        return np.array(rows, np.float64)

    lows, highs = ask(1, "n", "bad", "total", "lo"), ask(1, "hi")
    bad = lows[:, 2] > 0
    marks = ask(1, "bad_step")[bad, 1] if bad.any() else np.empty(0)
    n = lows[:, 1]
    gap = n == 0
    middle = first + (lows[:, 0] + 0.5) * span / columns - 0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(gap, np.nan, np.clip(lows[:, 3] / n, lows[:, 4], highs[:, 1]))
    found = Series(
        x=to_x(middle),
        lo=lows[:, 4],
        hi=highs[:, 1],
        marks=to_x(marks),
        points=int(n.sum() + lows[:, 2].sum()),
        mean=mean,
        lo_x=np.where(gap, np.nan, to_x(lows[:, 5])),
        hi_x=np.where(gap, np.nan, to_x(highs[:, 2])),
    )
    if smoothing:
        groups = ask(_GROUPS, "n", "total")
        column = np.searchsorted(lows[:, 0], groups[:, 0] // _GROUPS)
        fine = Groups.of_totals(groups[:, 1], groups[:, 2], column)
        found = smoothed(db, series, found, fine, (first, source.last), smoothing)
    return _with_last(db, series, found, source.last)


@dataclass(frozen=True)
class _Source:
    """Where a range is read from: step ``first`` to ``last``, of which ``span`` are divided into columns. ``place``
    is a row's distance from the beginning, and ``names`` are its aggregates, as SQL."""

    first: int
    last: int
    span: int
    place: str
    names: dict[str, str]
    table: str
    args: tuple[int, ...]


def _source(series: int, first: int, last: int, columns: int) -> _Source:
    """The coarsest level that still fills every column, else the points themselves."""
    span = last - first + 1
    level = max((level for level in LEVELS if columns * (_SUB_BUCKETS << level) <= span), default=0)
    if not level:
        names = {"n": "sum(kind = 0)", "bad": "sum(kind != 0)", "bad_step": "min(CASE WHEN kind THEN step END)"}
        names |= {"total": "total(value)", "lo": "min(value), step", "hi": "max(value), step"}
        table = "FROM points WHERE series = ? AND step BETWEEN ? AND ?"
        return _Source(first, last, span, f"(step - {first})", names, table, (series, first, last))
    unit = 1 << level
    first = first // unit * unit
    names = {"n": "sum(n)", "bad": "sum(bad)", "bad_step": "min(bad_step)", "total": "total(total)"}
    names |= {"lo": "min(lo), lo_step", "hi": "max(hi), hi_step"}
    return _Source(
        first, ((last >> level) + 1 << level) - 1, last - first + 1, f"((bucket << {level}) - {first})", names,
        "FROM pyramid WHERE series = ? AND level = ? AND bucket BETWEEN ? AND ?",
        (series, level, first >> level, last >> level),
    )  # fmt: skip


def _with_last(db: sqlite3.Connection, series: int, found: Series, last: int) -> Series:
    """A series with the last of its values up to a step."""
    row = db.execute(
        "SELECT value FROM points WHERE series = ? AND step <= ? AND kind = 0 ORDER BY step DESC LIMIT 1",
        (series, last),
    ).fetchone()
    return replace(found, last=row[0] if row else np.nan)


def _raw(
    db: sqlite3.Connection,
    series: int,
    rows: list[tuple[int, float | None, int]],
    to_x: Scale,
    smoothing: Smoothing,
) -> Series:
    steps = np.array([row[0] for row in rows], np.float64)
    values = np.array([from_kind(row[1], row[2]) for row in rows], np.float64)
    found = _plain(to_x(steps), values)
    if not smoothing or not rows:
        return found
    return smoothed(db, series, found, Groups.of_values(values), (rows[0][0], rows[-1][0]), smoothing)
