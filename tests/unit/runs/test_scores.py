"""A score as text: its ±, what that is over, the score of real images, the mean over seeds, captions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gentui.index import Evaluation, LeaderboardRow
from gentui.runs import scores
from gentui.text.numbers import number, plain_number

SCORE = Evaluation("fid", 3.0349, "p", "p1", 20, True, 0.4611, 1.0, True)
REPORT = replace(SCORE, role="report", std=0.2213, over="3 noises", floor_std=0.0312)
ROW = LeaderboardRow(
    "digits", "p", "fid", 1, "r", "", "digits-unet", 12.3, 20, 0.5, 0, 500, None, "", True, seeds=3, mean=12.34,
    sd=0.45, sd_over="3 training seeds, each the mean over 3 noises, the same for all",
)  # fmt: skip


@pytest.mark.parametrize(
    ("score", "value", "over", "floor"),
    [
        (REPORT, "3.03 ± 0.22", "± over 3 noises", "0.461 ± 0.031"),
        (SCORE, "3.035", "", "0.4611"),
        (replace(SCORE, role="selection"), "3.035†", "", "0.4611"),
        (replace(SCORE, over="3 noises", floor=None), "3.035", "", ""),
        (replace(SCORE, std=0.2), "3.03 ± 0.20", "", "0.4611"),
        (replace(SCORE, value=math.nan), "NaN", "", "0.4611"),
    ],
)
def test_a_score_is_its_value_with_what_it_is_over(score, value, over, floor):
    assert scores.value_text(score, number) == value
    assert scores.spread_text(score) == over
    assert scores.floor_text(score, number) == floor


def test_captions_explain_only_what_is_there():
    assert scores.captions([]) == []
    assert scores.captions([replace(SCORE, floor=None)]) == []
    assert scores.captions([SCORE]) == [scores.REAL_IMAGES_CAPTION]
    marked, real = scores.captions([REPORT, replace(SCORE, role="selection")])
    assert marked.startswith(scores.MARK) and "gentui evaluate RUN" in marked
    assert real.startswith("real images: ") and "draws of as many" in real


def test_a_mean_over_seeds_says_what_its_deviation_contains():
    assert scores.over_seeds(ROW, plain_number) == "12.34 ± 0.45 (3 seeds)"
    assert scores.over_seeds_in_full(ROW, plain_number) == (
        "over seeds 12.34 ± 0.45: mean and sd over 3 training seeds, each the mean over 3 noises, the same for all"
    )
    alone = replace(ROW, seeds=1, sd=None, sd_over="")
    assert scores.over_seeds(alone, plain_number) == scores.over_seeds_in_full(alone, plain_number) == ""
    assert scores.seeds_captions([alone]) == []
    assert scores.seeds_captions([ROW, ROW]) == [f"over seeds: mean ± standard deviation over {ROW.sd_over}"]
