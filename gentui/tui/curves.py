"""Curves and how they are looked at: plain values that screens and widgets share, with no widget behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gentui.metrics.namespaces import METRIC
from gentui.text import numbers
from gentui.text.sanitize import clean

MARKERS = {False: "●▲■◆○△□◇", True: "*+ox#%@&"}
"""What tells the curves of one chart apart besides their colour: otherwise, and in ASCII."""
SERIES = ("line", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
TONES = tuple(f"$curve-{number}" for number in range(1, len(SERIES) + 1))
"""The colours of the curves, told apart by people with any colour vision."""


@dataclass(frozen=True)
class Curve:
    """One series: bucket positions, smallest, largest and mean values (NaN where nothing is finite), and the
    positions of values that are not finite. All float64. ``sparse``: few points, each marked. ``slot``: the
    colour and marker of its run where runs are laid over one another, else its place in the chart decides."""

    key: str
    x: np.ndarray = field(repr=False)
    lo: np.ndarray = field(repr=False)
    hi: np.ndarray = field(repr=False)
    marks: np.ndarray = field(repr=False)
    points: int = 0
    mean: np.ndarray | None = field(default=None, repr=False)
    sparse: bool = False
    slot: int | None = None
    is_baseline: bool = False

    def same_as(self, other: Curve | None) -> bool:
        return (
            other is not None
            and (self.key, self.points, self.slot, self.is_baseline, self.sparse)
            == (other.key, other.points, other.slot, other.is_baseline, other.sparse)
            and all(
                np.array_equal(a, b, equal_nan=True)
                for a, b in (
                    (self.x, other.x),
                    (self.lo, other.lo),
                    (self.hi, other.hi),
                    (self.marks, other.marks),
                )
            )
        )


@dataclass(frozen=True)
class ChartStyle:
    """How curves are drawn. ``window``: the ends of the x axis (None: those of the curves). ``clip``: the y axis
    leaves outliers out. ``guides``: one of ``GUIDES``."""

    log_y: bool = False
    smoothing: float = 0.6
    marks: str = "braille"
    axis: str = "step"
    kind: str = "ema"
    clip: bool = False
    window: tuple[float, float] | None = None
    guides: str = "none"


def smooth(values: np.ndarray, weight: float, kind: str = "ema") -> np.ndarray:
    """Exponential moving average without the bias of its beginning, or the mean of a window of as many values as
    that one weighs; gaps are skipped and stay gaps."""
    if weight <= 0:
        return values
    if kind == "window":
        return _windowed(values, window_of(weight))
    result = np.full(len(values), np.nan)
    average = correction = 0.0
    for i, value in enumerate(values.tolist()):
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            correction = weight * correction + (1 - weight)
            result[i] = average / correction
    return result


def window_of(weight: float) -> int:
    """How many values a window holds that smooths as much as an average of this weight."""
    return max(1, round((1 + weight) / (1 - weight)))


def _windowed(values: np.ndarray, width: int) -> np.ndarray:
    finite = np.isfinite(values)
    scale = float(np.abs(values[finite]).max(initial=0.0)) or 1.0  # sums of huge values stay finite
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, values, 0.0) / scale)))
    counts = np.concatenate(([0], np.cumsum(finite)))
    at = np.arange(len(values))
    left, right = np.maximum(0, at - width // 2), np.minimum(len(values), at + (width + 1) // 2)
    n = counts[right] - counts[left]
    mean = (sums[right] - sums[left]) / np.maximum(n, 1) * scale
    return np.where(finite, mean, np.nan)


def value_at(curve: Curve, x: float) -> float:
    """What a curve is at a place on the axis: its nearest column there, of few points the last one before.
    NaN in gaps and beyond its ends."""
    known = np.isfinite(curve.lo) & np.isfinite(curve.hi) if curve.sparse else np.ones(len(curve.x), bool)
    xs = curve.x[known]
    if not len(xs):
        return math.nan
    if curve.sparse:
        before = np.flatnonzero(xs <= x)[::-1]  # along another metric they are in no order
        if not len(before):
            return math.nan
        at = before[xs[before].argmax()]
    else:
        width = (xs.max() - xs.min()) / max(1, len(xs) - 1)
        if not xs.min() - width <= x <= xs.max() + width:
            return math.nan
        at = int(np.abs(xs - x).argmin())
    values = (curve.lo + curve.hi) / 2 if curve.mean is None else curve.mean
    return float(values[known][at])


def same(some: Sequence[Curve], others: Sequence[Curve] | None) -> bool:
    """Whether two charts hold equal curves."""
    return (
        others is not None
        and len(some) == len(others)
        and all(a.same_as(b) for a, b in zip(some, others, strict=True))
    )


def slot_of(curve: Curve, place: int) -> int:
    """Which of the colours and markers a curve has, at its place in its chart."""
    return place if curve.slot is None else curve.slot


def marker_of(slot: int, is_ascii: bool) -> str:
    """The marker of a slot. Where the colours begin anew the markers go one on, so that no two
    slots share both."""
    markers = MARKERS[is_ascii]
    return markers[(slot + slot // len(SERIES)) % len(markers)]


def tone_of(slot: int) -> str:
    """The colour of a slot, as a variable of the theme."""
    return TONES[slot % len(TONES)]


def place_on(axis: str, x: float) -> str:
    """A place on the x axis: ``step 1,200``, ``3m 20s``, ``epoch 4.25``, ``lr 0.001``."""
    if axis.startswith(METRIC):
        return f"{name_of(axis)} {numbers.number(x)}"
    if axis == "time":
        return numbers.duration(x)
    return f"epoch {x:.2f}" if axis == "epoch" else f"{axis.removesuffix('s')} {x:,.0f}"


def name_of(axis: str) -> str:
    """An axis as it is told: a metric's by the name of that."""
    return clean(axis.removeprefix(METRIC), 40)
