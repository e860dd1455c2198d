"""Every way a run can end, and the words a person reads."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from engine.recipes import recipe
from engine.runs.directory import boot_id, is_locked
from gentui import jobs
from gentui.index import Index
from gentui.jobs.launchers.local.locks import slot_lock
from tests.support.jobs import last_step, processes, trainers, wait_for_status, wait_for_step, workers
from tests.support.waiting import wait_for


def test_kill_9_of_the_trainer_is_failed(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 5)
    os.kill(run.read_state().pid, signal.SIGKILL)
    state = wait_for_status(run, "failed")
    assert "killed by signal 9" in state.reason and state.signal == 9 and state.exit_code is None


def test_the_trainers_own_last_word_is_the_reason(home, launch):
    state = wait_for_status(launch(steps=20, fail=7), "failed")
    assert (state.reason, state.exit_code) == ("made to fail at step 7", 1)


def test_a_trainer_that_says_nothing_is_explained_by_its_log(home, launch):
    says = "Traceback (most recent call last):\n  File x\nValueError: no \x1b[31msuch thing\n"
    state = wait_for_status(launch(exit=1, says=says), "failed")
    assert state.reason == "ValueError: no such thing (exit code 1)" and state.exit_code == 1


def test_a_trainer_that_leaves_without_a_word_has_failed(home, launch):
    for code in (0, 3):
        state = wait_for_status(launch(exit=code), "failed")
        assert f"exit code {code}" in state.reason and state.exit_code == code


def test_a_refused_recipe_fails_with_its_problem(home, launch):
    says = "recipe.toml:7: error: optim.lr: must be positive"
    state = wait_for_status(launch(exit=2, says=says), "failed")
    assert state.reason == says and state.exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_names_its_signal(home, launch, number):
    run = launch(steps=10_000)
    wait_for_step(run, 2)
    os.kill(run.read_state().pid, number)
    state = wait_for_status(run, "failed")
    assert state.reason == f"killed by signal {number} ({number.name})"


def test_sigterm_from_outside_is_an_interruption(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 3)
    os.kill(run.read_state().pid, signal.SIGTERM)
    state = wait_for_status(run, "interrupted")
    assert "SIGTERM from outside" in state.reason and state.exit_code == 0


def test_a_trainer_that_cannot_be_started_fails_and_the_queue_goes_on(home, launch, monkeypatch):
    monkeypatch.setenv("GENTUI_TRAINER", json.dumps(["/nonexistent/trainer"]))
    state = wait_for_status(launch(), "failed")
    assert state.reason == "the trainer could not be started: No such file or directory"


def test_stop_checkpoints_and_resume_goes_on_to_the_end(home, launch):
    run = launch(steps=60, pause=0.02)
    wait_for_step(run, 5)
    jobs.stop(home, run.id, wait=True)
    state = run.read_state()
    assert (
        state.status == "stopped"
        and state.reason.startswith("stopped by you at step ")
        and state.exit_code == 0
    )
    stopped_at = int(state.reason.split()[-1])
    jobs.resume(home, run.id)
    state = wait_for_status(run, "done")
    assert state.attempt == 2 and state.stop_requested_at is None
    index = Index(home)
    index.refresh()
    assert 5 <= stopped_at < 60
    assert index.series(run.id, "loss").x.tolist() == list(range(1, 61))


def test_a_deaf_trainer_is_killed_with_its_group_after_the_grace(home, launch):
    run = launch(steps=10_000, deaf=True, child=True)
    wait_for_step(run, 2)
    began = time.monotonic()
    jobs.stop(home, run.id, grace=0.5, wait=True)
    assert time.monotonic() - began >= 0.5
    state = run.read_state()
    assert state.status == "stopped" and "0.5 s" in state.reason and state.signal == 9
    assert not is_locked(slot_lock(home, "cpu")) or workers(home)


def test_a_suspended_trainer_hears_a_stop(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 3)
    os.kill(run.read_state().pid, signal.SIGSTOP)
    jobs.stop(home, run.id, wait=True)
    assert run.read_state().status == "stopped" and run.read_state().exit_code == 0


def test_a_queued_run_stops_at_once_and_never_starts(home, launch):
    first = launch(steps=10_000)
    wait_for_status(first, "running")
    second = launch(steps=5)
    jobs.stop(home, second.id)
    state = second.read_state()
    assert (state.status, state.reason, state.attempt) == ("stopped", "stopped while queued", 0)
    jobs.stop(home, first.id, wait=True)
    wait_for(lambda: not workers(home))
    assert second.read_state().status == "stopped" and not second.events_path(1).exists()


def test_stopping_an_ended_run_changes_nothing(home, launch):
    run = launch(steps=2)
    before = wait_for_status(run, "done")
    jobs.stop(home, run.id, wait=True)
    assert run.read_state() == before


def test_a_stop_that_races_the_end_never_overwrites_it(home, launch):
    for n in range(6):
        run = launch(steps=4 + n, pause=0.005)
        wait_for(lambda run=run: run.read_state().status != "queued")
        time.sleep(0.01 * n)
        jobs.stop(home, run.id, wait=True)
        state = run.read_state()
        assert state.status in ("done", "stopped"), state
        if state.status == "done":
            assert state.reason == "" and state.exit_code == 0


def test_resume_refuses_what_makes_no_sense(home, launch):
    run = launch(steps=300, pause=0.02)
    wait_for_step(run, 1)
    with pytest.raises(jobs.JobError, match="already running"):
        jobs.resume(home, run.id)
    other = launch(steps=2)
    with pytest.raises(jobs.JobError, match="already queued"):
        jobs.resume(home, other.id)
    jobs.stop(home, run.id, wait=True)
    wait_for_status(other, "done")
    with pytest.raises(jobs.JobError, match="already finished"):
        jobs.resume(home, other.id)
    with pytest.raises(jobs.JobError, match="there is no run"):
        jobs.resume(home, "20200101-000000-00000")
    with pytest.raises(jobs.JobError, match="there is no run"):
        jobs.stop(home, "../../etc")


def test_two_resumes_at_once_start_one_attempt(home, launch):
    from concurrent.futures import ThreadPoolExecutor

    run = launch(steps=10, fail=3)
    wait_for_status(run, "failed")

    def resume(_: int) -> str:
        try:
            jobs.resume(home, run.id)
        except jobs.JobError as error:
            return str(error)
        return "resumed"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(resume, range(8)))
    assert said.count("resumed") == 1
    state = wait_for_status(run, "failed")
    assert state.attempt == 2 and [a for a, _ in run.events_files()] == [1, 2]


def test_a_live_run_is_not_removed_and_an_ended_one_is(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 1)
    with pytest.raises(jobs.JobError, match="is running; stop it first"):
        jobs.remove(home, run.id)
    assert run.path.is_dir()
    jobs.stop(home, run.id, wait=True)
    wait_for(lambda: not workers(home))
    jobs.remove(home, run.id)
    assert list((home / "runs").iterdir()) == []


def test_a_queued_run_may_be_removed(home, launch):
    first, second = launch(steps=10_000), launch(steps=5)
    wait_for_status(first, "running")
    jobs.remove(home, second.id)
    jobs.stop(home, first.id, wait=True)
    wait_for(lambda: not workers(home))
    assert not second.path.exists()


def test_a_launched_run_says_all_that_is_needed_to_run_it_again(home, monkeypatch):
    monkeypatch.setattr("gentui.jobs.launching.ensure_workers", lambda *given: None)
    monkeypatch.setattr("engine.settings.datasets.published.FashionMNIST.locate", classmethod(lambda cls: None))
    chosen = recipe.load("fashion-resnet-noise", quick=True)
    run = jobs.launch(home, chosen, name="mine\x1b[0m", seed=1234, device="cpu", command=["gentui", "run", "x"])
    info = run.info()
    assert info["id"] == run.id and info["name"] == "mine" and info["seed"] == 1234 and info["quick"] is True
    assert info["stand_in_for"] == "fashion-mnist" and info["dataset"] == "digits"
    assert info["command"] == ["gentui", "run", "x"] and info["device"] == "cpu"
    assert info["versions"]["torch"] and info["versions"]["gentui"] and info["versions"]["python"]
    assert info["total_steps"] == chosen.steps_total() and info["reference"]["value"]
    assert info["git"] is None or len(info["git"].removesuffix("-dirty")) == 40
    again = recipe.load(run.recipe_path)
    assert again.train.seed == 1234 and again.raw() == chosen.with_values({"train.seed": 1234}).raw()
    assert run.read_state().slot == "cpu" and run.read_state().status == "queued"


def test_everything_under_home_is_private(home, launch):
    old = os.umask(0o022)
    try:
        run = launch(steps=12)
        wait_for_status(run, "done")
        wait_for(lambda: not workers(home))
    finally:
        os.umask(old)
    paths = [path for path in home.rglob("*")]
    assert {"cpu.lock", "cpu.worker.lock", "cpu.worker.log", "log.txt"} <= {path.name for path in paths}
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_device_that_is_not_here_is_refused(home):
    with pytest.raises(jobs.JobError, match="there is no device cuda:77 on this machine"):
        jobs.launch(home, recipe.load("digits-unet"), device="cuda:77")
    assert not (home / "runs").exists()


def test_the_trainer_belongs_to_no_terminal_and_to_its_own_session(home, launch):
    run = launch(steps=10_000)
    wait_for_step(run, 1)
    (worker,) = workers(home)
    pid = run.read_state().pid
    assert os.getsid(pid) == pid and os.getsid(worker) == worker and os.getsid(0) not in (pid, worker)
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    os.kill(worker, signal.SIGHUP)
    wait_for_step(run, last_step(run) + 5)
    assert workers(home) == [worker]
    state = run.read_state()
    assert state.boot_id == boot_id() and trainers(home) == [pid]
    jobs.stop(home, run.id, wait=True)


def test_a_stop_before_the_trainer_is_known_reaches_it(home, launch):
    """Between the claim and the recorded pid only the request stands; the worker passes it on."""
    for _ in range(4):
        run = launch(steps=10_000)
        wait_for(lambda run=run: run.read_state().status == "running", seconds=20)
        jobs.stop(home, run.id, wait=True)
        assert run.read_state().status == "stopped"
    assert not processes("fake_trainer", str(home))
