"""Curves: smoothing, gaps, marks, logarithms, and nothing drawn twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from textual.app import App
from textual.color import Color
from textual.geometry import Region
from textual_hires_canvas import Canvas, HiResMode

from gentui.metrics.smoothing import Smoothing
from gentui.text import numbers
from gentui.tui import formatting
from gentui.tui.curves import COLOURS, MARKERS, ChartStyle, Curve, value_at
from gentui.tui.overlay import DISTINCT
from gentui.tui.textual_private.plot import cells_of, without_refresh
from gentui.tui.themes import DARK, curve_colours
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_axes import LogFormatter, PlainFormatter, TimeFormatter, even_scale
from gentui.tui.widgets.chart_drawing import DOTS, GLYPHS, Stroke, changed_regions, rasterise
from gentui.tui.widgets.chart_grid import ChartBox, placeholder_for
from tests.support.textual_private import screen_strips


class Coloured(App):
    """An app with the colours of the curves."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return curve_colours("theme", DARK)


def curve(lo, hi=None, marks=(), key="loss") -> Curve:
    lo = np.array(lo, float)
    hi = lo if hi is None else np.array(hi, float)
    return Curve(key, np.arange(1.0, len(lo) + 1), lo, hi, np.array(marks, float), len(lo))


class OneChart(Coloured):
    def compose(self):
        yield Chart()


def drawn(app: App) -> str:
    return "\n".join("".join(s.text for s in strip) for strip in screen_strips(app))


def dots(x, y, width=4, height=3, marks="ascii") -> list[str]:
    cells = rasterise(np.array(x, float), np.array(y, float), width, height, DOTS[marks])
    return ["".join("#" if cell else "." for cell in row) for row in cells]


def test_a_line_breaks_where_values_are_missing_and_a_lone_point_is_a_dot():
    assert dots([0, 1, 2, 3], [0, 0, np.nan, 2]) == ["##..", "....", "...#"]
    assert dots([0, 3], [0, 2])[0][0] == "#" and dots([0, 3], [0, 2])[2][3] == "#"
    assert dots([], []) == ["...."] * 3


def test_what_lies_outside_is_cut_off_and_slopes_stay_true():
    assert dots([-100, 100], [1, 1]) == ["....", "####", "...."]
    assert dots([1.5, 1.5], [-1e300, 1e300]) == [".#.."] * 3
    assert dots([-4, 8], [-4, 8], 4, 4) == ["#...", ".#..", "..#.", "...#"]
    assert dots([9, 12], [0, 1]) == ["...."] * 3


@pytest.mark.parametrize(("marks", "mode"), [("braille", HiResMode.BRAILLE), ("block", HiResMode.QUADRANT)])
def test_dots_are_the_ones_of_the_library(marks, mode):
    """Horizontal, vertical and diagonal lines, whose dots leave no choice."""
    for (x0, y0), (x1, y1) in (
        ((0, 1), (5, 1)),
        ((2, 0), (2, 2.75)),
        ((0, 0), (1.5, 0.75 if marks == "braille" else 1.5)),
    ):
        ours = rasterise(np.array([x0, x1], float), np.array([y0, y1], float), 6, 4, DOTS[marks])
        canvas = Canvas(6, 4)
        with without_refresh([canvas]):  # it is on no screen
            canvas.draw_hires_lines([(x0, y0, x1, y1)], mode)
        theirs = [[char != " " for char in row] for row in cells_of(canvas)[0]]
        assert (ours > 0).tolist() == theirs
        chars = [[GLYPHS[marks](int(bits)) if bits else " " for bits in row] for row in ours]
        assert chars == cells_of(canvas)[0]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [0.0, 0.0],
        [np.nan, np.nan],
        [-1.0, 2.0],
        [1e-320, 1e300],
        [1.0, np.nan, 3.0],
        [-1e308, 1e308],
    ],
    ids=str,
)
@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("marks", ["braille", "block", "ascii"])
async def test_every_curve_can_be_drawn(values, log_y, marks):
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        for axis in ("step", "time"):
            chart.show([curve(values, marks=[1.0] if values else [])], ChartStyle(log_y, marks, axis))
            await pilot.pause()
        assert drawn(app).strip()
        if marks == "ascii":
            assert drawn(app).isascii()


async def test_the_same_curve_is_drawn_once():
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        assert chart.show([curve([3, 2, np.nan, 1])], ChartStyle())
        assert not chart.show([curve([3, 2, np.nan, 1])], ChartStyle())
        assert chart.show([curve([3, 2, np.nan, 1])], ChartStyle(log_y=True))
        assert chart.show([curve([3, 2, 1, 1])], ChartStyle(log_y=True))


