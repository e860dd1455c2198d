"""What the machine did, beside what a run logs of itself."""

from __future__ import annotations

import pytest

from engine.runs.directory import State
from tests.support.index import Log


def test_the_machine_is_no_metric_of_the_run(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 50), loss=float)
    for step in (10, 20, 30):
        log.add("system", step, values={"cpu_percent": 50.0 + step, "memory_percent": 30})
    index.refresh()
    assert index.last_metrics(run.id) == {"loss": 49.0}
    assert index.metric_keys(run.id) == ["loss", "system/cpu_percent", "system/memory_percent"]
    series = index.series(run.id, "system/cpu_percent")
    assert (series.x.tolist(), series.lo.tolist()) == ([10, 20, 30], [60, 70, 80])
    assert index.run(run.id).step == 49 and index.run(run.id).corrupt == 0


def test_it_is_summed_up(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 50), loss=float)
    for step in (10, 20, 30):
        log.add("system", step, values={"cpu_percent": float(step)})
    index.refresh()
    assert index.system(run.id) == {"cpu_percent": pytest.approx((20.0, 30.0))}
    assert index.system("nobody") == {}


@pytest.mark.parametrize(
    "values", [None, 3, [], {"x": "y"}, {"x": None}, {"": 1.0}, {"\x1b[2J": 1.0}, {"x" * 300: 1}]
)
def test_nonsense_is_counted_and_left_out(index, make_run, values):
    run = make_run()
    log = Log(run).start().metrics(range(1, 50), loss=float)
    log.add("system", 10, values=values)
    index.refresh()
    assert index.metric_keys(run.id) == ["loss"]
    assert index.run(run.id).corrupt == 1


def test_names_without_end_are_not_followed_and_a_metric_cannot_take_the_machines_name(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 50), loss=float)
    log.add("system", 10, values={f"n{i}": 1.0 for i in range(500)})
    log.add("metrics", 60, values={"loss": 1.0, "system/cpu_percent": 1.0})
    index.refresh()
    assert len(index.metric_keys(run.id)) == 101
    assert "system/cpu_percent" not in index.metric_keys(run.id)


def test_a_resumed_attempt_replaces_what_lies_beyond_it(index, make_run):
    run = make_run(State(status="running", attempt=2, slot="cpu"))
    first = Log(run).start().metrics(range(1, 50), loss=float)
    for step in (10, 30, 45):
        first.add("system", step, values={"cpu_percent": float(step)})
    second = Log(run, 2, began=200.0)
    second.add("status", 20, status="resumed", reason="")
    second.metrics(range(21, 40), loss=float)
    second.add("system", 30, values={"cpu_percent": 99.0})
    index.refresh()
    assert index.last_metrics(run.id) == {"loss": 39.0}
    assert index.series(run.id, "system/cpu_percent").lo.tolist() == [10, 99]
