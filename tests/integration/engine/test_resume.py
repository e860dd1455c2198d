from __future__ import annotations

import shutil
import signal

import pytest

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.training import checkpoint
from engine.training.attempt import Attempt
from engine.training.loop import Trainer
from engine.training.stop_signal import StopSignal
from tests.support.engine import assert_same, comparable, events, finish, trainer, wait_for_step
from tests.support.waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_an_interrupted_run_ends_with_the_same_weights_average_optimiser_rng_and_best(make_run, number):
    settings = {"model__dropout": 0.1, "train__steps": 60, "train__checkpoint_minutes": 1e-2, "train__keep": 6}
    whole, broken = make_run(**settings), make_run(**settings)
    code, output = finish(trainer(whole))
    assert code == 0, output
    process = trainer(broken)
    wait_for_step(broken, process, 12)
    process.send_signal(number)
    code, output = finish(process)
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL), output
    stopped_at = checkpoint.load_state(broken)["step"]
    assert 0 < stopped_at < 60
    code, output = finish(trainer(broken, fresh=number == signal.SIGKILL))
    assert code == 0, output
    assert events(broken, "status")[-1]["status"] == "done"
    assert_same(comparable(whole), comparable(broken))
    assert_same(comparable(whole, "best"), comparable(broken, "best"))
    assert whole.kept_steps() == broken.kept_steps() == [10, 20, 30, 40, 50, 60]
    for step in whole.kept_steps():
        assert_same(comparable(whole, step)["weights"], comparable(broken, step)["weights"])
    scores = [
        {e["step"]: e["value"] for e in events(run, "evaluation") if e["metric"] == "fid"}
        for run in (whole, broken)
    ]
    assert scores[0] == scores[1]


def test_sigterm_checkpoints_and_leaves_saying_so(make_run):
    run = make_run(train__steps=100_000)
    process = trainer(run)
    wait_for_step(run, process, 3)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output
    last = events(run, "status")[-1]
    assert last["status"] == "stopped"
    assert checkpoint.load_state(run)["step"] == last["step"] == events(run, "metrics")[-1]["step"]


def test_sigterm_during_an_evaluation_leaves_at_once_and_resume_scores_that_step(make_run):
    run = make_run(train__steps=4, evaluate__times=1, evaluate__samples=200_000, evaluate__batch_size=500)
    process = trainer(run)
    try:
        wait_for(lambda: any(e.get("phase") == "evaluating" for e in events(run, "status")))
        process.send_signal(signal.SIGTERM)
        code, output = finish(process)
    finally:
        process.kill()
    assert code == 0, output
    assert checkpoint.load_state(run)["scored_at"] == 0
    assert not events(run, "evaluation")


def test_sigterm_before_the_first_step_leaves_too(make_run):
    run = make_run()
    process = trainer(run, fresh=True)  # it is importing torch when the signal comes
    wait_for(run.events_path(1).exists)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output
    last = events(run, "status")[-1]
    assert (last["status"], last["reason"]) == ("stopped", "SIGTERM before the first step")


@pytest.mark.parametrize("work", ["_open_data", "_build_steps", "_build_scorer"])
def test_a_resumed_run_that_is_stopped_while_it_is_set_up_is_where_its_checkpoint_is(
    trained_once, tmp_path, monkeypatch, work
):
    run = RunDir(shutil.copytree(trained_once.path, tmp_path / "runs" / trained_once.id, symlinks=True))
    writer, stop = EventWriter(run.events_path(2)), StopSignal()

    def interrupted(*_: object) -> None:
        stop.signal = signal.SIGTERM
        stop.raise_if_set()

    monkeypatch.setattr(Trainer, work, interrupted)
    assert Attempt(run, "cpu", writer, stop).run() == 0
    last = events(run, "status")[-1]
    assert (last["status"], last["step"], last["images"]) == ("stopped", 6, 6 * 32)
    assert last["reason"] == "SIGTERM at step 6, checkpoint saved"


def test_a_second_trainer_of_a_live_run_is_refused(make_run):
    run = make_run(train__steps=100_000)
    process = trainer(run)
    try:
        wait_for_step(run, process, 1)
        code, output = finish(trainer(run))
        assert code == 2
        assert "another process" in output
    finally:
        process.kill()
        process.wait()