async def test_a_value_that_is_not_finite_gets_a_mark():
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        app.query_one(Chart).show([curve([3, 2, np.nan, 1], marks=[3.0])], ChartStyle())
        await pilot.pause()
        assert drawn(app).count("│") > 5


def test_labels_stay_short_and_true():
    assert LogFormatter().get_labels_for_ticks([-2, 0, 1]) == ["0.01", "1", "10"]
    ticks = LogFormatter().get_ticks(-3.2, 0.1)
    assert {-3.0, -2.0, -1.0, 0.0} <= set(ticks)
    assert len(LogFormatter().get_ticks(0.30, 0.3001)) >= 1
    assert PlainFormatter().get_labels_for_ticks([0, 50_000, 100_000]) == ["0", "50k", "100k"]
    assert TimeFormatter().get_labels_for_ticks([0, 60, 3600]) == ["0s", "1m", "1h"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0412345, "0.04123"), (1e-5, "1e-5"), (2.5e-5, "2.5e-5"), (161.0, "161"), (123456.0, "123456"),
     (1e9, "1e9"), (float("nan"), "NaN"), (float("-inf"), "−∞"), (None, "–"), (0.0, "0")],
)  # fmt: skip
def test_numbers_read_well(value, text):
    assert numbers.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.6, "1m 00s"), (200, "3m 20s"), (18120, "5h 02m"), (273600, "3d 04h"), (None, "–")],
)
def test_durations_read_well(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize("width", [1, 8, 30])
@pytest.mark.parametrize("fraction", [-1, 0, 0.01, 0.5, 0.999, 1, 7, None])
def test_a_bar_is_as_wide_as_asked(width, fraction):
    assert len(formatting.bar(fraction, width)) == width


async def test_a_screen_left_while_its_chart_mounts_is_no_crash():
    class Torn(Chart):
        def compose(self):
            return []  # as when the children are pruned before the chart hears that it is mounted

    class App1(Coloured):
        def compose(self):
            yield Torn()

    async with App1().run_test() as pilot:
        await pilot.pause()


PAIR = (curve(np.linspace(3, 1, 40), key="loss"), curve(np.linspace(4, 2, 40), key="val_loss"))


@pytest.mark.parametrize("marks", ["braille", "block", "ascii"])
async def test_curves_of_one_chart_are_told_apart_without_colour(marks):
    class Boxed(Coloured):
        def compose(self):
            yield ChartBox()

    app = Boxed()
    async with app.run_test(size=(80, 16)) as pilot:
        app.query_one(ChartBox).show(PAIR, ChartStyle(False, marks), "")
        await pilot.pause()
        title, *plot = drawn(app).splitlines()
        for marker, one in zip(MARKERS[marks == "ascii"], PAIR, strict=False):
            assert f"{marker} {one.key}" in title, "the legend"
            assert sum(line.count(marker) for line in plot) >= 3, "and along the line"
        assert "1 … 4" in title


async def test_the_axis_holds_every_curve_of_the_chart():
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        chart.show(PAIR, ChartStyle())
        await pilot.pause()
        assert chart.y_limits[0] < 1 and chart.y_limits[1] > 4
        assert chart.show(PAIR[:1], ChartStyle()) and not chart.show(PAIR[:1], ChartStyle())


@pytest.mark.parametrize(
    ("curves", "says"),
    [
        ([], "Starting."),
        ([curve([])], "Starting."),
        ([curve([0.5])], "One value so far: loss 0.5."),
        ([curve([0.5]), curve([], key="val_loss")], "One value so far: loss 0.5."),
        ([curve([np.nan, np.nan], marks=[1.0, 2.0])], "No finite value yet."),
        ([curve([0.5, 0.4]), curve([], key="val_loss")], ""),
    ],
)
async def test_where_no_line_can_be_drawn_a_sentence_stands(curves, says):
    assert placeholder_for(tuple(curves), "Starting.") == says

    class Boxed(Coloured):
        def compose(self):
            yield ChartBox()

    app = Boxed()
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one(ChartBox).show(tuple(curves), ChartStyle(), "Starting.")
        await pilot.pause()
        assert (says in drawn(app)) and app.query_one(Chart).display == (not says)


def test_only_the_stretches_that_differ_are_written_again():
    old = [list("abcd"), list("efgh"), list("ijkl")]
    new = [list("abcd"), list("eXgY"), list("ijkl")]
    plain = [[""] * 4 for _ in range(3)]
    assert changed_regions(old, plain, new, plain) == [Region(1, 1, 3, 1)]
    assert changed_regions(old, plain, old, [[""] * 4, [""] * 4, ["red", "", "", ""]]) == [Region(0, 2, 1, 1)]
    assert changed_regions(old, plain, old, plain) == []
    assert changed_regions([], [], old, plain) == [Region(0, 0, 4, 3)]


async def test_a_new_point_redraws_the_end_of_the_curve_alone():
    app = OneChart()
    values = np.linspace(3, 1, 200)
    async with app.run_test(size=(80, 20)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        look = ChartStyle(window=(1.0, 220.0))
        chart.show([curve(values)], look)
        await pilot.pause()
        canvas = chart._canvas()
        asked: list[tuple[Region, ...]] = []
        canvas.refresh = lambda *regions, **_: asked.append(regions)
        assert chart.show([curve([*values, *[1.0] * 8])], look)
        cells = sum(region.area for regions in asked for region in regions)
        assert asked and 0 < cells < 20


async def test_the_cursor_gives_back_what_it_covered():
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show([curve(np.linspace(3, 1, 300))], ChartStyle())
        await pilot.pause()
        before = drawn(app)
        chart.point_at(150.0)
        await pilot.pause()
        assert drawn(app).count("┊") > 8
        chart.point_at(20.0)
        chart.point_at(None)
        await pilot.pause()
        assert drawn(app) == before


def test_values_are_those_of_the_nearest_column_or_of_the_last_score():
    one = curve([1, 2, np.nan, 4])
    assert value_at(one, 2.2) == 2 and value_at(one, 4.9) == 4
    assert np.isnan(value_at(one, 3.0)) and np.isnan(value_at(one, 9)) and np.isnan(value_at(curve([]), 1))
    scores = replace(one, sparse=True)
    assert value_at(scores, 3.5) == 2 and value_at(scores, 99) == 4 and np.isnan(value_at(scores, 0.5))


async def test_the_y_axis_may_leave_outliers_out():
    values = np.where(np.arange(100) == 50, 1e6, 1.0 + np.arange(100) % 3)
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show([curve(values)], ChartStyle())
        assert chart.y_limits[1] > 1e6
        chart.show([curve(values)], ChartStyle(clip=True))
        assert chart.y_limits[1] < 10
        chart.show([curve([5.0, 1e6])], ChartStyle(clip=True))
        assert chart.y_limits[1] > 1e6, "of a few values none is an outlier"


async def test_as_many_curves_as_there_are_colours_are_told_apart():
    class Boxed(Coloured):
        def compose(self):
            yield ChartBox()

    assert len(set(MARKERS[False])) == len(set(MARKERS[True])) == DISTINCT == len(set(COLOURS))
    runs = tuple(
        replace(curve(np.linspace(3, 1, 40) + slot), slot=slot, is_baseline=slot == 3) for slot in range(8)
    )
    app = Boxed()
    async with app.run_test(size=(120, 30)) as pilot:
        box = app.query_one(ChartBox)
        box.show(runs, ChartStyle(), "")
        await pilot.pause()
        title = drawn(app).splitlines()[0]
        assert all(marker in title for marker in MARKERS[False]) and title.count("loss") == 1
        box.point_at(1.0)
        await pilot.pause()
        assert "◆ 6 ○ 7 (+1)" in drawn(app) and "at step 1" in drawn(app)


async def test_the_title_gives_the_last_value_as_logged_and_the_smoothed_one_beside_it():
    class Boxed(Coloured):
        def compose(self):
            yield ChartBox()

    values = np.linspace(3, 1, 40)
    one = replace(
        curve(values), last=1.0, smoothing=Smoothing(0.97, "window"), smooth=values + 0.5, last_smooth=1.5
    )
    app = Boxed()
    async with app.run_test(size=(100, 16)) as pilot:
        box = app.query_one(ChartBox)
        box.show((one,), ChartStyle(), "")
        await pilot.pause()
        assert "loss 1  smoothed 1.5  mean of 66 steps  1 … 3" in drawn(app)
        box.show((replace(one, is_each_step=False),), ChartStyle(), "")
        await pilot.pause()
        assert "mean of 66 values" in drawn(app)
        box.show((one, replace(one, key="val", smoothing=Smoothing(0.6))), ChartStyle(), "")
        await pilot.pause()
        assert "● loss 1 ~1.5   ▲ val 1 ~1.5" in drawn(app)
        box.show((replace(one, sparse=True),), ChartStyle(), "")
        await pilot.pause()
        assert "smoothed" not in drawn(app) and "mean of" not in drawn(app)


@pytest.mark.parametrize("rows", [4, 5, 8, 13, 20, 47])
@pytest.mark.parametrize(
    "ends", [(0.38, 1.02), (-1e-5, 3e-5), (0, 100), (12345.0, 12399.0), (-3e8, 1e9), (0.5, 0.5001)]
)
def test_ticks_stand_on_rows_equally_far_apart(ends, rows):
    bottom, top, interval = even_scale(*ends, rows)
    assert bottom <= ends[0] and ends[1] <= top and top - bottom < 4 * (ends[1] - ends[0])
    at = [
        (tick - bottom) / (top - bottom) * rows for tick in PlainFormatter(8, interval).get_ticks(bottom, top)
    ]
    assert 1 <= len(at) <= 7 and all(place % 1 == pytest.approx(0.5, abs=0.01) for place in at), at
    assert len({round(b - a) for a, b in pairwise(at)}) <= 1
    assert even_scale(1.0, 1.0, rows) is None and even_scale(*ends, 3) is None


async def test_labels_and_corners_are_whole_and_the_frame_says_what_x_is():
    app = OneChart()
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(Chart)
        for size in ((60, 16), (60, 11)):
            await pilot.resize_terminal(*size)
            chart.show([curve(np.linspace(0.38, 1.02, 200))], ChartStyle(window=(0.0, 200.0)))
            await pilot.pause()
            lines = drawn(app).splitlines()
            labelled = [place for place, line in enumerate(lines) if line[:8].strip() and "┏" not in line]
            rows = [place for place in labelled if "┫" in lines[place]]
            assert len(rows) > 2 and len({b - a for a, b in pairwise(rows)}) == 1, lines
            top, bottom = (next(line.strip() for line in lines if corner in line) for corner in "┏┗")
            assert top.endswith("┓") and bottom.endswith(" step ┛")


@pytest.mark.parametrize("marks", ["braille", "ascii"])
async def test_alarms_are_marked_where_they_began(marks):
    app = OneChart()
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        style = ChartStyle(
            marks=marks, window=(0.0, 200.0), alarms=((2.0, "error"), (100.0, "warning"), (900.0, "error"))
        )
        chart.show([curve(np.linspace(0.38, 1.02, 200))], style)
        await pilot.pause()
        lower = next(line for line in drawn(app).splitlines() if " step " in line)
        sign = "^" if marks == "ascii" else "▲"
        assert lower.count(sign) == 2 and lower.index(sign) < 12 and 28 < lower.rindex(sign) < 36


async def test_raw_values_have_the_dimmed_colour_of_their_curve():
    values = np.linspace(3, 1, 40)
    noisy = [
        replace(curve(values - 0.2, values + 0.2), smoothing=Smoothing(0.6), smooth=values, slot=slot)
        for slot in (0, 3)
    ]
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show(noisy, ChartStyle())
        bands = [str(one.line_style) for one in chart.datasets if isinstance(one, Stroke) and one.letter == "."]
        lines = [str(one.line_style) for one in chart.datasets if isinstance(one, Stroke) and one.letter != "."]
        assert len({*bands, *lines}) == 4
        for band, line in zip(bands, reversed(lines), strict=True):  # the first run is drawn last
            near, far = (sum(abs(a - b) for a, b in zip(Color.parse(band).rgb, Color.parse(other).rgb, strict=True))
                         for other in (line, next(one for one in lines if one != line)))  # fmt: skip
            assert near < far, "nearer to its own line than to the other"
        chart.show(noisy[:1], ChartStyle())
        (band,) = [
            str(one.line_style) for one in chart.datasets if isinstance(one, Stroke) and one.letter == "."
        ]
        assert band not in bands


async def test_percentages_are_drawn_from_0_to_100():
    app = OneChart()
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(Chart)
        chart.show([curve([99.6, 99.7, 99.65], key="memory %")], ChartStyle())
        await pilot.pause()
        assert chart.y_limits[0] <= 0 and 100 <= chart.y_limits[1] < 115
        assert {"0", "50", "100"} <= set(drawn(app).split())
        chart.show([curve([150.0, 340.0], key="system/process_cpu_percent")], ChartStyle())
        await pilot.pause()
        assert chart.y_limits[0] <= 0 and chart.y_limits[1] >= 340
        chart.show([curve([0.3, 0.4], key="loss")], ChartStyle())
        await pilot.pause()
        assert chart.y_limits[0] > 0.2


@pytest.mark.parametrize("first", [[636.0], [636.0, 350.0, 120.0, 20.0]])
async def test_a_spike_at_the_beginning_does_not_flatten_a_clipped_loss(first):
    values = np.concatenate((first, 0.4 + 0.6 * np.exp(-np.arange(120) / 30)))
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show([curve(values)], ChartStyle(clip=True))
        assert 0.9 < chart.y_limits[1] < 2 and chart.y_limits[0] <= 0.4
        chart.show([curve(0.4 + 0.6 * np.exp(-np.arange(120) / 30))], ChartStyle(clip=True))
        assert chart.y_limits[1] >= 1, "what falls is no outlier"
