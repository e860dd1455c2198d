"""Signals from outside gentui, to trainers and to workers."""

from __future__ import annotations

import json
import os
import signal
import sys

import psutil
import pytest

from engine.runs.directory import RunDir
from tests.support.engine import SMALL
from tests.support.jobs import evaluators, last_step, trainers, wait_for_status, wait_for_step, workers
from tests.support.waiting import wait_for

BY_ITSELF = [signal.SIGTERM, signal.SIGINT]  # which a trainer handles: it writes a checkpoint

ENDS_BY_HANG_UP = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
print("waits", flush=True)
time.sleep(60)
"""


@pytest.fixture
def training(gentui, pretend, runs) -> RunDir:
    """A run in the middle of its training."""
    gentui("run", pretend(steps=100_000))
    (run,) = runs()
    wait_for_step(run, 3)
    return run


def suspend(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"{pid} to be suspended")


@pytest.mark.parametrize("number", [*BY_ITSELF, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_signal_from_outside_is_recorded_as_the_one_it_was(training, home, number):
    os.kill(trainers(home)[0], number)
    state = wait_for_status(training, "interrupted", "failed")
    assert state.status == "interrupted"
    assert f"ended by {number.name} from outside gentui" in state.reason


def test_a_trainer_that_ends_by_a_hang_up_is_recorded_so(gentui, environment, runs, home):
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-c", ENDS_BY_HANG_UP])
    gentui("run", "digits-unet")
    (run,) = runs()
    wait_for(lambda: run.log_path.exists() and "waits" in run.log_path.read_text())
    os.kill(wait_for(lambda: run.read_state().pid), signal.SIGHUP)
    assert wait_for_status(run, "interrupted").reason == "ended by SIGHUP from outside gentui"


def test_a_hang_up_ends_neither_trainer_nor_worker(training, home):
    for pid in (*trainers(home), *workers(home)):
        os.kill(pid, signal.SIGHUP)
    wait_for_step(training, last_step(training) + 5)
    assert training.read_state().status == "running" and workers(home)


@pytest.mark.parametrize("number", BY_ITSELF, ids=lambda number: number.name)
def test_a_signal_that_no_worker_saw_is_recorded_as_the_one_it_was(gentui, training, home, number):
    os.kill(workers(home)[0], signal.SIGKILL)
    os.kill(trainers(home)[0], number)
    wait_for(lambda: not training.is_alive(), "the trainer to end")
    gentui("stop", training.id)
    state = training.read_state()
    assert state.status == "interrupted" and f"ended by {number.name} from outside" in state.reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_signal_to_an_evaluation_is_recorded_as_the_one_it_was(gentui, pretend, runs, home, number):
    from gentui.jobs.evaluations import EvaluationDir

    gentui("run", "--wait", pretend(steps=10, scoring={"images": 100_000}))
    (run,) = runs()
    run.checkpoint("last").mkdir()
    queued = gentui("evaluate", "--no-wait", run.id)
    job = EvaluationDir(home / "evaluations" / queued.stdout.strip())
    wait_for(lambda: job.log_path.exists() and "images" in job.log_path.read_text(), "the evaluation to score")
    os.kill(evaluators(home)[0], number)
    assert f"ended by {number.name} from outside gentui" in wait_for_status(job, "interrupted").reason


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_real_trainer_tells_which_signal_ended_it(real_gentui, runs, tmp_path, name):
    settings = {**SMALL, "evaluate.times": 0, "train.steps": 100_000}
    real_gentui("run", "digits-unet", *(f"-o{key}={value}" for key, value in settings.items()))
    (run,) = runs()
    wait_for_step(run, 3)
    pid = wait_for(lambda: run.read_state().pid)
    os.kill(pid, signal.Signals[name])
    state = wait_for_status(run, "interrupted", "failed", "stopped")
    assert state.status == "interrupted" and f"ended by {name} from outside gentui" in state.reason


def test_a_suspended_worker_does_not_keep_a_run_from_being_stopped(gentui, training, home):
    suspend(workers(home)[0])
    stopped = gentui("stop", "--wait", "--grace", "5", training.id)
    assert stopped.returncode == 0, stopped.stderr
    assert training.read_state().status == "stopped"


def test_a_suspended_trainer_is_stopped_and_writes_its_checkpoint(gentui, training, home):
    suspend(trainers(home)[0])
    stopped = gentui("stop", "--wait", training.id)
    assert stopped.returncode == 0, stopped.stderr
    state = training.read_state()
    assert state.status == "stopped" and "stopped by you at step" in state.reason


def test_when_worker_and_trainer_are_suspended_a_stop_reaches_both(gentui, training, home):
    for pid in (*workers(home), *trainers(home)):
        suspend(pid)
    stopped = gentui("stop", "--wait", training.id)
    assert stopped.returncode == 0, stopped.stderr
    assert "stopped by you at step" in training.read_state().reason


def test_a_stop_that_does_not_wait_wakes_a_suspended_worker_too(gentui, training, home):
    suspend(workers(home)[0])
    assert gentui("stop", training.id).returncode == 0
    wait_for_status(training, "stopped")
