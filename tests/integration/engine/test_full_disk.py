"""Real full disks: a small tmpfs, filled while a real trainer writes to it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.training import checkpoint
from tests.support import disks
from tests.support.disks import fill
from tests.support.engine import IMPATIENT, SMALL, changed_trainer, events, finish, trainer, wait_for_step
from tests.support.waiting import wait_for


@pytest.fixture
def small_disk(tmp_path):
    with disks.small_disk(tmp_path / "disk") as place:
        yield place


def make(home: Path, **changes) -> RunDir:
    values = {**SMALL, "evaluate.times": 0, **{k.replace("__", "."): v for k, v in changes.items()}}
    recipe = load("digits-unet").with_values(values)
    return RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())


def test_a_disk_that_fills_and_clears_costs_no_record_and_no_checkpoint(small_disk):
    run = make(small_disk, train__steps=100_000, train__checkpoint_minutes=1e-3)
    process = trainer(run)
    wait_for_step(run, process, 20)
    fill(small_disk / "filler")
    before = checkpoint.load_state(run)["step"]  # still readable on the full disk
    assert process.stdout and any("could not be written" in line for line in process.stdout), (
        "it met the full disk"
    )
    (small_disk / "filler").unlink()
    met = events(run, "metrics")[-1]["step"]
    wait_for(
        lambda: any(event["step"] > max(met, before) for event in events(run, "checkpoint")),
        "a checkpoint after the disk was cleared",
    )
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output
    steps = [event["step"] for event in events(run, "metrics")]
    assert steps == list(range(1, len(steps) + 1))
    assert checkpoint.load_state(run)["step"] == steps[-1] > before


def test_a_last_checkpoint_that_finds_no_room_fails_the_run_with_that_reason(small_disk):
    run = make(small_disk, model__channels=48, model__groups=8, train__steps=2, sample__times=1)
    code, output = finish(changed_trainer(run, IMPATIENT))
    assert code == 1, output
    assert "No space left on device" in output
    assert not checkpoint.exists(run)
    assert not list(run.checkpoints.glob(".new-*"))
    last = events(run, "status")[-1]
    assert last["status"] == "failed"
    assert "checkpoint of step 2 could not be written" in last["reason"]


def test_a_score_that_fills_the_disk_is_an_alarm_and_the_checkpoint_is_there(small_disk, failing):
    run = failing(small_disk, fault="disk", spares="report", values={"evaluate.times": 1})
    code, output = finish(trainer(run))
    assert code == 0, output
    assert checkpoint.load_state(run)["step"] == 60
    (told,) = events(run, "alert")
    assert told["name"] == "disk" and "free some space" in told["remedy"]
    assert told["sentence"] == "Computing the scores of step 60 failed: No space left on device."
    assert [event["role"] for event in events(run, "evaluation")] == ["report"]
