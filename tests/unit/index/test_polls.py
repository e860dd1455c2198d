"""A poll looks at what may have changed, not at every run that has ever ended; and still misses nothing."""

from __future__ import annotations

import json
import os
import sqlite3

import pytest

from engine.runs.directory import State
from gentui.index import Index
from gentui.index.log_ingestor import LogIngestor
from gentui.jobs import annotations, rota, states
from gentui.jobs.states import unfinished, update_state
from tests.support.index import Log, dump, settle


@pytest.fixture
def few_looks(monkeypatch):
    monkeypatch.setattr(rota, "LOOKS", 4)
    for known in (states._rotas, states._active, states._seen):
        known.clear()


def ended(make_run, number):
    runs = []
    for n in range(number):
        runs.append(make_run())
        Log(runs[-1]).start().metrics(range(1, 11), loss=float).score(10, 9.0 + n)
    settle()
    return runs


@pytest.fixture
def counted(monkeypatch):
    calls = []
    real = {name: getattr(os, name) for name in ("stat", "open", "scandir")}
    for name, call in real.items():
        monkeypatch.setattr(os, name, lambda *a, _call=call, **k: (calls.append(a[0]), _call(*a, **k))[1])
    return calls


def at_rest(index):
    """Have the index know all runs."""
    for _ in range(3):
        index.refresh(poll=True)
        settle()


def test_a_poll_costs_no_more_calls_or_statements_with_more_ended_runs(index, make_run, few_looks, counted):
    costs = []
    for _ in range(2):
        ended(make_run, 20)
        at_rest(index)
        unfinished(index.home, poll=True)
        settle()
        unfinished(index.home, poll=True)
        statements = []
        index._writer(index.path)._db.conn.set_trace_callback(statements.append)
        counted.clear()
        index.refresh(poll=True)
        unfinished(index.home, poll=True)
        costs.append((len(counted), len(statements)))
    assert costs[0] == costs[1]
    assert costs[0][1] <= 2


def test_what_gentui_changes_of_an_ended_run_is_seen_in_the_next_poll(index, make_run, few_looks):
    runs = ended(make_run, 20)
    at_rest(index)
    for run in (runs[0], runs[-1]):
        annotations.rename(index.home, run.id, "another")
        assert index.refresh(poll=True) and index.run(run.id).name == "another"
        settle()
        index.refresh(poll=True)
    unfinished(index.home, poll=True)
    update_state(runs[3], lambda state: State(status="queued", attempt=1))
    assert [job.id for job, _ in unfinished(index.home, poll=True)] == [runs[3].id]
    assert index.refresh(poll=True) and index.run(runs[3].id).status == "queued"


def test_what_others_change_of_an_ended_run_is_seen_when_its_turn_comes(index, make_run, few_looks):
    runs = ended(make_run, 20)
    at_rest(index)
    unfinished(index.home, poll=True)
    Log(runs[2]).append(Log(runs[2]).line("metrics", 500, values={"loss": 1.0}))
    changed = runs[7].path / annotations.FILE
    changed.write_text(json.dumps({"name": "by hand"}))
    runs[11].write_state(State(status="queued", attempt=1))
    found = set()
    for _ in range(6):
        index.refresh(poll=True)
        found.update(job.id for job, _ in unfinished(index.home, poll=True))
    assert index.run(runs[2].id).step == 500
    assert index.run(runs[7].id).name == "by hand"
    assert index.run(runs[11].id).status == "queued" and found == {runs[11].id}


def test_a_run_that_has_not_ended_is_seen_in_every_poll(index, make_run, few_looks):
    live = make_run(State(status="running", attempt=1, slot="cpu"))
    log = Log(live).start()
    ended(make_run, 20)
    at_rest(index)
    for step in range(1, 8):
        log.metrics([step], loss=float)
        assert index.refresh(poll=True) and index.run(live.id).step == step


