"""Scores with few values as bars, and what of them is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from textual.app import App

from gentui.tui.curves import ChartStyle, Curve
from gentui.tui.themes import DARK, curve_colours
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.score_bars import MOST, bars_of, drawn
from tests.support.textual_private import screen_strips


def scores(*values: float, lower: bool = True, floor: float | None = 0.5, slot: int | None = None) -> Curve:
    steps, of = np.arange(1.0, len(values) + 1) * 100, np.array(values, float)
    return Curve(
        "fid",
        steps,
        of,
        of,
        np.empty(0),
        len(of),
        of,
        sparse=True,
        lower_is_better=lower,
        floor=floor,
        slot=slot,
    )


class Boxed(App):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return curve_colours("theme", DARK)

    def compose(self):
        yield Chart()


def lines_of(app: App) -> list[str]:
    return ["".join(s.text for s in strip).rstrip() for strip in screen_strips(app)]


def test_each_step_has_a_bar_and_so_have_real_images():
    bars = bars_of([scores(10.4, 2.66)], ChartStyle())
    assert [(bar.label, bar.value, bar.is_best) for bar in bars] == [
        ("step 100", 10.4, False), ("step 200", 2.66, True), ("real images", 0.5, False),
    ]  # fmt: skip
    assert [bar.is_best for bar in bars_of([scores(0.5, 0.9, lower=False)], ChartStyle())] == [
        False,
        True,
        False,
    ]
    assert not bars_of([scores(*range(MOST + 1))], ChartStyle()), "so many are a curve"
    assert not bars_of([replace(scores(1.0), lower_is_better=None)], ChartStyle()), "no score"
    assert len(bars_of([scores(1.0, np.nan, floor=None)], ChartStyle())) == 1
    assert not bars_of([scores(floor=0.5)], ChartStyle()), "real images alone say nothing"


def test_of_runs_laid_over_one_another_each_has_its_best():
    bars = bars_of([scores(9.0, 4.0, 5.0, slot=0), scores(3.0, slot=3)], ChartStyle())
    assert [(bar.label, bar.value, bar.slot) for bar in bars[:2]] == [
        ("● step 200", 4.0, 0),
        ("◆ step 100", 3.0, 3),
    ]
    assert bars[1].is_best


@pytest.mark.parametrize("is_ascii", [False, True])
def test_bars_are_as_long_as_their_values(is_ascii):
    assert len(drawn(1.0, 20, is_ascii)) == 20 and len(drawn(0.0, 20, is_ascii)) == 1
    assert len(drawn(0.5, 20, is_ascii)) == 10
    assert drawn(0.3, 9, is_ascii).isascii() == is_ascii


@pytest.mark.parametrize("marks", ["braille", "ascii"])
@pytest.mark.parametrize("size", [(40, 9), (100, 16)])
async def test_one_value_is_a_bar_and_no_sentence(marks, size):
    app = Boxed()
    async with app.run_test(size=size) as pilot:
        box = app.query_one(Chart)
        box.show((scores(2.659),), ChartStyle(False, marks), "Starting.")
        await pilot.pause()
        shown = lines_of(app)
        assert shown[0].strip() == "fid 2.659  lower is better"
        one, real = (next(line for line in shown if word in line) for word in ("step 100", "real images"))
        full = "#" if marks == "ascii" else "█"
        assert one.count(full) > 3 * real.count(full) and one.endswith("2.659") and real.endswith("0.5")
        assert box.bars and not box.plot
        box.show((replace(scores(*range(1, 30)), key="fid"),), ChartStyle(False, marks), "Starting.")
        await pilot.pause()
        assert box.plot and not box.bars


async def test_of_more_bars_than_lines_the_newest_are_seen():
    app = Boxed()
    async with app.run_test(size=(60, 7)) as pilot:
        app.query_one(Chart).show((scores(*range(9, 0, -1)),), ChartStyle(), "")
        await pilot.pause()
        text = "\n".join(lines_of(app))
        assert "real images" in text and "step 900" in text and "step 100" not in text
