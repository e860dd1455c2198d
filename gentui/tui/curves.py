"""Curves and their style: plain values shared by screens and widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gentui.metrics.namespaces import METRIC
from gentui.metrics.smoothing import NO_SMOOTHING, Smoothing
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
    ``points`` counts the raw values, ``last`` is the last of them. ``smooth`` is what ``smoothing`` makes of them
    (None: nothing), in each bucket, and ``last_smooth`` at the last value; ``is_each_step``: every step has a value.
    Of scores, ``lower_is_better`` says which are better (None: no scores), and ``floor`` is that of real images.
    A ``sparse`` curve has few points, each drawn with a marker and none of them smoothed. ``slot`` is the colour and
    marker of the curve's run in an overlay; None: those of the curve's place in its chart. ``name``: what a score is
    called, "" for other metrics.
    """

    key: str
    x: np.ndarray = field(repr=False)
    lo: np.ndarray = field(repr=False)
    hi: np.ndarray = field(repr=False)
    marks: np.ndarray = field(repr=False)
    points: int = 0
    mean: np.ndarray | None = field(default=None, repr=False)
    last: float = math.nan
    smoothing: Smoothing = NO_SMOOTHING
    smooth: np.ndarray | None = field(default=None, repr=False)
    last_smooth: float = math.nan
    is_each_step: bool = True
    lower_is_better: bool | None = None
    floor: float | None = None
    sparse: bool = False
    slot: int | None = None
    is_baseline: bool = False
    name: str = ""

    @property
    def title(self) -> str:
        """What people read: the name of a score, else the key of the metric."""
        return clean(self.name or self.key, 40)

    def same_as(self, other: Curve | None) -> bool:
        return (
            other is not None
            and (
                self.key,
                self.name,
                self.points,
                self.slot,
                self.is_baseline,
                self.sparse,
                self.smoothing,
                self.floor,
                self.is_each_step,
            )
            == (
                other.key,
                other.name,
                other.points,
                other.slot,
                other.is_baseline,
                other.sparse,
                other.smoothing,
                other.floor,
                other.is_each_step,
            )
            and all(
                np.array_equal(a, b, equal_nan=True)
                for a, b in (
                    (self.x, other.x),
                    (self.lo, other.lo),
                    (self.hi, other.hi),
                    (self.marks, other.marks),
                    (_or_empty(self.smooth), _or_empty(other.smooth)),
                )
            )
        )

    @property
    def is_smooth(self) -> bool:
        """Whether the line is the smoothed one."""
        return self.smooth is not None and not self.sparse


def _or_empty(values: np.ndarray | None) -> np.ndarray:
    return np.empty(0) if values is None else values


@dataclass(frozen=True)
class ChartStyle:
    """How curves are drawn.

    ``marks`` is what lines are made of: braille, block or ascii. ``window`` holds the ends of the x axis (None:
    those of the curves). With ``clip``, the y axis leaves out the few values
    that would flatten the line. ``guides`` is one of
    ``chart_layouts.GUIDES``. ``alarms``: where on the x axis alarms began, and their severities.
    """

    log_y: bool = False
    marks: str = "braille"
    axis: str = "step"
    clip: bool = False
    window: tuple[float, float] | None = None
    guides: str = "none"
    alarms: tuple[tuple[float, str], ...] = ()


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
