"""Jobs whose worker and process died unseen, or with the machine: every command knows how they ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.recipes import recipe
from engine.runs.directory import RunDir, State, boot_id, list_runs
from engine.runs.events import EventWriter
from gentui.jobs import annotations
from gentui.jobs.evaluations import EvaluationDir
from tests.support.cli import PROTOCOL
from tests.support.jobs import FAKE, evaluators, last_step, trainers, wait_for_status, wait_for_step, workers
from tests.support.processes import COMMANDS, completed, end_all_of
from tests.support.waiting import wait_for

LONG = {"steps": 100_000}
ENDS = {"killed": "lost", "restarted": "interrupted"}
"""How a run died, and what every command must call that."""


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


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory) -> Iterator[Path]:
    """A home with a run whose worker and trainer were killed, in this order, after step 10. Nobody changes it."""
    folder = tmp_path_factory.mktemp("killed")
    home, plan = folder / "home", folder / "pretend.toml"
    home.mkdir(mode=0o700)
    plan.write_text(recipe.load("digits-unet").model_copy(update={"summary": json.dumps(LONG)}).to_toml())
    variables = {
        **os.environ,
        "GENTUI_HOME": str(home),
        "GENTUI_TRAINER": json.dumps([sys.executable, "-P", str(FAKE)]),
    }
    try:
        begun = completed(["-m", "gentui", "run", plan], env=variables, imported=COMMANDS)
        assert begun.returncode == 0, begun.stderr
        (run,) = list_runs(home)
        wait_for_step(run, 11)
        wait_for(lambda: run.read_state().pid, "its worker to note the trainer")
        kill(*workers(home))
        kill(*trainers(home))
        assert run.read_state().status == "running"
        yield home
    finally:
        end_all_of(home)


@pytest.fixture
def killed(killed_once, home) -> RunDir:
    """That run, in a home of the test's own."""
    shutil.copytree(killed_once, home, dirs_exist_ok=True)
    (run,) = list_runs(home)
    return run


@pytest.fixture
def restarted(make_run) -> RunDir:
    """A run that an earlier boot of the machine left at work; its pid is another process's by now."""
    run = make_run(status="stopped")
    run.write_state(State("running", attempt=1, slot="cpu", pid=os.getpid(), start_time=1, boot_id="another"))
    path = run.events_path(1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    return run


@pytest.fixture(params=ENDS)
def how(request) -> str:
    return ENDS[request.param]


@pytest.fixture
def dead(request, how) -> RunDir:
    """A run that died in this way, of which ``state.json`` still says that it is running."""
    run = request.getfixturevalue({end: name for name, end in ENDS.items()}[how])
    assert run.read_state().status == "running"
    return run


def test_a_dead_run_is_resumed_at_once(gentui, dead):
    went_to = last_step(dead)
    resumed = gentui("resume", dead.id)
    assert resumed.returncode == 0 and "already" not in resumed.stderr, resumed.stderr
    assert wait_for_status(dead, "running", "done").attempt == 2
    wait_for(lambda: last_step(dead) > went_to, "it to go on")
    assert gentui("stop", "--wait", dead.id).returncode == 0


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
        (["stop"], 0, "has ended already: {how}"),
        (["queue", "--first"], 4, "is {how}: only a queued job can be moved"),
        (["rm"], 0, "is in the trash"),
        (["logs", "-f"], 0, ""),
        (["events", "-f"], 0, ""),
    ],
)
def test_every_command_judges_a_dead_run_by_its_end(gentui, dead, how, home, command, code, says):
    name, *options = command
    done = gentui(name, dead.id, *options)
    assert (done.returncode, says.format(how=how) in done.stderr) == (code, True), done.stderr
    if name == "rm":
        thrown = json.loads((home / "trash" / dead.id / "run" / "state.json").read_bytes())
        assert thrown["status"] == how
    else:
        assert dead.read_state().status == how
    if name == "logs":
        assert done.stdout == dead.log_path.read_text() != ""
    if name == "events":
        assert len(done.stdout.splitlines()) == len(dead.events_path(1).read_bytes().splitlines()) > 3


def test_a_dead_run_can_be_annotated(gentui, dead, how):
    for command in (["tag", dead.id, "+kept"], ["note", dead.id, "It died."], ["rename", dead.id, "ghost"]):
        done = gentui(*command)
        assert done.returncode == 0, done.stderr
    assert annotations.read(dead) == annotations.Annotations("ghost", ("kept",), "It died.")
    (row,) = json.loads(gentui("runs", "--json").stdout)
    assert (row["name"], row["tags"], row["notes"], row["status"]) == ("ghost", ["kept"], "It died.", how)


def test_whatever_lists_a_dead_run_tells_its_end(gentui, dead, how, make_run, tmp_path):
    other = make_run(name="other", scores=(4.5,))
    log = EventWriter(dead.events_path(1))
    log.emit(
        "evaluation", step=10, images=80, metric="fid", value=3.5, lower_is_better=True, floor=1.5, seconds=2.0,
        best=True, **PROTOCOL,
    )  # fmt: skip
    log.close()

    def told(*command: str) -> str:
        done = gentui(*command)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    table = next(line for line in told("runs").splitlines() if line.startswith(dead.id))
    assert how in table and "running" not in table
    assert [row["id"] for row in json.loads(told("runs", "--status", how, "--json"))] == [dead.id]
    shown = json.loads(told("show", dead.id, "--json"))
    assert (shown["status"], shown["eta_s"], bool(shown["reason"])) == (how, None, True)
    compared = json.loads(told("compare", dead.id, other.id, "--json"))
    assert [row["status"] for row in compared["runs"]] == [how, "done"]
    ranked = [row["run"] for row in json.loads(told("leaderboard", "--json")) if row["run"]]
    assert ranked == [dead.id, other.id]
    exported = json.loads(told("export", "-f", "json", "--status", how))
    assert [row["run"] for row in exported if row["kind"] == "run"] == [dead.id]
    told("report", dead.id, "-o", str(tmp_path / "report"))
    assert f"{how}: {shown['reason']}" in (tmp_path / "report" / "report.md").read_text()


def test_a_dead_run_is_not_in_the_queue(gentui, dead):
    listed = gentui("queue")
    assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
    assert "nothing is queued, and nothing runs" in listed.stderr


def test_a_dead_run_is_evaluated(gentui, dead, how, home):
    dead.checkpoint("last").mkdir()
    queued = gentui("evaluate", "--no-wait", dead.id)
    assert queued.returncode == 0, queued.stderr
    job = EvaluationDir(home / "evaluations" / queued.stdout.strip())
    assert wait_for_status(job, "done").attempt == 1
    assert dead.read_state().status == how


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
