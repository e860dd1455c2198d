"""Sparklines of many runs from one query."""

from __future__ import annotations

import math

import pytest

from gentui.index.sparks import CELLS
from gentui.metrics.grouping import main_metric
from tests.support.index import Log


@pytest.mark.parametrize("steps", [8, 120, 3000, 70_000])
def test_a_metric_of_each_run_in_means_of_equally_many_steps(index, make_run, steps):
    falling, flat, without = (make_run() for _ in range(3))
    Log(falling).metrics(range(steps), loss=lambda step: float(steps - step))
    Log(flat).metrics(range(40), **{"train/loss": lambda step: 0.5})
    Log(without).metrics([1], lr=lambda step: 0.1)
    index.refresh()
    asked = {falling.id: "loss", flat.id: "train/loss", without.id: "loss", "gone": "loss"}
    found = index.sparks(asked)
    assert found.keys() == {falling.id, flat.id}
    assert found[flat.id] == (0.5,) * CELLS
    part = steps / CELLS
    expected = [steps - (cell + 0.5) * part + 0.5 for cell in range(CELLS)]
    assert found[falling.id] == pytest.approx(expected, rel=0.05, abs=0.05 * steps)


def test_a_cell_without_a_finite_value_is_no_number(index, make_run):
    run = make_run()
    Log(run).metrics(range(40), loss=lambda step: math.nan if step < 20 else 1.0)
    index.refresh()
    found = index.sparks({run.id: "loss"})[run.id]
    assert [math.isnan(value) for value in found] == [True] * 4 + [False] * 4


def test_however_many_runs_there_are_it_is_one_query(index, make_run):
    made = [make_run() for _ in range(40)]
    for run in made:
        Log(run).metrics(range(10), loss=lambda step: 1.0 / (1 + step))
    index.refresh()
    asked: list[str] = []
    index._read(lambda db: db.set_trace_callback(asked.append))
    assert len(index.sparks({run.id: "loss" for run in made})) == 40
    assert len([sql for sql in asked if "series" in sql]) == 1


def test_without_an_index_there_are_none(index):
    assert index.sparks({"a": "loss"}) == {} and index.sparks({}) == {}


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (["lr", "loss", "val_loss"], "loss"),
        (["epoch", "train/gen_loss", "lr", "acc"], "train/gen_loss"),
        (["lossy", "d_loss"], "d_loss"),
        (["lr", "accuracy", "health/change"], "accuracy"),
        (["lr", "epoch", "images_per_s"], ""),
        ([], ""),
    ],
)
def test_the_metric_that_stands_for_a_run(names, main):
    assert main_metric(names) == main
