"""Boards: what may share a scale does, what may not never does, and a newcomer can read the headings."""

from __future__ import annotations

from typing import Any

import pytest

from gentui.index import LeaderboardRow
from gentui.runs.boards import bar, boards_of, folded, heading_of, how_measured, order_agrees, real_data
from gentui.text.numbers import number

DETAIL = {
    "metric": "fid", "dataset": "digits", "split": "train", "split_size": 1437, "extractor": "digits-cnn",
    "extractor_hash": "432d6de0", "samples": 200, "sampling": "heun 18", "ema": True,
}  # fmt: skip


def row(
    recipe: str = "digits-unet", value: float = 3.0, run: str | None = "r", **fields: Any
) -> LeaderboardRow:
    own = {
        "dataset": "digits", "protocol": "fid · digits-cnn@432d6de0 · train 1437 · n=200", "metric": "fid", "rank": 1,
        "run": run, "name": "", "recipe": recipe, "value": value, "step": 9, "floor": None, "seed": 0,
        "samples": 200, "reference": None, "source": "", "lower_is_better": True, "protocol_id": "0badcafe",
        "detail": DETAIL,
    }  # fmt: skip
    return LeaderboardRow(**(own | fields))


def paper(recipe: str, value: float, **fields: Any) -> LeaderboardRow:
    own = {"rank": None, "protocol": "as published: N not stated", "protocol_id": "", "detail": {}}
    return row(recipe, value, None, **(own | fields))


def test_the_heading_says_in_words_what_was_measured():
    assert heading_of(row()) == "digits · FD in digits-cnn features · 200 samples vs 1,437 training images"
    inception = row(detail={**DETAIL, "extractor": "inception", "samples": 10_000})
    assert (
        heading_of(inception) == "digits · FID in inception features · 10,000 samples vs 1,437 training images"
    )
    accuracy = row(metric="label_accuracy", detail={**DETAIL, "split": "test", "split_size": 360})
    assert heading_of(accuracy) == "digits · label accuracy, judged by digits-cnn · 200 samples"
    old = row(detail={}, protocol="fid · something else")
    assert heading_of(old) == "digits · FD · something else"


def test_fid_is_inceptions_alone_and_of_papers():
    (board,) = boards_of([row(), paper("digits-cfg", 5.0)])
    assert board.metric_name == "FD" and board.title == "digits · FD in digits-cnn features, lower is better"
    (published,) = boards_of([paper("digits-cfg", 5.0)])
    assert published.metric_name == "FID" and not published.own and published.papers == 1


def test_rows_of_two_protocols_are_never_ranked_together_and_their_headings_differ():
    first = row(run="a", protocol="fid · digits-cnn@1 · n=200 · fp32")
    second = row(run="b", protocol="fid · digits-cnn@1 · n=200 · bf16", protocol_id="1badcafe")
    (board,) = boards_of([first, second, paper("digits-cfg", 5.0)])
    assert [len(ranking.rows) for ranking in board.rankings] == [1, 1]
    assert [ranking.heading.rpartition(" · ")[2] for ranking in board.rankings] == ["fp32", "bf16"]
    assert [each.recipe for each in board.apart] == ["digits-cfg"] and board.own == 2


def test_a_published_figure_of_the_same_protocol_shares_the_scale():
    (board,) = boards_of([row(value=3.0), row("digits-cfg", 12.0, None, rank=2)])
    assert not board.apart and board.rankings[0].most == 12.0


def test_boards_with_runs_come_first_and_the_metrics_of_a_data_set_stand_together():
    accuracy = {"metric": "label_accuracy", "lower_is_better": False}
    listed = boards_of([row(), row(**accuracy), paper("x", 1.0, dataset="cats"), row(dataset="faces")])
    assert [(board.dataset, board.metric) for board in listed] == [
        ("digits", "fid"), ("digits", "label_accuracy"), ("faces", "fid"), ("cats", "fid"),
    ]  # fmt: skip
    assert listed[1].rankings[0].most == 3.0


@pytest.mark.parametrize(
    ("value", "length"), [(10, 20), (5, 10), (0.001, 1), (0, 0), (-3, 0), (float("nan"), 0), (float("inf"), 0)]
)
def test_bars_are_as_long_as_their_values(value, length):
    assert len(bar(value, 10, 20)) == length


@pytest.mark.parametrize(("value", "length"), [(16, 20), (4, 10), (2, 5), (1, 1), (0.5, 1)])
def test_bars_from_real_data_grow_by_equal_lengths_for_equal_factors(value, length):
    assert len(bar(value, 16, 20, origin=1.0)) == length


def test_bars_are_of_the_values_beside_published_figures_and_where_more_is_better():
    alone = boards_of([row(floor=0.5), row(value=5.0, run="s", floor=0.5)])[0].rankings[0]
    assert alone.origin == 0.5
    assert boards_of([row(floor=0.5), row(run=None, floor=None)])[0].rankings[0].origin == 0
    more = {"metric": "label_accuracy", "lower_is_better": False}
    assert boards_of([row(floor=0.99, **more)])[0].rankings[0].origin == 0


def test_runs_over_seeds_are_one_row_with_their_mean_ranked_by_it():
    of = {"seeds": 2, "mean": 4.0, "sd": 2.0, "sd_over": "2 training seeds"}
    board = boards_of(
        [row(value=2.5, run="a", **of), row("digits-cfg", 3.0, "b"), row(value=5.5, run="c", **of)]
    )[0]
    first, second = folded(board).rankings[0].rows
    assert (first.recipe, first.value, first.rank) == ("digits-cfg", 3.0, 1)
    assert (second.run, second.value, second.std, second.over, second.rank) == (
        "a",
        4.0,
        2.0,
        "2 training seeds",
        2,
    )
    assert folded(board).own == 3


def test_real_data_is_no_floor():
    assert real_data(row(floor=0.51), number) == "real data 0.51"
    best = real_data(row(floor=0.994, lower_is_better=False), number)
    assert best == "best possible: real test images score 0.994"
    assert real_data(row(), number) == ""


def test_how_a_score_was_measured_is_said_in_words():
    said = how_measured(row(noises=3, precision="fp32", labels="as in the data"))
    assert said == (
        "heun 18, averaged weights, labels as in the data, 3 noises, fp32, weights of the judge 432d6de0"
    )
    assert how_measured(paper("x", 1.0)) == "published: N not stated"


def test_whether_your_order_is_the_published_one():
    own = [row("a", 1.0, "1"), row("b", 2.0, "2"), row("c", 3.0, "3")]
    published = [paper("a", 60.0), paper("b", 70.0), paper("c", 65.0)]
    (board,) = boards_of([*own, *published])
    assert order_agrees(board) == "Your order agrees with the published one in 2 of 3 pairs."
    (agreeing,) = boards_of([*own[:2], *published])
    assert order_agrees(agreeing) == "Your order is the published one: a before b."
    assert order_agrees(boards_of([own[0], published[0]])[0]) == ""