def test_new_runs_and_removed_ones_are_seen_in_the_next_poll(index, make_run, few_looks):
    runs = ended(make_run, 20)
    at_rest(index)
    added = make_run()
    runs[5].path.rename(index.home / "elsewhere")
    assert index.refresh(poll=True)
    ids = {run.id for run in index.runs()}
    assert added.id in ids and runs[5].id not in ids


def test_what_another_process_took_out_of_the_index_is_read_again(index, make_run, few_looks):
    runs = ended(make_run, 20)
    at_rest(index)
    other = Index(index.home)
    kept = index.home / "kept"
    runs[5].path.rename(kept)
    other.refresh()
    kept.rename(runs[5].path)
    index.refresh(poll=True)
    assert index.run(runs[5].id).step == 10


def test_only_rows_of_runs_that_changed_are_read_again(index, make_run):
    runs = ended(make_run, 5)
    index.refresh()
    before = {run.id: run for run in index.runs()}
    Log(runs[2]).append(Log(runs[2]).line("metrics", 500, values={"loss": 1.0}))
    index.refresh()
    statements = []
    index._reader().set_trace_callback(statements.append)
    after = {run.id: run for run in index.runs()}
    assert [run for run in after if after[run] is not before[run]] == [runs[2].id]
    assert after[runs[2].id].step == 500
    assert sum("FROM runs" in statement for statement in statements) == 1


def test_rows_follow_runs_that_come_go_and_come_back_in_another_index(index, make_run):
    runs = ended(make_run, 5)
    index.refresh()
    index.runs()
    runs[1].path.rename(index.home / "gone")
    added = make_run()
    settle()
    index.refresh()
    assert index.runs() == Index(index.home).runs()
    assert [run.id for run in index.runs()] == sorted(
        {*(r.id for r in runs), added.id} - {runs[1].id}, reverse=True
    )
    before = dump(index.path)
    Index(index.home).rebuild()
    assert dump(index.path) == before
    assert index.runs() == Index(index.home).runs()


def test_the_leaderboard_is_not_stale_and_does_not_change_with_every_step(index, make_run):
    runs = ended(make_run, 3)
    index.refresh()
    index.board_version()
    log = Log(runs[0]).metrics([11], loss=float)
    index.refresh()
    known = index.board_version()
    for step in (12, 13):
        log.metrics([step], loss=float)
        assert index.refresh()
        assert index.board_version() == known
    seen = {known}
    for change in (
        lambda: log.score(13, 2.0),
        lambda: annotations.rename(index.home, runs[0].id, "winner"),
        lambda: log.add("alert", 13, severity="warning", name="divergence", sentence="", cause="", remedy=""),
        lambda: runs[1].path.rename(index.home / "gone"),
    ):
        change()
        index.refresh()
        assert index.board_version() not in seen
        seen.add(index.board_version())


def test_a_pass_that_fails_half_way_is_read_again(index, make_run, monkeypatch):
    ended(make_run, 6)
    read, real = [], LogIngestor.next_chunk

    def next_chunk(ingestor, paths):
        read.append(ingestor.run.id)
        if len(read) == 4:
            raise sqlite3.OperationalError("database or disk is full")
        return real(ingestor, paths)

    monkeypatch.setattr(LogIngestor, "next_chunk", next_chunk)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        index.refresh()
    index.refresh()
    assert [row.step for row in index.runs()] == [10] * 6


def test_a_pass_that_ends_before_the_logs_is_continued_by_another_process(home, make_run, monkeypatch):
    for run in ended(make_run, 3):
        Log(run, attempt=2).start(10, "resumed").metrics(range(11, 21), loss=float)
    settle()
    real = LogIngestor.next_chunk

    def next_chunk(ingestor, paths):
        if 1 in ingestor.files:
            raise KeyboardInterrupt
        return real(ingestor, paths)

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(LogIngestor, "next_chunk", next_chunk)
        Index(home).refresh()
    index = Index(home)
    index.refresh()
    assert [row.step for row in index.runs()] == [20] * 3
