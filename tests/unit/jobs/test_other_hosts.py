"""One home on two hosts: each has its own slots, and neither judges the other's jobs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from engine.runs.directory import State, boot_id
from engine.runs.events import EventWriter
from gentui import jobs
from gentui.index.status import status_now
from gentui.jobs.launchers.local import launcher as local
from gentui.jobs.launchers.local import locks
from gentui.jobs.launchers.local.locks import has_worker, make_slots_folder, slots_folder, worker_lock
from gentui.jobs.states import try_lock


@pytest.fixture
def elsewhere(home, launch):
    """A run that a worker of another host trains, as its files say; ``seconds`` ago it wrote last."""

    def elsewhere(seconds: float = 0.0, **changes: object):
        run = launch(start=False)
        now = time.time()
        state = State(
            "running", attempt=1, slot="cpu", pid=os.getpid(), start_time=1, boot_id="of the other's kernel",
            started_at=now - seconds, extra={"host": "other", "asked": None},
        )  # fmt: skip
        run.write_state(state.with_(**changes))
        EventWriter(run.events_path(1)).emit("status", step=0, images=0, status="started")
        run.log_path.touch()
        for path in (run.events_path(1), run.log_path):
            os.utime(path, (now - seconds, now - seconds))
        return run

    return elsewhere


@pytest.fixture
def shared(monkeypatch):
    """Pretend that the home is on a file system that hosts share."""
    monkeypatch.setattr(local, "is_shared", lambda path: True)


def test_a_run_of_another_host_is_left_as_it_is(home, elsewhere, shared):
    run = elsewhere(seconds=100_000)
    before = run.state_path.read_bytes()
    jobs.reconcile(home)
    assert jobs.settled(run) == run.read_state()
    jobs.ensure_workers(home)
    assert run.state_path.read_bytes() == before and not list(home.glob("slots/*/*.lock"))
    status, reason = status_now(run, run.read_state())
    assert status == "stalled" and "only its files can be seen from here" in reason and "on other" in reason


def test_a_run_of_another_host_that_writes_is_running(elsewhere, shared):
    run = elsewhere()
    assert status_now(run, run.read_state()) == ("running", "on other; only its files can be seen from here")


def test_it_can_be_asked_to_stop_and_is_given_up_when_nothing_is_heard_of_it(home, elsewhere, shared):
    run = elsewhere(seconds=1000)
    jobs.stop(home, run.id)
    state = run.read_state()
    assert (
        state.status == "running" and state.stop_requested_at is not None and "terminated_at" not in state.extra
    )
    with pytest.raises(jobs.JobError, match="is running; stop it first"):
        jobs.remove(home, run.id)
    long_ago = time.time() - 1000
    run.write_state(state.with_(stop_requested_at=long_ago))
    assert jobs.settled(run).status == "stopped"


def test_on_a_disk_of_this_machine_another_name_is_this_machine_after_a_restart(home, elsewhere):
    """A container has another name after each start, and the home lies in a volume."""
    recent, old = elsewhere(), elsewhere(seconds=1000)
    jobs.reconcile(home)
    assert recent.read_state().status == "running"
    assert (old.read_state().status, old.read_state().reason) == (
        "interrupted",
        "the machine was restarted while it ran",
    )


@pytest.mark.parametrize("changes", [{"extra": {}}, {"extra": {"host": locks.host_name()}}])
def test_a_run_of_this_host_before_a_restart_is_judged(home, elsewhere, shared, changes):
    run = elsewhere(**changes)
    jobs.reconcile(home)
    assert run.read_state().reason == "the machine was restarted while it ran"


def test_the_slots_of_a_host_are_its_own(home, monkeypatch):
    ours = make_slots_folder(home)
    monkeypatch.setattr(locks, "host_name", lambda: "other")
    monkeypatch.setattr(locks, "boot_id", lambda: "another boot")
    locks._places.clear()
    theirs = make_slots_folder(home)
    assert (ours.parent, theirs) == (home / "slots", home / "slots" / "other")
    held = try_lock(worker_lock(home, "cpu"))
    assert has_worker(home, "cpu")
    monkeypatch.undo()
    locks._places.clear()
    assert slots_folder(home) == ours and not has_worker(home, "cpu")
    os.close(held)


def test_a_new_name_of_this_machine_keeps_its_slots(home, monkeypatch):
    ours = make_slots_folder(home)
    monkeypatch.setattr(locks, "host_name", lambda: "../a container")
    locks._places.clear()
    assert make_slots_folder(home) == ours
    assert (ours / "boot").read_text() == boot_id()


def test_a_worker_of_an_older_version_counts(home):
    (home / "slots").mkdir()
    held = try_lock(home / "slots" / "cpu.worker.lock")
    assert has_worker(home, "cpu")
    os.close(held)
    assert not has_worker(home, "cpu")


def test_a_launcher_of_a_newer_version_is_left_alone(home, launch):
    run = launch(start=False)
    for status in ("queued", "running"):
        run.write_state(State(status, attempt=1, boot_id="before", extra={"on": {"launcher": "moon"}}))
        before = run.state_path.read_bytes()
        jobs.reconcile_and_spawn(home)
        assert run.state_path.read_bytes() == before
        status, reason = status_now(run, run.read_state())
        assert "launched by moon, which this version of gentui does not know" in reason


def test_the_home_of_an_old_version_is_read(home: Path, launch):
    run = launch(start=False)
    raw = json.loads(run.state_path.read_text())
    run.state_path.write_text(json.dumps({**raw, "extra": {}}))
    assert [job.id for job, _ in jobs.reconcile(home)] == [run.id]
