"""Runs on another machine by a real OpenSSH: begun, stopped, resumed, killed, out of reach, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, list_runs
from gentui import jobs
from gentui.jobs import launchers
from gentui.jobs.launchers.hosts import hosts
from gentui.jobs.launchers.local import locks
from gentui.jobs.launchers.ssh import launcher as module
from gentui.jobs.launchers.ssh.standing import standing
from tests.support.jobs import last_step, look, trainers, workers
from tests.support.ssh import NAME, Machine, lacking
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.skipif(bool(lacking()), reason=lacking()), pytest.mark.timeout(120)]

Launch = Callable[..., RunDir]


@pytest.fixture(autouse=True)
def reached(home: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine as every test finds it: up, known, and asked as often as tests look."""
    monkeypatch.setattr(module, "SOON", 0.5)
    monkeypatch.setattr(module, "SELDOM", 1.0)
    launchers._launcher.cache_clear()
    (home / "hosts.toml").write_text(machine.hosts())
    yield


@pytest.fixture
def send(home: Path) -> Launch:
    """Launch a run of the fake trainer, which behaves as the keywords say, on the machine."""

    def send(name: str = "", place: Path = home, **plan: object) -> RunDir:
        chosen = load("digits-unet").model_copy(update={"summary": json.dumps(plan)})
        return jobs.launch(place, chosen, name=name, on=NAME, command=["gentui", "run"])

    return send


def becomes(run: RunDir, status: str) -> str:
    """Look at the run until it has this status; its reason."""

    def there() -> tuple[str, str] | None:
        seen = look(run)
        assert seen[0] in (status, "queued", "running"), seen
        return seen if seen[0] == status else None

    return wait_for(there, f"{run.id} to be {status}, it is {look(run)}", interval=0.05)[1]


def begun(run: RunDir, attempt: int = 1) -> None:
    """Wait until this attempt of the run trains, and its worker has said so."""

    def there() -> bool:
        look(run)
        state = run.read_state()
        return state.attempt == attempt and state.pid is not None and last_step(run) >= 3

    wait_for(there, f"{run.id} to train, it is {run.read_state()}", interval=0.05)


def says(run: RunDir, words: str) -> str:
    """Look at the run until its reason has these words; the reason."""
    return wait_for(
        lambda: reason if words in (reason := look(run)[1]) else None, f"{words}; {look(run)}", interval=0.05
    )


