"""The disk is full when a run ends or is stopped: what was learnt is kept as soon as there is room."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.training import checkpoint
from gentui import jobs
from gentui.jobs import worker
from gentui.jobs.worker import Worker, lacks_room
from gentui.machine import disk
from tests.support import disks
from tests.support.cli import empty_home
from tests.support.engine import (
    IMPATIENT,
    NEVER_EARLY,
    changed_trainer,
    events,
    finish,
    small_run,
    trainer,
    wait_for_step,
)
from tests.support.jobs import FAKE, launch, wait_for_status  # noqa: F401
from tests.support.waiting import wait_for


@pytest.fixture
def small_disk(tmp_path):
    with disks.small_disk(tmp_path / "disk") as place:
        yield place


@pytest.fixture
def home(small_disk) -> Iterator[Path]:
    """On the small disk."""
    with empty_home(small_disk) as home:
        yield home


def wait_for_the_full_disk(process, times: int) -> None:
    """Wait until the trainer has said that often that a checkpoint of its last step found no room."""
    assert process.stdout
    said = Counter()
    for line in process.stdout:
        if "The checkpoint of step" in line:
            said[line.partition("The checkpoint")[2]] += 1
        if times in said.values():
            return
    raise AssertionError("the trainer ended")


@pytest.mark.parametrize("end", ["of the run", "by a stop"])
def test_the_last_checkpoint_is_written_when_room_is_made(end, small_disk):
    steps = 60 if end == "of the run" else 1_000_000
    run = small_run(small_disk, train__steps=steps, train__checkpoint_minutes=60.0)
    process = changed_trainer(run, NEVER_EARLY)
    wait_for_step(run, process, 5)
    disks.fill(small_disk / "filler")
    if end == "by a stop":
        process.send_signal(signal.SIGTERM)
    # At the end of a run, a checkpoint is written before the last pictures and tried again after them.
    wait_for_the_full_disk(process, 2 if end == "of the run" else 1)
    (small_disk / "filler").unlink()
    code, output = finish(process)
    assert code == 0, output
    last = events(run, "status")[-1]
    assert last["status"] == ("done" if end == "of the run" else "stopped")
    assert checkpoint.load_state(run)["step"] == events(run, "metrics")[-1]["step"] == last["step"]
    told = [event["remedy"] for event in events(run, "alert") if event["name"] == "disk"]
    assert any("free some space" in remedy and "tried again for 10 minutes" in remedy for remedy in told), told


def test_without_room_the_run_fails_with_the_reason_though_no_event_can_tell_it(small_disk):
    run = small_run(small_disk, train__steps=60, train__checkpoint_minutes=60.0)
    process = changed_trainer(run, IMPATIENT)
    wait_for_step(run, process, 5)
    disks.fill(small_disk / "filler")
    code, output = finish(process)
    assert code == 1
    assert "failed: The checkpoint of step 60 could not be written: No space left on device" in output


SAYS_WHY_AND_FAILS = """
import sys, time
from pathlib import Path
print("begins", flush=True)
while True:
    try:
        with (Path(sys.argv[1]) / "checkpoints" / "new").open("ab", buffering=0) as file:
            file.write(bytes(4096))
    except OSError as error:
        print(f"failed: The checkpoint of step 60 could not be written: {error.strerror}", flush=True)
        sys.exit(1)
    time.sleep(0.01)
"""
"""A trainer that ends as the real one does when its patience is at an end, with no event."""


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ([str(FAKE)], "OSError: [Errno 28] No space left on device"),  # in the last line of a traceback
        (
            ["-c", SAYS_WHY_AND_FAILS],
            "The checkpoint of step 60 could not be written: No space left on device (exit code 1)",
        ),
    ],
    ids=["a traceback", "a sentence"],
)
def test_the_reason_in_the_log_is_that_of_the_run_though_the_disk_is_full(
    program, reason, gentui, environment, pretend, runs, home
):
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-P", *program])
    begun = gentui("run", pretend(steps=1_000_000))
    assert begun.returncode == 0, begun.stderr
    (run,) = runs()
    wait_for(lambda: run.log_path.exists() and run.log_path.read_bytes(), "the trainer to begin")
    wait_for(lambda: run.read_state().pid, "its worker to note it")
    disks.fill(home.parent / "filler")
    state = wait_for_status(run, "failed")
    assert disk.refusal(home) is not None, "there was never room again"
    assert state.reason.startswith(reason) and state.exit_code == 1
    assert state.reason.removesuffix(" (exit code 1)") in run.log_path.read_text()
    shown = gentui("show", run.id, "--json")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert (told["status"], told["reason"]) == ("failed", state.reason)
    assert f"failed: {state.reason}" in gentui("show", run.id).stdout


def test_a_first_checkpoint_comes_early(small_disk):
    run = small_run(small_disk, train__steps=1_000_000)
    process = trainer(run)
    wait_for(lambda: checkpoint.exists(run), "a first checkpoint")
    process.kill()
    finish(process)
    assert checkpoint.load_state(run)["step"] > 0


def test_the_worker_lets_a_trainer_wait_while_a_checkpoint_lacks_room(small_disk):
    run = small_run(small_disk)
    (run.checkpoints / "step-1").mkdir()
    run.checkpoint("last").symlink_to("step-1")
    assert not lacks_room(run)
    (run.checkpoints / "step-1" / "net.safetensors").write_bytes(bytes(3 << 20))
    assert lacks_room(run)  # of 6 MiB, 3 are left: too little for 3 and what belongs to them


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def test_a_stop_kills_no_trainer_before_there_is_room_for_its_checkpoint(home, launch, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GENTUI_TRAINER", json.dumps([sys.executable, "-P", "-c", DEAF]))
    asked: list[bool] = []
    monkeypatch.setattr(worker, "lacks_room", lambda job: asked.append(lacks_room(job)) or asked[-1])
    run = launch(start=False)
    work = threading.Thread(target=Worker(home, "cpu").work)
    work.start()
    wait_for(
        lambda: run.log_path.exists() and "deaf" in run.log_path.read_text(), "the trainer to hear nothing"
    )
    wait_for(lambda: run.read_state().pid, "its worker to note it")
    filler = home.parent / "filler"
    disks.fill(filler)
    jobs.stop(home, run.id, grace=0.01)
    wait_for(lambda: len(asked) >= 3, "the worker to look for room three times")
    assert run.read_state().status == "running" and all(asked)
    filler.unlink()
    state = wait_for_status(run, "stopped")
    work.join()
    assert state.signal == signal.SIGKILL and asked[-1] is False
