"""The status of a run whose trainer is a process that lives, stands still or is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.runs.directory import State, boot_id, process_start_time
from gentui.jobs.states import try_lock
from tests.support.index import Log
from tests.support.waiting import wait_for


@pytest.fixture
def trainer():
    """A process that can be suspended and stands in for a trainer."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def running(pid: int, **fields) -> State:
    return State(
        status="running", attempt=1, slot="cpu", started_at=time.time(), pid=pid,
        start_time=process_start_time(pid), boot_id=boot_id(), **fields,
    )  # fmt: skip


@pytest.fixture
def alive(make_run, trainer):
    """A run that is running: its state names a live process and its lock is held."""
    run = make_run(running(trainer.pid))
    lock = try_lock(run.lock_path)
    assert lock is not None
    yield run
    os.close(lock)


def test_a_live_run_is_running(index, alive):
    Log(alive).start()
    index.refresh()
    assert [(r.status, r.reason) for r in index.runs()] == [("running", "")]


def test_a_suspended_trainer_is_stalled_and_the_reason_says_how_to_wake_it(index, alive, trainer):
    index.refresh()
    os.kill(trainer.pid, signal.SIGSTOP)
    wait_for(lambda: index.run(alive.id).status == "stalled", seconds=5)
    row = index.run(alive.id)
    assert row.status == "stalled" and f"kill -CONT {trainer.pid}" in row.reason
    os.kill(trainer.pid, signal.SIGCONT)
    wait_for(lambda: index.run(alive.id).status == "running", seconds=5)


def test_a_silent_trainer_is_stalled(index, alive, trainer):
    log = Log(alive).start()
    long_ago = time.time() - 300
    os.utime(log.path, (long_ago, long_ago))
    alive.write_state(running(trainer.pid).with_(started_at=long_ago))
    index.refresh()
    row = index.run(alive.id)
    assert row.status == "stalled" and "written nothing since" in row.reason
    log.add("status", 3, status="phase", phase="evaluating", done=3, total=9)
    index.refresh()
    row = index.run(alive.id)
    assert row.status == "running" and row.phase == "evaluating 3/9"


def test_a_run_nobody_holds_shows_its_true_end_before_anybody_recorded_it(index, make_run, trainer):
    vanished, finished, failed, elsewhere = (make_run(running(trainer.pid)) for _ in range(4))
    Log(vanished).start()
    Log(finished).start().add("status", 9, status="done", reason="")
    Log(failed).start().add("status", 9, status="failed", reason="out of memory on GPU 0 at step 9")
    elsewhere.write_state(running(trainer.pid).with_(boot_id="another boot"))
    Log(elsewhere).start()
    index.refresh()
    shown = {row.id: (row.status, row.reason) for row in index.runs()}
    assert shown[vanished.id][0] == "lost"
    assert shown[finished.id] == ("done", "")
    assert shown[failed.id] == ("failed", "out of memory on GPU 0 at step 9")
    assert shown[elsewhere.id] == ("interrupted", "the machine was restarted while it ran")
    assert vanished.read_state().status == "running"  # looking changes nothing
