"""Scores within a share of an attempt's time, under a clock that only moves when told to."""

from __future__ import annotations

import pytest

from engine.training.score_budget import ScoreBudget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def scores_taken(
    budget: ScoreBudget, clock: Clock, costs: list[float], first_one_off: float, training: float
) -> list[int]:
    """Which of ``costs`` (seconds, one a tenth of the run) are taken when ``training`` seconds lie before each."""
    taken = []
    for number, cost in enumerate(costs, 1):
        clock.now += training
        if number == len(costs) or budget.allows(number / len(costs)):
            with budget.scoring() as spent:
                one_off = 0.0 if taken else first_one_off
                clock.now += cost + one_off
                spent.one_off = one_off
            taken.append(number)
    return taken


@pytest.mark.parametrize("one_off", [0.0, 20.0, 1000.0])
def test_one_off_work_of_the_first_score_costs_no_later_score(one_off):
    clock = Clock()
    budget = ScoreBudget(0.1, report_scores=3, clock=clock)
    # 100 s of training, ten scores and three of the report of 0.8 s: 10.4 of 110.4 s
    assert scores_taken(budget, clock, [0.8] * 10, one_off, 10.0) == list(range(1, 11))
    assert budget.spent == pytest.approx(8.0)


def test_without_room_scores_are_left_out_evenly_and_the_last_is_made():
    clock = Clock()
    taken = scores_taken(ScoreBudget(0.1, clock=clock), clock, [4.0] * 10, 0.0, 10.0)
    assert taken[0] == 1 and taken[-1] == 10 and len(taken) in (2, 3)  # 12 of 112 s are 10.7 %


def test_the_report_is_reserved():
    clock = Clock()
    assert len(scores_taken(ScoreBudget(0.1, 0, clock), clock, [1.0] * 10, 0.0, 10.0)) == 10
    assert len(scores_taken(ScoreBudget(0.1, 3, clock), clock, [1.0] * 10, 0.0, 10.0)) < 10


def test_one_slow_score_among_many_is_not_taken_for_what_a_score_costs():
    clock = Clock()
    costs = [0.5, 0.5, 0.5, 3.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert scores_taken(ScoreBudget(0.1, clock=clock), clock, costs, 0.0, 10.0) == list(range(1, 11))


def test_a_score_that_fails_is_spent_and_says_nothing_of_the_next():
    clock = Clock()
    budget = ScoreBudget(0.1, clock=clock)
    with pytest.raises(MemoryError), budget.scoring():
        clock.now += 5
        raise MemoryError
    assert (budget.spent, budget.typical) == (5.0, 0.0)


def test_work_that_claims_more_than_it_took_leaves_nothing_negative():
    clock = Clock()
    budget = ScoreBudget(0.1, clock=clock)
    with budget.scoring() as cost:
        clock.now += 2
        cost.one_off = 50.0
    assert (budget.spent, budget.typical) == (0.0, 0.0)
