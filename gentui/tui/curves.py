"""Curves and their style: plain values shared by screens and widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gentui.metrics.namespaces import METRIC
from gentui.text import numbers
from gentui.text.sanitize import clean

MARKERS = {False: "●▲■◆○△□◇", True: "*+ox#%@&"}
"""Markers that tell the curves of one chart apart besides their colour; True: those of ASCII."""
SERIES = ("line", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
COLOURS = tuple(f"$curve-{number}" for number in range(1, len(SERIES) + 1))
"""Theme variables of the curves' colours, which people with any colour vision can tell apart."""


@dataclass(frozen=True)
class Curve:
    """A series as it is drawn. All arrays are float64.

    ``x``, ``lo``, ``hi`` and ``mean`` (of one length) are the positions of its buckets and their smallest, largest
    and mean values, NaN where no value is finite; ``marks`` are the positions of values that are not finite.
    ``points`` counts the raw values. A ``sparse`` curve has few points, each drawn with a marker. ``slot`` is the
    colour and marker of the curve's run in an overlay; None: those of the curve's place in its chart.
    """

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
    """How curves are drawn.

    ``smoothing`` is the weight of the average, 0 to 1, and ``kind`` how it is taken: ``ema`` or ``window``.
    ``marks`` is what lines are made of: braille, block or ascii. ``window`` holds the ends of the x axis (None:
    those of the curves). With ``clip``, the y axis leaves outliers out. ``guides`` is one of
    ``chart_layouts.GUIDES``.
    """

    log_y: bool = False
    smoothing: float = 0.6
    marks: str = "braille"
    axis: str = "step"
    kind: str = "ema"
    clip: bool = False
    window: tuple[float, float] | None = None
    guides: str = "none"


def smooth(values: np.ndarray, weight: float, kind: str = "ema") -> np.ndarray:
    """Return the exponential moving average with the given weight, corrected for its bias towards zero at the
    beginning (as Adam's moments are; Kingma and Ba, 2015), or with ``kind="window"`` a centred moving average that
    smooths as much. NaN is skipped and stays NaN."""
    if weight <= 0:
        return values
    if kind == "window":
        return _windowed(values, window_width(weight))
    result = np.full(len(values), np.nan)
    average = correction = 0.0
    for i, value in enumerate(values.tolist()):
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            correction = weight * correction + (1 - weight)
            result[i] = average / correction
    return result


def window_width(weight: float) -> int:
    """Return how many values a moving average takes to smooth as much as an exponential one of this weight."""
    return max(1, round((1 + weight) / (1 - weight)))


def _windowed(values: np.ndarray, width: int) -> np.ndarray:
    finite = np.isfinite(values)
    scale = float(np.abs(values[finite]).max(initial=0.0)) or 1.0  # keeps sums of huge values finite
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, values, 0.0) / scale)))
    counts = np.concatenate(([0], np.cumsum(finite)))
    at = np.arange(len(values))
    left, right = np.maximum(0, at - width // 2), np.minimum(len(values), at + (width + 1) // 2)
    n = counts[right] - counts[left]
    mean = (sums[right] - sums[left]) / np.maximum(n, 1) * scale
    return np.where(finite, mean, np.nan)


def value_at(curve: Curve, x: float) -> float:
    """Return the value of a curve at a place on the x axis: that of the nearest bucket, or for sparse curves of the
    last point before. NaN in gaps and beyond the ends."""
    is_usable = np.isfinite(curve.lo) & np.isfinite(curve.hi) if curve.sparse else np.ones(len(curve.x), bool)
    xs = curve.x[is_usable]
    if not len(xs):
        return math.nan
    if curve.sparse:
        before = np.flatnonzero(xs <= x)[::-1]  # along another metric x is in no order
        if not len(before):
            return math.nan
        at = before[xs[before].argmax()]
    else:
        width = (xs.max() - xs.min()) / max(1, len(xs) - 1)
        if not xs.min() - width <= x <= xs.max() + width:
            return math.nan
        at = int(np.abs(xs - x).argmin())
    values = (curve.lo + curve.hi) / 2 if curve.mean is None else curve.mean
    return float(values[is_usable][at])


def same_curves(some: Sequence[Curve], others: Sequence[Curve] | None) -> bool:
    """Return whether two charts hold equal curves."""
    return (
        others is not None
        and len(some) == len(others)
        and all(a.same_as(b) for a, b in zip(some, others, strict=True))
    )


def slot_of(curve: Curve, place: int) -> int:
    """Return the slot (colour and marker) of a curve at a place in its chart."""
    return place if curve.slot is None else curve.slot


def marker_of(slot: int, is_ascii: bool) -> str:
    """Return the marker of a slot. Where the colours repeat, the markers are shifted by one, so that no two slots share
    both."""
    markers = MARKERS[is_ascii]
    return markers[(slot + slot // len(SERIES)) % len(markers)]


def colour_of(slot: int) -> str:
    """Return the colour of a slot, as a variable of the theme."""
    return COLOURS[slot % len(COLOURS)]


def format_place(axis: str, x: float) -> str:
    """Format a place on the x axis: ``step 1,200``, ``3m 20s``, ``epoch 4.25``, ``lr 0.001``."""
    if axis.startswith(METRIC):
        return f"{axis_name(axis)} {numbers.number(x)}"
    if axis == "time":
        return numbers.duration(x)
    return f"epoch {x:.2f}" if axis == "epoch" else f"{axis.removesuffix('s')} {x:,.0f}"


def axis_name(axis: str) -> str:
    """Return the name of an x axis as it is shown: a metric's without its prefix."""
    return clean(axis.removeprefix(METRIC), 40)
