"""Jobs whose worker and process died unseen, or with the machine: every command knows how they ended."""

from __future__ import annotations

import json
import os
import signal

import pytest

from engine.runs.directory import RunDir, State, boot_id
from gentui.jobs.evaluations import EvaluationDir
from tests.support.jobs import evaluators, last_step, trainers, wait_for_status, wait_for_step, workers
from tests.support.waiting import wait_for

LONG = {"steps": 100_000}


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(_lives(pid) for pid in pids), "killed processes to be gone")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def dead(gentui, pretend, home, runs) -> RunDir:
    """A run whose worker and trainer were killed, in this order, after step 10."""
    assert gentui("run", pretend(**LONG)).returncode == 0
    (run,) = runs()
    wait_for_step(run, 11)
    kill(*workers(home))
    kill(*trainers(home))
    assert run.read_state().status == "running"
    return run


def test_a_run_whose_worker_and_trainer_died_is_resumed_at_once(gentui, dead):
    assert '"lost"' in gentui("show", dead.id, "--json").stdout
    resumed = gentui("resume", dead.id)
    assert resumed.returncode == 0, resumed.stderr
    state = wait_for_status(dead, "running")
    assert state.attempt == 2
    wait_for(lambda: last_step(dead) > 10, "it to go on from its checkpoint")
    assert gentui("stop", "--wait", dead.id).returncode == 0


def test_a_run_that_lost_its_machine_is_resumed_at_once(gentui, make_run):
    run = make_run(status="stopped")
    run.write_state(State("running", attempt=1, slot="cpu", pid=os.getpid(), start_time=1, boot_id="another"))
    run.events_path(1).write_text("")
    resumed = gentui("resume", run.id)
    assert resumed.returncode == 0 and "already" not in resumed.stderr, resumed.stderr
    assert wait_for_status(run, "done").attempt == 2


def test_what_a_dead_trainer_had_started_does_not_keep_its_run_from_being_resumed(gentui, pretend, home, runs):
    gentui("run", pretend(**LONG, child=True))  # the child holds the locks
    (run,) = runs()
    wait_for_step(run, 11)
    kill(*workers(home))
    kill(*trainers(home))
    resumed = gentui("resume", run.id)
    assert resumed.returncode == 0, resumed.stderr
    gentui("stop", "--wait", run.id)


def test_a_live_trainer_without_a_worker_is_still_running(gentui, pretend, home, runs):
    gentui("run", pretend(**LONG))
    (run,) = runs()
    wait_for_step(run, 3)
    kill(*workers(home))
    resumed = gentui("resume", run.id)
    assert resumed.returncode == 4 and "is already running" in resumed.stderr
    stopped = gentui("stop", "--wait", run.id)
    assert stopped.returncode == 0, stopped.stderr
    assert run.read_state().status == "stopped"


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["stop"], 0, "has ended already: lost"),
        (["queue", "--first"], 4, "is lost: only a queued job can be moved"),
        (["rm"], 0, "is in the trash"),
        (["tag", "+kept"], 0, ""),
        (["logs", "-f"], 0, ""),
        (["events", "-f"], 0, ""),
    ],
)
def test_every_command_judges_a_dead_run_by_its_end(gentui, dead, home, command, code, says):
    name, *options = command
    done = gentui(name, dead.id, *options)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    if name in ("stop", "queue", "logs", "events"):
        assert dead.read_state().status == "lost"
    if name == "rm":
        thrown = json.loads((home / "trash" / dead.id / "run" / "state.json").read_bytes())
        assert thrown["status"] == "lost"


def test_the_table_tells_the_end_of_a_dead_run(gentui, dead):
    rows = json.loads(gentui("export", "-f", "json", "--status", "lost").stdout)
    assert [row["run"] for row in rows if row["kind"] == "run"] == [dead.id]


def test_a_job_that_was_taken_but_never_started_can_be_moved_in_the_queue(gentui, make_run):
    run = make_run(status="stopped")
    run.events_path(1).unlink()
    run.write_state(State("running", attempt=1, slot="cpu", boot_id=boot_id(), queued_at=1.0))
    moved = gentui("queue", run.id, "--last")
    assert moved.returncode == 0, moved.stderr
    assert run.read_state().status == "queued"


def test_an_evaluation_whose_worker_and_process_died_is_resumed_at_once(
    gentui, environment, pretend, home, runs
):
    gentui("run", "--wait", pretend(steps=10, scoring={"images": 100_000}))
    (run,) = runs()
    run.checkpoint("last").mkdir()
    queued = gentui("evaluate", "--no-wait", run.id)
    assert queued.returncode == 0, queued.stderr
    job = EvaluationDir(home / "evaluations" / queued.stdout.strip())
    wait_for_status(job, "running")
    wait_for(
        lambda: evaluators(home) and job.read_state().pid, "the evaluation to begin, and its worker to note it"
    )
    kill(*workers(home))
    kill(*evaluators(home))
    assert json.loads(gentui("show", run.id, "--json").stdout)["pending"] == []
    assert job.read_state().status == "lost"
    assert gentui("resume", job.id).returncode == 0
    assert wait_for_status(job, "running").attempt == 2
    assert gentui("stop", "--wait", job.id).returncode == 0
