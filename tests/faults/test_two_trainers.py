"""Two real trainers on one run, as when a file system loses locks or a batch system gives up a node that lives on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from engine.runs.directory import RunDir
from engine.runs.events import iter_events
from engine.training import checkpoint, owner
from engine.training.stop_signal import RunDirectoryGone
from tests.support.engine import finish, small_run, trainer
from tests.support.waiting import wait_for


def without_lock(run: RunDir) -> None:
    """Take the run's lock away from whoever holds it: who comes next opens another file."""
    run.lock_path.unlink()


def begun(run: RunDir, attempt: int) -> bool:
    path = run.events_path(attempt)
    return path.exists() and any(event["kind"] == "metrics" for event in iter_events(path))


def last_status(run: RunDir, attempt: int) -> str:
    return [event["status"] for event in iter_events(run.events_path(attempt)) if event["kind"] == "status"][-1]


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return small_run(tmp_path, train__steps=100_000, evaluate__times=0)


def test_the_trainer_that_began_first_leaves_without_writing(run):
    first = trainer(run)
    try:
        wait_for(lambda: begun(run, 1) and checkpoint.exists(run), "the first trainer to save")
        without_lock(run)
        second = trainer(run)
        try:
            code, output = finish(first)
            assert code == 5, output
            assert "has taken the run over: this one leaves" in output
            assert last_status(run, 1) not in ("stopped", "done", "failed")
            wait_for(lambda: begun(run, 2), "the second trainer to train")
            assert json.loads((run.path / owner.FILE).read_text())["pid"] == second.pid
            second.send_signal(signal.SIGTERM)
            code, output = finish(second)
            assert code == 0, output
        finally:
            second.kill()
    finally:
        first.kill()
    assert last_status(run, 2) == "stopped"
    last = next(e["step"] for e in reversed(list(iter_events(run.events_path(2)))) if e["kind"] == "checkpoint")
    assert checkpoint.step_of(run) == last
    assert [path.name for path in run.checkpoints.iterdir() if path.name.startswith(".")] == []


def test_no_link_moves_once_another_trainer_owns_the_run(run):
    owner.take(run, 1)
    checkpoint.save(run, 1, {}, {"step": 1}, ["last"])
    owner.take(RunDir(run.path), 2)
    token = owner._tokens.pop(run.path)
    owner._tokens[run.path] = "the first one's"
    try:
        for save in (
            lambda: checkpoint.save(run, 2, {}, {"step": 2}, ["last"]),
            lambda: checkpoint.point(run, ["best"]),
        ):
            with pytest.raises(owner.TakenOver, match=r"process \d+ on \S+, has taken the run over"):
                save()
        assert checkpoint.step_of(run) == 1 and not checkpoint.exists(run, "best")
        assert sorted(path.name for path in run.checkpoints.iterdir()) == ["last", "step-000000001"]
        assert issubclass(owner.TakenOver, RunDirectoryGone)
        owner._tokens[run.path] = token
        checkpoint.save(run, 2, {}, {"step": 2}, ["last"])
    finally:
        owner._tokens.clear()
    assert checkpoint.step_of(run) == 2


def test_an_owner_that_cannot_be_read_says_nothing(run):
    owner.take(run, 1)
    try:
        for content in ("", "[]", "{}", '{"token": null}'):
            (run.path / owner.FILE).write_text(content)
            owner.require(run)
        (run.path / owner.FILE).unlink()
        owner.require(run)
    finally:
        owner._tokens.clear()


def test_with_a_lock_that_works_the_second_trainer_is_refused(run):
    first = trainer(run)
    try:
        wait_for(lambda: begun(run, 1), "the first trainer to train")
        code, output = finish(trainer(run))
        assert code == 2 and "is being trained by another process" in output
        assert not run.events_path(2).exists()
        first.send_signal(signal.SIGTERM)
        assert finish(first)[0] == 0
    finally:
        first.kill()
