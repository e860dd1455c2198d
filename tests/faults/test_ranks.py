"""Two ranks of a run, real processes of the real trainer on a processor: stopped, killed, failing, and going on."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from engine.ranks import environment
from engine.runs.directory import RunDir, process_start_time
from engine.training import checkpoint
from tests.support.engine import events, finish, small_run, trainer, wait_for_step
from tests.support.jobs import processes
from tests.support.processes import Forked
from tests.support.waiting import wait_for

MANY = {"train__steps": 100_000, "evaluate__times": 0}


def ranks_of(run: RunDir) -> list[int]:
    """Processes that train the run, the leader not among them: it is a fork of the test's server."""
    return processes("engine", str(run.path))


def start(run: RunDir, *arguments: str):
    return trainer(run, "--devices", "2", *arguments)


def last_status(run: RunDir) -> tuple[str, str]:
    event = [e for e in events(run, "status") if e["status"] != "phase"][-1]
    return event["status"], event["reason"]


def test_a_run_on_two_devices_is_stopped_and_goes_on_with_one_and_again_with_two(tmp_path):
    run = small_run(tmp_path, **MANY)
    for attempt in (["--devices", "2"], [], ["--devices", "2"]):
        before = checkpoint.load_state(run)["step"] if checkpoint.exists(run) else 0
        process = trainer(run, *attempt)
        wait_for_step(run, process, before + 1)
        process.send_signal(signal.SIGTERM)
        code, output = finish(process)
        assert code == 0, output
        state = checkpoint.load_state(run)
        assert state["step"] > before and state["ranks"] == 1 + bool(attempt)
        assert last_status(run) == ("stopped", f"SIGTERM at step {state['step']}, checkpoint saved")
        assert not run.is_alive() and not ranks_of(run)
    begun = [event for event in events(run, "status") if event["status"] in ("started", "resumed")]
    assert [event["devices"] for event in begun] == [2, 1, 2]
    assert [event["total_images"] for event in begun] == [3_200_000] * 3


def test_the_others_end_with_a_leader_that_is_killed_and_the_lock_is_free(tmp_path):
    run = small_run(tmp_path, **MANY)
    process = start(run)
    wait_for_step(run, process, 2)
    assert ranks_of(run)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    wait_for(lambda: not ranks_of(run), "the other rank to end")
    assert not run.is_alive()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_rank_that_is_killed_fails_the_run_which_says_so(tmp_path, number):
    run = small_run(tmp_path, **MANY)
    process = start(run)
    wait_for_step(run, process, 2)
    (rank,) = ranks_of(run)
    os.kill(rank, number)
    code, output = finish(process)
    assert code == 1, output
    status, reason = last_status(run)
    assert status == "failed"
    assert reason.startswith(f"rank 1 of 2 was killed by signal {int(number)} at step "), reason
    assert "Traceback" not in output
    assert not run.is_alive() and process_start_time(rank) is None


def test_a_signal_to_a_rank_that_follows_does_nothing(tmp_path):
    run = small_run(tmp_path, **{**MANY, "train__steps": 60})
    process = start(run)
    wait_for_step(run, process, 2)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(ranks_of(run)[0], number)
    code, output = finish(process)
    assert code == 0, output
    assert last_status(run) == ("done", "")


def test_a_batch_that_cannot_be_shared_is_told_before_training(tmp_path):
    run = small_run(tmp_path, data__batch_size=33)
    assert finish(start(run))[0] == 1
    assert last_status(run) == (
        "failed",
        "a batch of 33 images cannot be shared equally between 2 devices: use 3 of them, or another data.batch_size",
    )
    assert not ranks_of(run)


@pytest.mark.parametrize("count", ["0", "-1", "two", "1.5"])
def test_no_number_of_devices_is_a_mistake(tmp_path, count):
    code, output = finish(trainer(small_run(tmp_path), f"--devices={count}"))
    assert code == 2 and f"'{count}' is no number of devices" in output


def test_ranks_that_others_have_started_meet_where_the_environment_says(tmp_path):
    """As torchrun starts them: RANK and WORLD_SIZE for each, and one address for all."""
    run = small_run(tmp_path, train__steps=8, evaluate__times=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = ["-m", "engine", run.path, "--device", "cpu"]
    ranks = [
        Forked(command, env={**os.environ, **variables, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in (1, 0)
    ]
    for process in ranks:
        output, errors = process.communicate()
        assert process.wait() == 0, output + errors
    assert last_status(run) == ("done", "")
    begun = next(event for event in events(run, "status") if event["status"] == "started")
    assert begun["devices"] == 2 and len(run.events_files()) == 1


@pytest.mark.parametrize("variables", [{"RANK": "1"}, {"RANK": "1", "WORLD_SIZE": "4"}, {"WORLD_SIZE": "many"}])
def test_half_of_what_torchrun_says_means_nothing(variables, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "GENTUI_LEADER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (environment.rank(), environment.size(), environment.is_started_by_others()) == (0, 1, False)


def test_nets_of_a_shared_run_are_not_compiled(tmp_path):
    run = small_run(tmp_path, train__steps=2, train__compile=True, evaluate__times=0)
    assert finish(start(run))[0] == 0
    begun = next(event for event in events(run, "status") if event["status"] == "started")
    assert begun["compile"] == {"compiled": False, "reason": "several devices share the run"}


def test_where_a_killed_leader_met_the_others_goes_with_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = small_run(tmp_path, **MANY)
    process = start(run)
    wait_for_step(run, process, 1)
    process.kill()
    finish(process)
    (left,) = tmp_path.glob("gentui-ranks-*")
    assert left.stat().st_mode & 0o777 == 0o700
    wait_for(lambda: not ranks_of(run), "the other rank to end")
    reached = max(event["step"] for event in events(run, "metrics"))
    process = start(run)
    wait_for_step(run, process, reached + 1)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 0
    assert list(tmp_path.glob("gentui-ranks-*")) == []
