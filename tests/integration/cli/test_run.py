"""``run``, ``stop``, ``resume`` with real processes; the training itself is pretended."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from engine.runs.directory import RunDir, list_runs
from engine.runs.events import iter_events
from tests.support.jobs import workers
from tests.support.waiting import wait_for

GENTUI = [sys.executable, "-P", "-m", "gentui"]


def test_run_prints_the_id_and_trains_in_the_background(gentui, pretend, home):
    done = gentui("run", pretend(steps=5), "--name", "mine", "--seed", "5")
    assert done.returncode == 0, done.stderr
    run = RunDir(home / "runs" / done.stdout.strip())
    assert done.stdout == f"{run.id}\n"
    assert "gentui stop" in done.stderr
    assert (run.info()["name"], run.info()["seed"]) == ("mine", 5)
    assert "seed = 5" in run.recipe_path.read_text()
    wait_for(lambda: run.read_state().status == "done")


def test_run_wait_json_has_the_published_shape(gentui, pretend, home):
    done = gentui("run", pretend(steps=5), "--wait", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == {
        "id": result["id"], "status": "done", "reason": "", "dir": str(home / "runs" / result["id"]),
        "exit_code": 0, "steps": 5, "seconds": result["seconds"],
    }  # fmt: skip
    assert 0 <= result["seconds"] < 60
    assert "done" in done.stderr and f"`gentui show {result['id']}` tells more" in done.stderr


def test_run_wait_says_how_it_goes_in_plain_lines(gentui, pretend):
    done = gentui("run", pretend(steps=100, pause=0.02), "--wait")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert any("running · step" in line and "images/s" in line for line in done.stderr.splitlines())


@pytest.mark.parametrize("code", [1, 4], ids=["the run failed", "not possible here"])
def test_a_run_that_fails_ends_with_the_trainers_exit_code_and_reason(gentui, pretend, code):
    done = gentui("run", pretend(steps=20, fail=7, code=code), "--wait", "--json")
    assert done.returncode == code
    result = json.loads(done.stdout)
    assert (result["status"], result["exit_code"]) == ("failed", code)
    assert "made to fail at step 7" in result["reason"]
    assert "made to fail at step 7" in done.stderr


def test_run_json_without_wait_has_the_same_shape(gentui, pretend):
    result = json.loads(gentui("run", pretend(steps=5), "--json").stdout)
    assert set(result) == {"id", "status", "reason", "dir", "exit_code", "steps", "seconds"}


def test_stop_then_resume_finishes_the_run(gentui, pretend, home):
    run_id = gentui("run", pretend(steps=300, pause=0.02)).stdout.strip()
    run = RunDir(home / "runs" / run_id)
    wait_for(lambda: run.events_path(1).exists() and run.events_path(1).stat().st_size > 2000)
    stopped = gentui("stop", run_id, "--wait")
    assert stopped.returncode == 0, stopped.stderr
    assert run.read_state().status == "stopped"
    assert "has ended already" in gentui("stop", run_id).stderr
    resumed = gentui("resume", "latest", "--wait", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert (json.loads(resumed.stdout)["status"], json.loads(resumed.stdout)["steps"]) == ("done", 300)
    again = gentui("resume", run_id)
    assert again.returncode == 4
    assert "already finished" in again.stderr


def test_logs_follow_to_the_end_of_the_run(gentui, pretend, home):
    run_id = gentui("run", pretend(steps=50, pause=0.02)).stdout.strip()
    followed = gentui("logs", "-f", run_id)
    assert followed.returncode == 0
    assert followed.stdout == (home / "runs" / run_id / "log.txt").read_text()
    assert RunDir(home / "runs" / run_id).read_state().status == "done"


@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_while_waiting_leaves_the_run_going(environment, pretend, home, gentui, as_json):
    recipe = pretend(steps=100_000, pause=0.01)
    watching = subprocess.Popen(
        [*GENTUI, "run", recipe, "--wait", *(["--json"] if as_json else [])],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    (run,) = wait_for(lambda: started(home))
    wait_for(lambda: run.events_path(1).exists() and run.events_path(1).stat().st_size > 500)
    os.killpg(watching.pid, signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 130, err
    assert f"gentui stop {run.id}" in err
    assert "Traceback" not in err
    if as_json:
        assert json.loads(out)["status"] == "running"
    assert run.is_alive()
    size = run.events_path(1).stat().st_size
    wait_for(lambda: run.events_path(1).stat().st_size > size)
    gentui("stop", run.id, "--wait")


def test_killing_the_one_who_waits_does_not_stop_the_run(environment, pretend, home, gentui):
    watching = subprocess.Popen(
        [*GENTUI, "run", pretend(steps=200, pause=0.02), "--wait"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    (run,) = wait_for(lambda: started(home))
    wait_for(run.is_alive)
    os.killpg(watching.pid, signal.SIGKILL)
    watching.wait(timeout=10)
    wait_for(lambda: run.read_state().status == "done")


@pytest.mark.parametrize("waiting", ["run --wait", "logs -f"])
def test_who_waits_for_a_queue_whose_worker_is_killed_has_another_one_started(
    environment, pretend, home, gentui, waiting
):
    first = gentui("run", pretend(steps=100_000, pause=0.02)).stdout.strip()
    wait_for(lambda: started(home))
    recipe = pretend(steps=3)
    if waiting == "run --wait":
        arguments = ["run", recipe, "--wait"]
    else:
        arguments = ["logs", "-f", gentui("run", recipe).stdout.strip()]
    watching = subprocess.Popen(
        [*GENTUI, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert watching.stderr is not None
    if waiting != "logs -f":  # it is queued, and by now only waited for
        assert any("queued" in line for line in watching.stderr)
    (worker,) = workers(home)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: set(workers(home)) - {worker})
    os.kill(RunDir(home / "runs" / first).read_state().pid or 0, signal.SIGTERM)
    assert watching.wait(timeout=30) == 0
    watching.stderr.close()
    assert list_runs(home)[-1].read_state().status == "done"


def started(home) -> list[RunDir]:
    return [run for run in list_runs(home) if run.read_state().status == "running"]


def read_until_exit(process: subprocess.Popen, terminal: int, seconds: float = 60.0) -> bytes:
    """Everything written to the terminal until the process has ended."""
    seen, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the last one who had the other end has gone
                break
        elif process.poll() is not None:
            break
    process.wait(timeout=10)
    return seen


def test_on_a_terminal_there_is_a_bar_and_stdout_is_clean(environment, pretend):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GENTUI, "run", pretend(steps=150, pause=0.02), "--wait", "--json"],
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "100"},
        stdout=subprocess.PIPE, stderr=theirs, stdin=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = read_until_exit(process, ours).decode()
    assert process.stdout is not None
    assert json.loads(process.stdout.read())["status"] == "done"
    assert process.returncode == 0
    assert "━" in shown
    for fact in ("loss", "images/s", "ETA", "/150"):
        assert fact in shown


def test_names_are_cleaned_before_they_are_kept(gentui, pretend, home):
    run_id = gentui("run", pretend(steps=1), "--name", "a\x1b[31mb\u202e\nc").stdout.strip()
    assert RunDir(home / "runs" / run_id).info()["name"] == "ab c"


def test_a_run_is_shared_by_two_processes_and_goes_on_with_one(real_gentui, home):
    small = ["train.steps=10", "model.channels=16", "sample.steps=4", "evaluate.times=1", "evaluate.samples=64"]
    settings = [word for value in small for word in ("-o", value)]
    done = real_gentui(
        "run", "digits-unet", "--quick", *settings, "--device", "cpu", "--devices", "2", "--wait"
    )
    assert done.returncode == 0, done.stderr
    (run,) = list_runs(home)
    assert run.read_state().extra["devices"] == 2
    begun = next(event for event in iter_events(run.events_path(1)) if event.get("status") == "started")
    assert (begun["device"], begun["devices"], begun["total_images"]) == ("cpu", 2, 10 * 64)
    shown = real_gentui("show", run.id).stdout
    assert re.search(r"^device +2 × cpu", shown, re.MULTILINE)
    assert re.search(r"^speed .* images/s, .* images/s a device$", shown, re.MULTILINE)
    assert json.loads(real_gentui("runs", "--filter", "device:2", "--json").stdout)[0]["id"] == run.id


@pytest.mark.parametrize("count", ["7", "48"])
def test_a_batch_that_cannot_be_shared_is_told_at_once(gentui, home, count):
    refused = gentui("run", "digits-unet", "--devices", count)
    assert refused.returncode == 4
    assert (
        f"a batch of 64 images cannot be shared equally between {count} devices: use 2 or 4" in refused.stderr
    )
    assert list_runs(home) == []
