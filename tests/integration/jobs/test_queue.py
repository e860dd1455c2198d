from __future__ import annotations

import itertools
from pathlib import Path

from engine.runs.directory import list_runs
from tests.support.jobs import everything_ended, wait_for_status, workers
from tests.support.waiting import wait_for


def test_a_launched_run_trains_to_its_end_and_the_worker_leaves(home: Path, launch):
    run = launch(steps=5)
    state = wait_for_status(run, "done")
    assert (state.exit_code, state.signal, state.attempt, state.slot) == (0, None, 1, "cpu")
    wait_for(lambda: not workers(home), "the worker to leave")


def test_the_queue_drains_in_order_one_at_a_time(home: Path, launch):
    runs = [launch(steps=5, pause=0.005) for _ in range(5)]
    wait_for(lambda: everything_ended(home))
    states = [run.read_state() for run in runs]
    assert [s.status for s in states] == ["done"] * 5
    for before, after in itertools.pairwise(states):
        assert before.ended_at and after.started_at and before.ended_at <= after.started_at
    assert [run.id for run in list_runs(home)] == sorted(run.id for run in runs)
