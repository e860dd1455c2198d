"""Workers are killed; nothing is lost, and whoever comes next repairs what there is to repair."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from engine.runs.directory import RunDir, State, boot_id, is_locked
from engine.runs.events import last_event
from gentui import jobs
from gentui.index import Index
from gentui.jobs.launchers.local.locks import worker_lock
from gentui.jobs.states import update_state
from gentui.jobs.worker import Worker
from tests.support.jobs import everything_ended, trainers, wait_for_status, wait_for_step, workers
from tests.support.waiting import wait_for


def kill_worker(home) -> None:
    (worker,) = workers(home)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not is_locked(worker_lock(home, "cpu")), "the kernel to let go of its lock")


def test_a_trainer_outlives_its_worker_and_its_end_is_recorded(home, launch):
    run = launch(steps=60, pause=0.02)
    wait_for_step(run, 3)
    kill_worker(home)
    assert run.is_alive() and run.read_state().status == "running"
    wait_for(lambda: not run.is_alive(), "the trainer to finish alone")
    jobs.reconcile(home)
    state = run.read_state()
    assert state.status == "done" and state.attempt == 1
    assert last_event(run.events_path(1), lambda e: e["kind"] == "metrics")["step"] == 60


def test_a_stop_that_another_host_has_written_down_is_carried_out_by_the_worker(home, launch):
    run = launch(steps=100_000)
    wait_for_step(run, 3)
    asked = {"stop_requested_at": time.time()}
    update_state(run, lambda state: state.with_(**asked, extra={**state.extra, "grace": 60.0}))
    state = wait_for_status(run, "stopped")
    assert "terminated_at" in state.extra and state.extra["host"] and state.signal is None


def test_a_new_worker_waits_for_the_orphan_and_then_drains_the_queue(home, launch):
    first = launch(steps=60, pause=0.02)
    second = launch(steps=5)
    wait_for_step(first, 3)
    kill_worker(home)
    jobs.ensure_workers(home)
    wait_for(lambda: everything_ended(home))
    assert [first.read_state().status, second.read_state().status] == ["done", "done"]
    assert first.read_state().ended_at <= second.read_state().started_at


def test_without_worker_and_trainer_a_status_is_final_at_the_next_look(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 3)
    pid = run.read_state().pid
    kill_worker(home)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not run.is_alive(), "the kernel to let go of its lock")
    jobs.reconcile(home)
    state = run.read_state()
    assert state.status == "lost" and "vanished" in state.reason
    jobs.resume(home, run.id)
    wait_for_step(run, 5)
    jobs.stop(home, run.id, wait=True)


def test_an_orphan_is_stopped_and_its_grace_enforced_without_a_worker(home, launch, monkeypatch):
    run = launch(steps=10_000, deaf=True, child=True)
    wait_for_step(run, 3)
    kill_worker(home)
    monkeypatch.setattr("gentui.jobs.stopping.ensure_workers", lambda *given: None)
    jobs.stop(home, run.id, grace=0.3, wait=True)
    assert run.read_state().status == "stopped" and not trainers(home)
    assert not run.is_alive()


def test_what_a_dead_orphan_left_behind_does_not_keep_its_run_alive(home, launch):
    run = launch(steps=10_000, child=True)  # the child inherits the locks
    wait_for_step(run, 3)
    pid = run.read_state().pid
    kill_worker(home)
    os.kill(pid, signal.SIGKILL)

    def ended() -> bool:
        jobs.reconcile(home)
        return run.read_state().ended

    wait_for(ended)
    assert run.read_state().status == "lost"


def test_a_claim_without_a_trainer_goes_back_to_the_queue(home, launch):
    run = launch(steps=5, start=False)
    asked = run.read_state()
    run.write_state(
        asked.with_(status="running", attempt=1, slot="cpu", boot_id=boot_id(), started_at=time.time())
    )
    jobs.reconcile(home)
    state = run.read_state()
    assert (state.status, state.attempt, state.queued_at) == ("queued", 0, asked.queued_at)
    jobs.ensure_workers(home)
    assert wait_for_status(run, "done").attempt == 1


def test_a_restarted_machine_leaves_interrupted_runs(home, launch):
    run = launch(start=False)
    run.write_state(
        State(status="running", attempt=1, slot="cpu", pid=os.getpid(), start_time=1, boot_id="before")
    )
    run.events_path(1).write_text("")
    jobs.reconcile(home)
    state = run.read_state()
    assert (state.status, state.reason) == ("interrupted", "the machine was restarted while it ran")


def test_a_pid_that_now_belongs_to_somebody_else_is_not_signalled(home, launch, monkeypatch):
    run = launch(start=False)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        run.write_state(
            State(status="running", attempt=1, slot="cpu", pid=bystander.pid, start_time=1, boot_id=boot_id())
        )
        jobs.stop(home, run.id, grace=0.0, wait=True)
        assert bystander.poll() is None
        assert run.read_state().status == "stopped"
    finally:
        bystander.kill()
        bystander.wait()


def test_a_recorded_end_is_never_overwritten(home, launch):
    run = launch(start=False)
    for status in ("done", "stopped", "failed", "interrupted", "lost"):
        run.write_state(State(status=status, attempt=1, reason="as it was", slot="cpu"))
        jobs.reconcile(home)
        jobs.stop(home, run.id)
        jobs.ensure_workers(home)
        assert run.read_state().reason == "as it was"


def test_one_worker_per_slot_however_many_are_started(home, launch):
    run = launch(steps=100_000, pause=0.02)
    wait_for_status(run, "running")
    extra = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "gentui.jobs.worker", "--home", str(home), "--slot", "cpu"]
        )
        for _ in range(3)
    ]
    assert [process.wait(timeout=60) for process in extra] == [0, 0, 0]
    assert len(workers(home)) == 1 and len(trainers(home)) == 1
    jobs.stop(home, run.id, wait=True)


def test_runs_queued_while_a_worker_leaves_are_never_forgotten(home, launch):
    """The race between an empty queue and an enqueue, again and again."""
    runs = []
    for n in range(12):
        runs.append(launch(steps=1, pause=0.0))
        wait_for(lambda: runs[-1].read_state().ended)
        time.sleep(0.003 * n)
    wait_for(lambda: everything_ended(home))
    assert {run.read_state().status for run in runs} == {"done"}


def test_many_launchers_at_once_drain_without_anybody_watching(home, launch):
    threads = [threading.Thread(target=launch, kwargs={"steps": 2, "pause": 0.001}) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: everything_ended(home), seconds=60)
    index = Index(home)
    index.refresh()
    assert [row.status for row in index.runs()] == ["done"] * 10
    assert all(row.attempt == 1 for row in index.runs())


def test_a_full_disk_delays_the_end_state_but_never_falsifies_it(home, launch, monkeypatch):
    run = launch(steps=3, start=False)
    real, refused = RunDir.write_state, []

    def full(self: RunDir, state: State) -> None:
        if state.ended and len(refused) < 3:
            refused.append(state.status)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, state)

    monkeypatch.setattr(RunDir, "write_state", full)
    monkeypatch.setattr("gentui.jobs.worker._RETRY", 0.02)
    Worker(home, "cpu").work()
    assert run.read_state().status == "done" and refused == ["done"] * 3


def test_an_end_that_could_not_be_written_at_all_is_reconciled_later(home, launch, monkeypatch):
    run = launch(steps=3, start=False)
    real = RunDir.write_state

    def full(self: RunDir, state: State) -> None:
        if state.ended:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDir, "write_state", full)
        patch.setattr("gentui.jobs.worker._RETRY", 0.01)
        patch.setattr("gentui.jobs.worker._WRITE_PATIENCE", 0.05)
        Worker(home, "cpu").work()
        jobs.reconcile(home)  # still full: no exception, no wrong state
        assert run.read_state().status == "running"
    jobs.reconcile(home)
    assert run.read_state().status == "done"


def test_a_worker_on_a_full_disk_leaves_the_queue_as_it_is(home, launch, monkeypatch):
    run = launch(steps=3, start=False)
    calls = []

    def full(self: RunDir, state: State) -> None:
        calls.append(state.status)
        if len(calls) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, state)

    real = RunDir.write_state
    monkeypatch.setattr(RunDir, "write_state", full)
    Worker(home, "cpu").work()
    assert run.read_state().status == "done" and run.read_state().attempt == 1


BROKEN_STATES = [
    {"attempt": "one"}, {"queued_at": {}}, {"queued_at": "now"}, {"slot": 5}, {"extra": []}, {"pid": "7"},
    {"status": "running", "pid": 10**30, "start_time": 1.5}, {"status": "running", "boot_id": []}, {"status": 3},
    {"status": "running", "pid": 2**40, "start_time": 1}, {"status": "running", "started_at": -1e300},
    {"status": "running", "started_at": float("nan")},
]  # fmt: skip


def test_runs_with_broken_states_do_not_stop_the_others(home, launch):
    broken = [launch(start=False) for _ in range(len(BROKEN_STATES) + 2)]
    unlockable = launch(start=False)
    for run, state in zip(broken, BROKEN_STATES, strict=False):
        run.state_path.write_text(json.dumps({"status": "queued", "attempt": 1, **state}))
    broken[-2].state_path.write_text("{")
    broken[-1].state_path.unlink()
    unlockable.lock_path.unlink()
    unlockable.lock_path.mkdir()
    good = launch(steps=2, start=False)
    jobs.ensure_workers(home)
    wait_for_status(good, "done")
    jobs.reconcile(home)
    for run in broken:
        for act in (jobs.stop, jobs.resume):
            with pytest.raises(jobs.JobError, match=r"its state\.json is not readable"):
                act(home, run.id)
        jobs.remove(home, run.id)
    assert (
        wait_for_status(unlockable, "failed").reason == "its file lock cannot be used: it is not a plain file"
    )
