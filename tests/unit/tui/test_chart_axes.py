"""Ticks of charts: round, in order, whole, none over another, at every size and for every range of values."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gentui.tui.curves import ChartStyle, Curve
from gentui.tui.widgets.chart_axes import Scale, horizontal, value_range, vertical
from gentui.tui.widgets.chart_drawing import Picture, plotted
from gentui.tui.widgets.chart_labels import durations, exactly, labels_of
from gentui.tui.widgets.chart_plot import draw

FINITE = st.floats(-1e300, 1e300, allow_subnormal=False)
SIZES = st.integers(20, 200)
UNITS = {"k": 3, "M": 6, "G": 9, "T": 12}


@st.composite
def ranges(pick) -> tuple[float, float]:
    """Any two values, small differences at large offsets, tiny and huge magnitudes, around zero, and constants."""
    kind = pick(st.sampled_from(("any", "near", "scaled", "constant")))
    if kind == "any":
        low, high = sorted((pick(FINITE), pick(FINITE)))
        return low, high
    magnitude = 10.0 ** pick(st.integers(-300, 299))
    base = pick(st.floats(-9.9, 9.9, allow_subnormal=False)) * magnitude
    if kind == "constant":
        return base, base
    part = 10.0 ** pick(st.integers(-15, 0)) if kind == "near" else 1.0
    return base, base + pick(st.floats(0.01, 9.9, allow_subnormal=False)) * part * magnitude


def number_of(label: str) -> Decimal:
    """What a label says."""
    match = re.fullmatch(r"(-?\+?[\d.]+)(?:e(-?\d+))?([kMGT]?)", label)
    assert match, label
    return Decimal(match[1]) * Decimal(10) ** (int(match[2] or 0) + UNITS.get(match[3], 0))


def values_of(scale: Scale) -> list[Decimal]:
    offset = number_of(scale.offset) if scale.offset else Decimal(0)
    return [number_of(label) + offset for _, label in scale.ticks]


def check_order(scale: Scale) -> None:
    cells, labels = [cell for cell, _ in scale.ticks], [label for _, label in scale.ticks]
    assert all(0 <= cell < scale.cells for cell in cells)
    assert cells == sorted(set(cells)) and len(set(labels)) == len(labels), labels


@settings(max_examples=300, deadline=None)
@given(ranges(), st.integers(2, 60), st.integers(5, 12))
@example((12_900_000_000.0, 12_900_400_000.0), 12, 9)
@example((1_500_000_000.0, 1_500_000_050.0), 12, 9)
@example((9_000.0, 10_000.0), 12, 9)
@example((-1e300, 1e300), 12, 9)
def test_ticks_of_the_y_axis_are_round_even_and_true(ends, rows, room):
    low, high = ends
    scale = vertical(low, high, rows, room)
    check_order(scale)
    assert scale.cells == rows
    apart = {b - a for (a, _), (b, _) in pairwise(scale.ticks)}
    assert len(apart) <= 1, "equally far apart"
    for (cell, _), value in zip(scale.ticks, values_of(scale), strict=True):
        place = float(scale.cells_of(np.array([float(value)]))[0])
        # a row may be narrower than the gap between two floats
        slack = 8 * math.ulp(max(abs(low), abs(high))) / scale.span * rows
        assert cell - slack - 1e-6 <= place <= cell + 1 + slack + 1e-6
    if high - low > 1e-12 * max(abs(low), abs(high)):
        inside = scale.cells_of(np.array([low, high]))
        assert inside[0] >= -1e-6 and inside[1] <= rows + 1e-6, "all of the range is in the chart"
        assert rows < 5 or len(scale.ticks) >= 2
        assert rows < 8 or inside[1] - inside[0] > 0.4 * rows, "and fills it"


@settings(max_examples=300, deadline=None)
@given(ranges(), SIZES, st.integers(0, 12), st.sampled_from(("number", "whole", "time")))
@example((0.0, 300.0), 50, 6, "whole")
@example((0.0190625, 0.019140624999999998), 40, 0, "number")
@example((1_500_000_000.0, 1_500_000_060.0), 20, 6, "whole")
@example((3600.0, 3650.0), 60, 6, "time")
@example((1.0, 1.0), 60, 6, "whole")
@example((-0.23476487144387903, -0.23476487074387903), 60, 0, "number")
def test_labels_of_the_x_axis_have_room_and_say_where_they_stand(ends, width, left, kind):
    low, high = ends
    columns = width - left
    scale = horizontal(low, high, columns, left, kind)
    check_order(scale)
    assert len(scale.starts) == len(scale.ticks)
    spans = [(start, start + len(label)) for start, (_, label) in zip(scale.starts, scale.ticks, strict=True)]
    assert all(start >= 0 and end <= width for start, end in spans)
    assert all(after - end >= 2 for (_, end), (after, _) in pairwise(spans)), "blanks between labels"
    for (start, end), (cell, _) in zip(spans, scale.ticks, strict=True):
        assert start - 1 <= left + cell <= end, "below its tick"
    if kind == "time" and max(abs(low), abs(high)) < 1e11:
        return
    for (cell, _), value in zip(scale.ticks, values_of(scale), strict=True):
        slack = 8 * math.ulp(max(abs(low), abs(high))) / scale.span * columns + 1e-6
        place = float(scale.cells_of(np.array([float(value)]))[0])
        assert cell - slack <= place <= cell + 1 + slack
        assert kind != "whole" or value == value.to_integral_value()
    if kind == "number" and columns >= 60 and high - low > 1e-12 * max(abs(low), abs(high)):
        assert len(scale.ticks) >= 2


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-300, 300, allow_subnormal=False), st.floats(0, 600, allow_subnormal=False), st.integers(2, 60)
)
@example(-0.39, 0.39, 10)
@example(0.0, 0.0, 10)
@example(-0.001, 0.0005, 12)
def test_ticks_of_a_logarithmic_axis_stand_at_their_values(low, span, rows):
    high = min(300.0, low + span)
    scale = vertical(low, high, rows, 9, True)
    check_order(scale)
    for (cell, _), value in zip(scale.ticks, values_of(scale), strict=True):
        if high > low:
            place = float(scale.cells_of(np.array([float(value.log10())]))[0])
            slack = 8 * math.ulp(max(abs(low), abs(high), 1.0)) / scale.span * rows + 1e-6
            assert cell - slack <= place <= cell + 1 + slack
    if high - low >= 2 and rows >= 10:
        assert len({b - a for (a, _), (b, _) in pairwise(scale.ticks)}) == 1, "decades are equally far apart"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(FINITE, st.sampled_from((math.nan, math.inf, -math.inf, 0.0))), max_size=30),
    SIZES, st.integers(5, 60), st.booleans(), st.sampled_from(("braille", "block", "ascii")),
)  # fmt: skip
def test_whatever_the_values_the_chart_is_drawn_and_nothing_lies_over_a_label(
    values, width, height, is_log, marks
):
    of = np.array(values, float)
    finite = np.where(np.isfinite(of), of, np.nan)
    curve = Curve(
        "loss", np.arange(len(of), dtype=float), finite, finite, np.flatnonzero(~np.isfinite(of)), len(of)
    )
    picture = Picture(width, height)
    plot = draw([curve], ChartStyle(log_y=is_log, marks=marks), picture, 1)
    text = ["".join(part for part, _ in picture.row(row)) for row in range(height)]
    assert all(len(line) == width for line in text)
    if height > 5:
        labels = [label for _, label in plot.x.ticks]
        assert text[-1].split() == " ".join(labels).split()
    for cell, label in plot.y.ticks:
        line = text[1 + plot.rows - 1 - cell]
        assert line[: plot.left - 1].strip() == label


@pytest.mark.parametrize(
    ("ticks", "power", "texts"),
    [
        ((9000, 9500, 10_000), 0, ("9000", "9500", "10000")), ((9, 10), 3, ("9k", "10k")),
        ((0, 5, 10), 4, ("0", "50k", "100k")), ((15, 20), 5, ("1.5M", "2.0M")), ((0, 5, 10), -1, ("0.0", "0.5", "1.0")),
        ((1, 2), -5, ("1e-5", "2e-5")), ((15, 20), -6, ("1.5e-5", "2.0e-5")), ((-1, 0, 1), 0, ("-1", "0", "1")),
        ((0, 20, 40), 0, ("0", "20", "40")), ((1, 2), 300, ("1e300", "2e300")),
    ],
)  # fmt: skip
def test_labels_are_short(ticks, power, texts):
    assert labels_of(ticks, power).texts == texts


def test_what_large_values_have_in_common_is_the_offset():
    found = labels_of((150_000_000, 150_000_002, 150_000_004), 1, room=7)
    assert (found.texts, found.offset) == (("+0", "+20", "+40"), "1500000000")
    assert labels_of((12_900, 12_905), 6, room=9).texts == ("12900M", "12905M")


def test_a_constant_has_its_own_value_for_a_label():
    scale = vertical(1_500_000_050.0, 1_500_000_050.0, 11, 5)
    assert scale.ticks == ((5, "1500000050"),)
    assert vertical(0.002, 0.002, 10, 9).ticks[0][1] == "0.002" and vertical(0.0, 0.0, 10, 9).ticks[0][1] == "0"
    assert (
        exactly(1 / 3, 9) == "0.3333333"
        and exactly(2e-300, 9) == "2e-300"
        and exactly(-123456.5, 9) == "-123456.5"
    )


@pytest.mark.parametrize("smoothed", [1.0, 1 + 1e-15, 1 - 1e-14, 1 + 3e-13])
@pytest.mark.parametrize("value", [0.002, 1.0, -7.3e5, 1e-30])
def test_a_constant_stays_on_one_row_of_dots_however_it_is_smoothed(value, smoothed):
    of = np.full(100, value)
    smooth = np.where(np.arange(100) % 2, value, value * smoothed)
    curve = Curve("lr", np.arange(100.0), of, of, np.empty(0), 100, of, smooth=smooth)
    picture = Picture(60, 12)
    plot = draw([curve], ChartStyle(), picture, 0)
    rows = [row for row in range(plot.rows) if (picture.chars[row, plot.left :] > 0x2800).any()]
    assert len(rows) == 1 and len(set(picture.chars[rows[0], plot.left :].tolist())) == 1


def test_times_have_the_units_that_tell_them_apart():
    assert durations([0, 600, 36_000], 600).texts == ("0s", "1m", "1h")
    assert durations([36_000, 36_100], 100).texts == ("1h", "1h 10s")
    assert durations([12, 14], 2).texts == ("1.2s", "1.4s")
    labels = [label for _, label in horizontal(0.0, 7200.0, 60, 6, "time").ticks]
    assert labels[0] == "0s" and "1h" in labels and "2h" in labels


def plain(values) -> Curve:
    of = np.array(values, float)
    return Curve("loss", np.arange(1.0, len(of) + 1), of, of, np.empty(0), len(of))


FALLING = 0.4 + 0.6 * np.exp(-np.arange(120) / 30)


@pytest.mark.parametrize("first", [[636.0], [636.0, 350.0, 120.0, 20.0], [-900.0]])
def test_a_spike_of_the_first_steps_does_not_flatten_a_loss(first):
    curve = plotted(plain([*first, *FALLING]), ChartStyle())
    found = value_range([curve], 0, 1e9, clip=True)
    assert found.is_clipped and 0.39 < found.low < 0.42 and 0.99 < found.high < 1.01
    whole = value_range([curve], 0, 1e9, clip=False)
    assert not whole.is_clipped and max(abs(whole.low), whole.high) == abs(first[0])


@pytest.mark.parametrize(
    "values", [FALLING, 5 * np.exp(-np.arange(200) / 8), np.r_[np.zeros(60), np.ones(60)], [1.0, 2.0, 1e6],
               np.full(50, 3.0), np.r_[np.full(40, 1.0), np.full(40, 900.0)]]
)  # fmt: skip
def test_what_belongs_to_the_line_is_no_outlier(values):
    found = value_range([plotted(plain(values), ChartStyle())], 0, 1e9, clip=True)
    assert not found.is_clipped and (found.low, found.high) == (min(values), max(values))
