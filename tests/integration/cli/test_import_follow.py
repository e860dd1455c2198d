"""``gentui import --follow``: a run of another program lives as long as its log is followed, in no wrong state ever."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, list_runs
from tests.support.logs import WANDB, WandbFile, begun, values_of
from tests.support.waiting import wait_for


@pytest.fixture
def log(tmp_path) -> WandbFile:
    """The log of a script that still runs, a step ahead."""
    made = WandbFile(tmp_path / "r")
    made.add(run={"run_id": "x", "display_name": "theirs", "tags": ["a"], "start_time": "2025-06-01T10:00:00Z"})
    made.log(1, loss=1.0, _timestamp=1748772001.0)
    return made


@pytest.fixture
def follow(environment) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``gentui import`` with these arguments and goes on."""
    started = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "gentui", "import", *arguments], env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was told."""
    _, told = process.communicate(timeout=60)
    return process.returncode, told


def run_at(home: Path, step: int) -> RunDir:
    """The only run, once it has come to the step."""

    def there() -> RunDir | None:
        runs = list_runs(home)
        return runs[0] if runs and step in values_of(runs[0].path) else None

    return wait_for(there)


def test_a_growing_log_is_followed_to_its_end(gentui, follow, home, log):
    process = follow(str(log.path), "--follow", "--json")
    run = run_at(home, 1)
    state = run.read_state()
    assert state.status == "running" and state.pid == process.pid and run.is_alive()
    (row,) = json.loads(gentui("runs", "--json").stdout)
    assert (row["status"], row["name"], row["tags"]) == ("running", "theirs", ["a"])
    log.log(2, loss=0.5, _timestamp=1748772011.0)
    log.add(config={"update": [{"key": "lr", "value_json": "0.1"}]})
    run_at(home, 2)
    wait_for(lambda: "lr = 0.1" in run.recipe_path.read_text())
    assert gentui("rm", run.id).returncode == 4  # it lives
    log.add(exit={"exit_code": 0})
    process.wait(60)
    told = json.loads(process.communicate()[0])
    assert process.returncode == 0 and told[0]["status"] == "done" and told[0]["points"] == 2
    state = run.read_state()
    assert (state.status, state.exit_code, state.started_at, state.ended_at) == (
        "done",
        0,
        1748772000.0,
        1748772011.0,
    )
    assert not run.is_alive()
    assert json.loads(gentui("show", run.id, "--json").stdout)["seconds"] == 11.0


def test_a_script_that_logs_with_wandb_is_followed_while_it_runs(follow, home, tmp_path):
    script = begun(WANDB, tmp_path / "theirs")
    wait_for(lambda: list((tmp_path / "theirs").glob("wandb/offline-run-*/run-*.wandb")), seconds=120)
    process = follow(str(tmp_path / "theirs"), "--follow")
    assert script.wait(300) == 0
    code, told = ended(process)
    assert code == 0 and "first try (wandb): 802 points, 6 series, 4 pictures; done" in told
    (run,) = list_runs(home)
    assert values_of(run.path)[199]["loss"] == 1 / 200 and run.read_state().status == "done"
    assert run.info()["name"] == "first try" and "lr = 0.001" in run.recipe_path.read_text()


def test_a_run_that_begins_in_a_followed_folder_is_followed_too(follow, home, tmp_path):
    folder = tmp_path / "wandb"
    first = WandbFile(folder / "offline-run-1", "run-one")
    first.add(run={"run_id": "one", "display_name": "first"})
    first.log(1, loss=1.0)
    process = follow(str(folder), "--follow", "--json")
    run_at(home, 1)
    second = WandbFile(folder / "offline-run-2", "run-two")
    second.add(run={"run_id": "two", "display_name": "second"})
    second.log(7, loss=2.0)
    other = wait_for(lambda: next((r for r in list_runs(home) if 7 in values_of(r.path)), None))
    assert other.read_state().status == "running" and other.info()["name"] == "second"
    second.add(exit={"exit_code": 0})
    wait_for(lambda: other.read_state().status == "done")
    assert process.poll() is None, "the first one goes on"
    first.add(exit={"exit_code": 0})
    told = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 0 and [row["name"] for row in told] == ["first", "second"]


def test_a_script_that_fails_while_it_is_followed(follow, home, log):
    process = follow(str(log.path), "--follow")
    run = run_at(home, 1)
    log.add(exit={"exit_code": 2})
    code, told = ended(process)
    assert code == 1 and "failed: the script ended with exit code 2" in told
    assert run.read_state().status == "failed"


def test_a_killed_follower_leaves_an_interrupted_run_that_goes_on_when_imported_again(
    gentui, follow, home, log
):
    process = follow(str(log.path), "--follow")
    run = run_at(home, 1)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert run.read_state().status == "running"  # nobody has looked yet
    (row,) = json.loads(gentui("runs", "--json").stdout)
    assert row["status"] == "interrupted" and "`gentui import` that followed it was killed" in row["reason"]
    resumed = gentui("resume", run.id)
    assert resumed.returncode == 4 and "was imported from wandb" in resumed.stderr
    with suppress(FileNotFoundError):
        assert not list((home / "slots").iterdir())  # nothing was given to a worker
    log.log(2, loss=0.5)
    again = follow(str(log.path), "--follow")
    assert run_at(home, 2).id == run.id
    wait_for(lambda: run.read_state().status == "running")  # written just after the events
    log.add(exit={"exit_code": 0})
    assert ended(again)[0] == 0 and run.read_state().status == "done"
    assert len(list_runs(home)) == 1


def test_what_is_recorded_of_a_killed_follower_is_what_was_shown(follow, home, log):
    from gentui import jobs

    process = follow(str(log.path), "--follow")
    run = run_at(home, 1)
    process.kill()
    process.wait(30)
    jobs.reconcile(home)
    state = run.read_state()
    assert state.status == "interrupted" and "import it again" in state.reason and state.attempt == 1
    jobs.reconcile(home)
    assert run.read_state() == state


def test_ctrl_c_leaves_the_script_alone(follow, home, log):
    process = follow(str(log.path), "--follow")
    run = run_at(home, 1)
    process.send_signal(signal.SIGINT)
    code, told = ended(process)
    assert code == 130 and "Traceback" not in told
    state = run.read_state()
    assert state.status == "interrupted" and "--follow` continues" in state.reason and not run.is_alive()


def test_stop_ends_the_following_of_one_run_alone(gentui, follow, home, log, tmp_path):
    other = WandbFile(tmp_path / "s", "run-other")
    other.log(1, loss=1.0)
    process = follow(str(log.path), str(other.path), "--follow")
    wait_for(
        lambda: (
            len(list_runs(home)) == 2 and all(run.read_state().status == "running" for run in list_runs(home))
        )
    )
    first, second = list_runs(home)
    done = gentui("stop", first.id, "--wait")
    assert done.returncode == 0 and "is no longer followed" in done.stderr, done.stderr
    assert first.read_state().status == "stopped" and second.read_state().status == "running"
    assert process.poll() is None and not first.is_alive()
    other.add(exit={"exit_code": 0})
    assert ended(process)[0] == 1 and second.read_state().status == "done"


def test_a_log_is_followed_by_one_at_a_time(gentui, follow, home, log):
    follow(str(log.path), "--follow")
    run = run_at(home, 1)
    second = gentui("import", str(log.path))
    assert second.returncode == 4 and f"run {run.id}" in second.stderr and "another gentui" in second.stderr
    assert run.read_state().status == "running" and len(list_runs(home)) == 1


def test_what_is_piped_in_is_seen_while_it_comes(follow, home):
    process = follow("-", "--name", "mine")
    assert process.stdin is not None
    assert not list_runs(home)
    process.stdin.write('hello\n{"step": 1, "loss": 1}\n')
    process.stdin.flush()
    run = run_at(home, 1)
    assert run.read_state().status == "running" and run.log_path.read_text() == "hello\n"
    process.stdin.write('{"step": 2, "loss": 0.5}\n{"step": 3')
    process.stdin.flush()
    run_at(home, 2)
    process.stdin.write(', "loss": 0.25}')
    code, _ = ended(process)
    assert code == 0 and values_of(run.path)[3] == {"loss": 0.25}
    assert run.read_state().status == "done"


def test_nothing_through_the_pipe_is_no_run(gentui, home):
    done = gentui("import", "-", input="")
    assert done.returncode == 2 and "standard input was empty" in done.stderr
    done = gentui("import", "-", input="only words\n")
    assert done.returncode == 1 and "failed: no line was a JSON object with numbers" in done.stderr


def test_a_table_that_grows_is_followed(follow, home, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("step,loss\n1,0.5\n2,0.")
    process = follow(str(path), "--follow")
    run = run_at(home, 1)
    with path.open("a") as file:
        file.write("25\n")
    assert run_at(home, 2) and values_of(run.path)[2] == {"loss": 0.25}
    process.send_signal(signal.SIGINT)
    code, told = ended(process)
    assert code == 130 and "m (csv): 2 points, 1 series; interrupted: not followed beyond step 2" in told


def test_an_import_killed_at_any_moment_leaves_no_run_or_a_sound_one(environment, home, tmp_path):
    log = WandbFile(tmp_path / "r")
    for step in range(3000):
        log.log(step, loss=1.0)
    log.add(exit={"exit_code": 0})
    for delay in range(8):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gentui", "import", str(log.path)], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.25 + 0.1 * delay)
        process.kill()
        process.wait(30)
        for run in list_runs(home):
            state = run.read_state()
            assert state.status == "done" and len(values_of(run.path)) == 3000
        assert len(list_runs(home)) <= 1


def test_several_imports_of_one_log_at_once_make_one_run(environment, home, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("step,loss\n" + "".join(f"{step},0.5\n" for step in range(5000)))
    command = [sys.executable, "-P", "-m", "gentui", "import", str(path)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(4)
    ]
    told = {process.communicate(timeout=60)[0] for process in processes}
    assert len(told) == 1 and [process.returncode for process in processes] == [0] * 4
    (run,) = list_runs(home)
    assert run.read_state().attempt == 4 and len(values_of(run.path)) == 5000


def test_ctrl_c_before_anything_came_leaves_nothing(follow, home):
    process = follow("-")
    wait_for(lambda: list((home / "runs").glob(".new-*")))
    process.send_signal(signal.SIGINT)
    code, told = ended(process)
    assert code == 130 and told.strip() == "interrupted" and not list((home / "runs").glob("*"))


def test_the_pipe_stands_alone(gentui, tmp_path):
    (tmp_path / "m.csv").write_text("loss\n1\n")
    done = gentui("import", "-", str(tmp_path / "m.csv"), input="{}")
    assert done.returncode == 2 and "- stands alone" in done.stderr
