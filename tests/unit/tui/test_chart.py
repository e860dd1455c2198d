"""Curves: smoothing, gaps, marks, logarithms, and nothing drawn twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from textual.app import App
from textual.geometry import Region

from gentui.metrics.smoothing import Smoothing
from gentui.text import numbers
from gentui.tui import formatting
from gentui.tui.curves import COLOURS, MARKERS, ChartStyle, Curve, value_at
from gentui.tui.overlay import DISTINCT
from gentui.tui.textual_private import patches
from gentui.tui.themes import DARK, curve_colours
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_drawing import DOTS, Picture, glyphs_of, rasterise
from gentui.tui.widgets.chart_text import placeholder_for
from gentui.tui.widgets.chart_tones import BAND, COVERING, DIMMED, LINE, MUTED, TEXT
from tests.support.textual_private import screen_strips, written_spans


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


def limits(chart: Chart) -> tuple[float, float]:
    """The ends of the y axis."""
    assert chart.plot is not None
    return chart.plot.y.limits


def tones(chart: Chart) -> set[int]:
    """The tones of what is drawn between the axes."""
    assert chart.plot is not None
    plot, picture = chart.plot, chart.picture()
    rows = slice(plot.top, plot.top + plot.rows)
    is_drawn = picture.chars[rows, plot.left :] != ord(" ")
    return {int(tone) for tone in picture.tones[rows, plot.left :][is_drawn]}


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


@pytest.mark.parametrize(
    ("marks", "rows"),
    [("braille", ["⠉⠉⢹", "  ⢸"]), ("block", ["▀▀▜", "  ▐"]), ("ascii", ["ooo", "  o"])],
)
def test_lines_are_made_of_the_dots_of_their_cells(marks, rows):
    x, y = np.array([0, 2.99, 2.99]), np.array([0, 0, 1.99])
    cells = rasterise(x, y, 3, 2, DOTS[marks])
    chars = [[chr(glyph) if bits else " " for bits, glyph in zip(row, glyphs_of(row, marks, "o"), strict=True)]
             for row in cells]  # fmt: skip
    assert ["".join(row) for row in chars] == rows


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


PAIR = (curve(np.linspace(3, 1, 40), key="loss"), curve(np.linspace(4, 2, 40), key="val_loss"))


@pytest.mark.parametrize("marks", ["braille", "block", "ascii"])
async def test_curves_of_one_chart_are_told_apart_without_colour(marks):
    app = OneChart()
    async with app.run_test(size=(80, 16)) as pilot:
        app.query_one(Chart).show(PAIR, ChartStyle(False, marks), "")
        await pilot.pause()
        title, *plot = drawn(app).splitlines()
        for marker, one in zip(MARKERS[marks == "ascii"], PAIR, strict=False):
            assert f"{marker} {one.key}" in title, "the legend"
            assert sum(line.count(marker) for line in plot) >= 3, "and along the line"
        assert ("1 .. 4" if marks == "ascii" else "1 … 4") in title


async def test_the_axis_holds_every_curve_of_the_chart():
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        chart.show(PAIR, ChartStyle())
        await pilot.pause()
        assert limits(chart)[0] <= 1 and limits(chart)[1] >= 4
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

    app = OneChart()
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one(Chart).show(tuple(curves), ChartStyle(), "Starting.")
        await pilot.pause()
        assert (says in drawn(app)) and bool(app.query_one(Chart).plot) == (not says)


def test_only_the_stretches_that_differ_are_written_again():
    old, new = Picture(40, 3), Picture(40, 3)
    for picture in (old, new):
        picture.write(0, 0, "abcd" * 10, TEXT)
        picture.write(1, 0, "efgh" * 10, TEXT)
    assert new.changed(old) == []
    new.write(1, 1, "X", TEXT)
    new.write(1, 3, "Y", TEXT)
    assert new.changed(old) == [Region(1, 1, 3, 1)]
    new.write(1, 39, "Z", TEXT)
    assert new.changed(old) == [Region(1, 1, 3, 1), Region(39, 1, 1, 1)], "what is far apart is written apart"
    new.write(2, 5, " ", MUTED)
    assert new.changed(old)[-1] == Region(5, 2, 1, 1)


def test_a_text_takes_the_cells_it_is_wide():
    picture = Picture(8, 1)
    assert picture.write(0, 1, "a日e\u0301", TEXT) == 5
    assert picture.row(0) == [(" a日é   ", TEXT)]
    before = picture.copy()
    picture.write(0, 2, "本", TEXT)
    assert picture.changed(before) == [Region(2, 0, 2, 1)], "both halves"
    assert picture.write(0, 6, "long", MUTED) == 10 and picture.write(0, -2, "xyz", MUTED) == 1
    assert picture.row(0)[0] == ("z", MUTED)
    assert picture.write(5, 0, "outside", MUTED) == 7


def test_blanks_have_the_tone_before_them():
    picture = Picture(9, 1)
    picture.write(0, 1, "ab", MUTED)
    picture.write(0, 5, "c", MUTED)
    picture.write(0, 7, " ", TEXT | COVERING)
    assert picture.row(0) == [(" ", TEXT), ("ab  c ", MUTED), (" ", TEXT | COVERING), (" ", TEXT)]


async def test_a_new_point_redraws_the_end_of_the_curve_alone():
    app = OneChart()
    values = np.linspace(3, 1, 200)
    async with app.run_test(size=(80, 20)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        look = ChartStyle(window=(1.0, 220.0))
        chart.show([curve(values)], look)
        await pilot.pause()
        asked: list[tuple[Region, ...]] = []
        chart.refresh = lambda *regions, **_: asked.append(regions)
        assert chart.show([curve([*values, *[1.0] * 8])], look)
        cells = sum(region.area for regions in asked for region in regions)
        assert asked and 0 < cells < 40


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
        assert limits(chart)[1] > 1e6
        chart.show([curve(values)], ChartStyle(clip=True))
        assert limits(chart)[1] < 10
        chart.show([curve([5.0, 1e6])], ChartStyle(clip=True))
        assert limits(chart)[1] > 1e6, "of a few values none is an outlier"


async def test_as_many_curves_as_there_are_colours_are_told_apart():
    assert len(set(MARKERS[False])) == len(set(MARKERS[True])) == DISTINCT == len(set(COLOURS))
    runs = tuple(
        replace(curve(np.linspace(3, 1, 40) + slot), slot=slot, is_baseline=slot == 3) for slot in range(8)
    )
    app = OneChart()
    async with app.run_test(size=(120, 30)) as pilot:
        box = app.query_one(Chart)
        box.show(runs, ChartStyle(), "")
        await pilot.pause()
        title = drawn(app).splitlines()[0]
        assert all(marker in title for marker in MARKERS[False]) and title.count("loss") == 1
        box.point_at(1.0)
        await pilot.pause()
        assert "◆ 6 ○ 7 (+1)" in drawn(app) and "at step 1" in drawn(app)


async def test_the_title_gives_the_last_value_as_logged_and_the_smoothed_one_beside_it():
    values = np.linspace(3, 1, 40)
    one = replace(
        curve(values), last=1.0, smoothing=Smoothing(0.97, "window"), smooth=values + 0.5, last_smooth=1.5
    )
    app = OneChart()
    async with app.run_test(size=(100, 16)) as pilot:
        box = app.query_one(Chart)
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


async def test_labels_are_whole_ticks_evenly_spaced_and_the_frame_says_what_x_is():
    app = OneChart()
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(Chart)
        for size in ((60, 16), (60, 11)):
            await pilot.resize_terminal(*size)
            chart.show([curve(np.linspace(0.38, 1.02, 200))], ChartStyle(window=(0.0, 200.0)))
            await pilot.pause()
            title, *lines = drawn(app).splitlines()
            rows = [place for place, line in enumerate(lines) if "┤" in line]
            assert len(rows) > 2 and len({b - a for a, b in pairwise(rows)}) == 1, lines
            assert all(lines[row].split("┤")[0].strip() for row in rows)
            *_, bottom, labels = lines
            assert bottom.strip().startswith("└") and " step " in bottom
            assert labels.split()[0] == "0" and labels.split()[-1] == "200"
            assert "┏" not in drawn(app) and "┃" not in drawn(app), "light lines, on two sides"
            assert title.startswith(" loss ")


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
        replace(
            curve(values + slot - 0.6, values + slot + 0.6),
            smoothing=Smoothing(0.6),
            smooth=values + slot,
            slot=slot,
        )
        for slot in (0, 3)
    ]
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show(noisy, ChartStyle())
        assert {DIMMED, DIMMED + 3, LINE, LINE + 3} <= tones(chart)
        for slot, other in ((0, 3), (3, 0)):
            band = chart.palette.colour(DIMMED + slot)
            near, far = (
                sum(abs(a - b) for a, b in zip(band.rgb, chart.palette.colour(LINE + one).rgb, strict=True))
                for one in (slot, other)
            )
            assert near < far, "nearer to its own line than to the other"
        chart.show([replace(noisy[0], slot=None)], ChartStyle())
        assert tones(chart) == {DIMMED, LINE}, "also of a run alone"


async def test_without_colours_raw_values_are_dim(monkeypatch):
    values = np.linspace(3, 1, 40)
    noisy = replace(curve(values - 0.2, values + 0.2), smoothing=Smoothing(0.6), smooth=values)
    monkeypatch.setenv("NO_COLOR", "1")
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show([noisy], ChartStyle())
        assert tones(chart) == {BAND, LINE} and chart.palette[BAND].dim and not chart.palette[LINE].dim


async def test_percentages_are_drawn_from_0_to_100():
    app = OneChart()
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(Chart)
        chart.show([curve([99.6, 99.7, 99.65], key="memory %")], ChartStyle())
        await pilot.pause()
        assert limits(chart)[0] <= 0 and 100 <= limits(chart)[1] < 115
        assert {"0", "50", "100"} <= set(drawn(app).split())
        chart.show([curve([150.0, 340.0], key="system/process_cpu_percent")], ChartStyle())
        await pilot.pause()
        assert limits(chart)[0] <= 0 and limits(chart)[1] >= 340
        chart.show([curve([0.3, 0.4], key="loss")], ChartStyle())
        await pilot.pause()
        assert limits(chart)[0] > 0.2


@pytest.mark.parametrize("first", [[636.0], [636.0, 350.0, 120.0, 20.0]])
async def test_a_spike_at_the_beginning_does_not_flatten_a_clipped_loss(first):
    values = np.concatenate((first, 0.4 + 0.6 * np.exp(-np.arange(120) / 30)))
    app = OneChart()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        chart.show([curve(values)], ChartStyle(clip=True))
        assert 0.9 < limits(chart)[1] < 2 and limits(chart)[0] <= 0.4
        chart.show([curve(0.4 + 0.6 * np.exp(-np.arange(120) / 30))], ChartStyle(clip=True))
        assert limits(chart)[1] >= 1, "what falls is no outlier"


def test_of_a_line_that_has_changed_in_its_middle_only_that_is_written():
    patches.apply()
    assert written_spans(["abcdefgh", "ijklmnop"], [(0, 3, 5), (1, 0, 2)]) == "\x1b[1;4Hde\n\x1b[2;1Hij"
    assert written_spans(["abcdefgh"], [(0, 6, 12)]) == "\x1b[1;7Hgh", "no more than there is"
    assert written_spans(["abcdefgh"], [(0, 0, 8)]) == "\x1b[1;1Habcdefgh"
