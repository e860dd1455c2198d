"""Runs of every method on a pretended GPU: what they start there, what they wait for, and how they go on.

``GENTUI_CUDA=all`` tests the quick form of every shipped recipe.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.runs.directory import RunDir
from engine.runs.paths import shipped_dir
from tests.support.device_runs import METHODS, STEPS, Attempted, attempt, device_run
from tests.support.engine import assert_same, comparable, events
from tests.support.pretended_cuda import pretended_gpu

OPERATIONS = {
    "digits-unet": 719, "digits-cfg": 552, "digits-vae": 331, "photos-dcgan": 461, "digitsm-digits-dann": 236,
}  # fmt: skip
"""Operations on the device that a training step was measured to start, after the first step; with torch 2.14."""
MARGIN = 1.05
EVERY = sorted(path.stem for path in shipped_dir().glob("**/*.toml"))


@dataclass
class Course:
    """A run that was trained to its end, and one of the same recipe that was stopped and resumed."""

    name: str
    whole: RunDir
    of_whole: Attempted
    resumed: RunDir
    until_stop: Attempted
    after_stop: Attempted


@pytest.mark.parametrize("name", EVERY if os.environ.get("GENTUI_CUDA") == "all" else METHODS)
def test_a_run_on_the_gpu(name: str, tmp_path: Path):
    """One test of five parts, so that workers of pytest do not train its runs twice."""
    with pretended_gpu() as gpu:
        whole, resumed = device_run(tmp_path, name), device_run(tmp_path, name)
        of_whole = attempt(whole, gpu)
        until_stop = attempt(resumed, gpu, stop_at=STEPS // 2)
        course = Course(name, whole, of_whole, resumed, until_stop, attempt(resumed, gpu))
    all_that_a_run_does_stays_on_one_device(course)
    no_training_step_waits_for_the_device(course)
    images_of_a_score_are_drawn_without_waiting_until_all_are(course)
    a_training_step_starts_no_more_operations_than_it_was_measured_to(course)
    a_resumed_run_ends_with_the_weights_and_random_numbers_of_an_uninterrupted_one(course)


def all_that_a_run_does_stays_on_one_device(course: Course):
    """From the choice of the precision to the report. What fails beside training would be told by an alarm."""
    for done in (course.of_whole, course.after_stop):
        assert (done.code, done.end["status"]) == (0, "done"), done.end["reason"]
    assert (course.until_stop.code, course.until_stop.end["status"]) == (0, "stopped")
    for run in (course.whole, course.resumed):
        assert not [event["sentence"] for event in events(run, "alert")]
        assert any("path" in event for event in (*events(run, "figure"), *events(run, "sample")))
        scores = events(run, "evaluation")
        assert scores and all(math.isfinite(score["value"]) for score in scores)
        started = events(run, "status")
        assert {event["device"] for event in started if "device" in event} == {"cuda:0"}


def no_training_step_waits_for_the_device(course: Course):
    """Nor does the end of an epoch, which is among them, or a validation; only where metrics are written."""
    schedule = (
        "engine/methods/optim.py"  # one that lowers the rate when the loss of an epoch stays reads that loss
    )
    for step in (*course.of_whole.steps, *course.until_stop.steps, *course.after_stop.steps):
        assert not [wait for wait in step.waits if schedule not in wait]


def images_of_a_score_are_drawn_without_waiting_until_all_are(course: Course):
    within = [wait for wait in course.of_whole.waits if "engine/evaluation/drawing.py" in wait]
    assert all("torch.cat(parts).cpu()" in wait for wait in within), within


def a_training_step_starts_no_more_operations_than_it_was_measured_to(course: Course):
    most = max(step.operations for step in course.of_whole.steps[1:])
    assert most <= OPERATIONS.get(course.name, math.inf) * MARGIN, "what has been added, and is it worth it?"


def a_resumed_run_ends_with_the_weights_and_random_numbers_of_an_uninterrupted_one(course: Course):
    whole, resumed = comparable(course.whole), comparable(course.resumed)
    assert set(whole["state"]["rng"]) == {"cpu", "cuda"}
    assert_same(whole, resumed)