def test_a_run_goes_there_is_done_and_nothing_of_here_is_left(home, machine):
    """The command that launches it is killed with all it has started, as by a terminal that is closed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gentui", "run", "digits-unet", "--on", NAME, "--wait"],
        env={**os.environ, "GENTUI_HOME": str(home)}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: list_runs(home), "the run")
    (run,) = list_runs(home)
    wait_for(lambda: run.read_state().status != "queued", "the machine to take it")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: run.read_state().ended, "its end, which nobody here has seen")
    state = run.read_state()
    assert (state.status, state.exit_code, state.boot_id) == ("done", 0, machine.boot)
    assert state.extra["host"] == state.extra["on"]["host"] == machine.name
    told = home / "slots" / machine.name / "cpu.worker.log"
    wait_for(lambda: told.read_text().count(run.id) == 2, "its worker there to say so")
    assert not list((home / "slots" / locks.host_name()).glob("cpu*"))
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "gentui", "show", "latest", "--json"], capture_output=True, check=True,
        env={**os.environ, "GENTUI_HOME": str(home)},
    )  # fmt: skip
    assert json.loads(shown.stdout)["where"] == f"{NAME} cpu"


def test_it_saves_when_it_is_stopped_and_goes_on_there_when_it_is_resumed(home, send):
    first, second = send(steps=10_000), send(steps=3)
    begun(first)
    assert says(second, "waits for its turn") == f"{NAME}: it waits for its turn"
    jobs.stop(home, second.id)
    assert second.read_state().reason == "stopped while queued"
    jobs.stop(home, first.id, wait=True)
    step = last_step(first)
    assert becomes(first, "stopped") == f"stopped by you at step {step}"
    jobs.resume(home, first.id)
    begun(first, attempt=2)
    assert first.read_state().extra["on"]["name"] == NAME and last_step(first) > step
    assert f"attempt 2 from step {step}" in first.log_path.read_text() and second.events_files() == []
    jobs.stop(home, first.id, wait=True)


def test_an_evaluation_goes_there_too_and_is_stopped_from_here(home, send):
    run = send(steps=3, scoring={"pause": 0.01})
    (run.checkpoints / "last").mkdir()
    becomes(run, "done")
    job = jobs.evaluate(home, run.id, {"samples": 3}, on=NAME)
    wait_for(lambda: jobs.reconcile_and_spawn(home) or job.read_state().ended, "the scores", interval=0.05)
    assert job.read_state().status == "done" and job.scores()[0]["value"] == 12.5
    assert job.read_state().extra["host"] == run.read_state().extra["host"]
    job = jobs.evaluate(home, run.id, {"samples": 100_000}, on=NAME)
    wait_for(lambda: job.read_state().status == "running", "it to be taken")
    jobs.stop(home, job.id, wait=True)
    assert job.read_state().status == "stopped"
    jobs.resume(home, job.id)
    assert job.read_state().extra["on"]["name"] == NAME
    jobs.stop(home, job.id, wait=True)


def test_of_one_that_is_killed_there_says_that_machine_what_happened(home, send, monkeypatch):
    killed = send(steps=10_000)
    begun(killed)
    os.kill(*trainers(home), signal.SIGKILL)
    assert becomes(killed, "failed") == "killed by signal 9"
    monkeypatch.setattr(module, "SELDOM", 1000.0)
    lost = send(steps=10_000)
    begun(lost)
    wait_for(lambda: not standing(home, hosts(home)[NAME]).is_asked, "the machine not to be asked")
    before = lost.state_path.read_bytes()
    for pid in [*workers(home), *trainers(home)]:
        os.kill(pid, signal.SIGKILL)
    jobs.reconcile_and_spawn(home)
    assert jobs.settled(lost).status == "running" and lost.state_path.read_bytes() == before
    monkeypatch.setattr(module, "SELDOM", 1.0)
    assert becomes(lost, "lost") == "the trainer vanished while no worker was watching it"


def test_out_of_reach_changes_nothing(home, machine, send):
    run = send(steps=10_000, pause=0.05)
    begun(run)
    before = run.state_path.read_bytes()
    machine.stop_sshd()
    try:
        reason = says(run, "no sshd answers there (ssh: connect to host 127.0.0.1")
        assert reason.startswith(f"{NAME} cannot be reached since ")
        assert look(run)[0] == "running" and run.state_path.read_bytes() == before
        step = last_step(run)
        wait_for(lambda: last_step(run) > step, "the run to go on")
        with pytest.raises(jobs.JobError, match=f"{NAME} cannot be reached: no sshd answers there"):
            send()
        assert len(list_runs(home)) == 1
        with pytest.raises(jobs.JobError, match="is already running"):
            jobs.resume(home, run.id, on="local")
        jobs.stop(home, run.id)  # the worker there reads it in the home
        assert becomes(run, "stopped").startswith("stopped by you at step")
    finally:
        machine.start_sshd()
    jobs.resume(home, run.id)
    begun(run, attempt=2)
    assert look(run) == ("running", "")
    jobs.stop(home, run.id, wait=True)


def test_one_that_was_given_up_and_lives_after_all_leaves_without_writing(home, machine, send, monkeypatch):
    """As with a machine that hangs, and a file system on which locks are known to one machine only."""
    run = send(steps=10_000)
    begun(run)
    (theirs,) = trainers(home)
    machine.stop_sshd()
    wait_for(lambda: not machine.is_answering(), "the last question to be answered, which would heed the stop")
    for pid in [*workers(home), theirs]:
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(module, "QUIET_AFTER", 0.1)
    try:
        jobs.stop(home, run.id, grace=0.1)
        run.lock_path.unlink()  # another file: locks of the one are not seen here
        becomes(run, "stopped")
        jobs.resume(home, run.id, on="local")
    finally:
        machine.start_sshd()
    wait_for(lambda: run.read_state().attempt == 2 and last_step(run), "the trainer of here")
    os.kill(theirs, signal.SIGCONT)
    wait_for(lambda: theirs not in trainers(home), "that of there to leave")
    assert "has taken the run over" in run.log_path.read_text()
    assert run.read_state().status == "running" and "on" not in run.read_state().extra
    for pid in workers(home):
        os.kill(pid, signal.SIGCONT)
    jobs.stop(home, run.id, wait=True)


def test_another_home_and_another_machine_are_refused(home, machine, send, tmp_path):
    other, same = tmp_path / "other", tmp_path / "same"
    other.mkdir(mode=0o700)
    same.symlink_to(home)
    hosts = home / "hosts.toml"
    for there, why in ((other, f"{other} there is not {home} here"), (tmp_path / "none", "there is no folder")):
        hosts.write_text(machine.hosts(home=str(there)))
        with pytest.raises(
            jobs.JobError, match=f"{NAME} cannot take runs of this home: {why}.*names its path there"
        ):
            send()
    hosts.write_text(machine.hosts(home=str(same)))  # another path, the same folder
    assert becomes(send(steps=3), "done") == ""
    for key, why in (
        ("other", "its host key is not the one that is known"),
        ("", "its host key is not known here"),
    ):
        machine.know(key)
        try:
            with pytest.raises(jobs.JobError, match=f"{NAME} cannot be reached: {why}"):
                send()
        finally:
            machine.know("host")
    hosts.write_text(machine.hosts(python="/no/such/python"))
    with pytest.raises(jobs.JobError, match="there is no /no/such/python there"):
        send()
    assert len(list_runs(home)) == 1 and not list(home.glob(".probe-*"))


def test_names_are_never_part_of_a_command(home, machine, send, tmp_path):
    odd = tmp_path / "a 'b' \"c\" $(touch caught) `touch caught`; touch caught #%h\\"
    odd.mkdir(mode=0o700)
    (odd / "hosts.toml").write_text(
        machine.hosts(setup=["export GENTUI_GREETING='it''s'", "echo hello; echo hi >&2"])
    )
    run = send("'; touch caught; $(touch caught) \n --", place=odd, steps=3)
    assert becomes(run, "done") == ""
    assert not list(tmp_path.rglob("caught")) and not (Path.home() / "caught").exists()


def test_a_machine_that_was_restarted_says_so_itself(home, tmp_path, send):
    machine = Machine()
    try:
        machine.switch_on()
        (home / "hosts.toml").write_text(machine.hosts())
        run = send(steps=10_000)
        begun(run)
        machine.restart()
        assert run.read_state().status == "running"
        assert becomes(run, "interrupted") == "the machine was restarted while it ran"
    finally:
        machine.end()


def test_a_sweep_is_queued_there_and_reordered_from_here(home, send, machine):
    blocking = send(steps=10_000)
    begun(blocking)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gentui", "run", "digits-unet", "--sweep", "seed=0..1", "--on", NAME],
        env={**os.environ, "GENTUI_HOME": str(home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = (RunDir(home / "runs" / name) for name in done.stdout.split())
    jobs.reorder(home, second.id, "first")
    jobs.stop(home, blocking.id, wait=True)
    began = time.time()
    for run in (first, second):
        assert becomes(run, "done") == ""
    assert began - 60 < second.read_state().started_at < first.read_state().started_at
