"""The guard around what a run can do without: alarms, smaller batches, and what killed the process."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from engine.data.dataset import open_dataset
from engine.evaluation.extractors import ExtractorError
from engine.evaluation.scorer import build_scorer
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from engine.training.guard import SCORES, Guard, figure_part
from engine.training.memory import SampleBatches, ScoreBatches
from engine.training.recorder import TrainingFailed
from engine.training.reporter import Reporter
from engine.training.stop_signal import StopRequested, StopSignal
from engine.training.visit_record import VisitRecord
from tests.support.engine import events


@pytest.fixture
def run(tmp_path) -> RunDir:
    return RunDir.create(tmp_path, "", {}, State())


def guard_of(run: RunDir) -> Guard:
    reporter = Reporter(EventWriter(run.events_path(1)), StopSignal(), lambda: (30, 960))
    return Guard(run, reporter, VisitRecord.load(run))


def failing(error: BaseException):
    def work() -> int:
        raise error

    return work


def test_what_succeeds_is_returned_and_leaves_no_mark(run):
    guard = guard_of(run)
    assert guard.attempt(SCORES, 30, lambda: 5) == 5
    guard.record.save(run)
    again = VisitRecord.load(run)
    assert (again.step, again.kills, again.working_on) == (30, {}, "")
    assert events(run) == []


@pytest.mark.parametrize(
    ("error", "name", "says", "remedy"),
    [
        (ValueError("no such metric\nmore"), "scores", "ValueError: no such metric", "evaluate.times=0"),
        (ValueError(), "scores", "ValueError", "evaluate.times=0"),
        (SystemExit(3), "scores", "SystemExit: 3", "evaluate.times=0"),
        (ExtractorError("x.pth is damaged."), "scores", "x.pth is damaged", "evaluate.times=0"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk", "No space left on device", "free some space"),
        (PermissionError(errno.EACCES, "Permission denied"), "scores", "Permission denied", "evaluate.times=0"),
        (torch.OutOfMemoryError("tried 2 GiB"), "scores", "out of memory", "evaluate.batch_size=32"),
        (MemoryError(), "scores", "out of memory", "evaluate.batch_size=32"),
        (RuntimeError("[enforce fail] not enough memory: you tried"), "scores", "out of memory", "batch_size"),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), "scores", "out of memory", "batch_size"),
    ],
)  # fmt: skip
def test_a_failure_is_an_alarm_with_cause_and_remedy(run, capsys, error, name, says, remedy):
    assert guard_of(run).attempt(SCORES, 30, failing(error)) is None
    (alert,) = events(run, "alert")
    assert (alert["name"], alert["severity"], alert["began"]) == (name, "warning", 30)
    assert alert["sentence"] == f"Computing the scores of step 30 failed: {says}."
    assert alert["cause"] and remedy in alert["remedy"]
    assert "in failing" not in alert["sentence"] and "in work" in capsys.readouterr().out  # the traceback


def test_the_same_is_said_once_and_what_differs_is_said_again(run):
    guard = guard_of(run)
    for step, error in (
        (10, ValueError("a 1")),
        (20, ValueError("a 2")),
        (30, ValueError("b")),
        (40, KeyError("b")),
    ):
        guard.attempt(SCORES, step, failing(error))
    guard.attempt(figure_part("grid"), 40, failing(KeyError("b")))
    assert [event["began"] for event in events(run, "alert")] == [10, 30, 40, 40]
    guard.record.save(run)
    later = guard_of(run)  # the next attempt remembers
    later.attempt(SCORES, 50, failing(KeyError("b")))
    assert len(events(run, "alert")) == 4
    later.attempt(SCORES, 60, lambda: 1)
    later.attempt(SCORES, 70, failing(KeyError("b")))
    assert len(events(run, "alert")) == 5


@pytest.mark.parametrize("error", [StopRequested("SIGTERM"), TrainingFailed("enough"), KeyboardInterrupt()])
def test_what_ends_the_run_passes_and_is_no_kill(run, error):
    guard = guard_of(run)
    with pytest.raises(type(error)):
        guard.attempt(SCORES, 30, failing(error))
    guard.record.save(run)
    assert VisitRecord.load(run).kills == {}
    assert events(run, "alert") == []


def test_a_part_that_began_twice_and_never_ended_is_left_out_at_that_step(run):
    part, tried = figure_part("tsne"), []
    for _ in range(2):
        record = VisitRecord.load(run)
        assert not record.is_deadly(part.key, 30)
        record.begin(part.key, 30)
        record.save(run)  # and the process is gone
    guard = guard_of(run)
    assert guard.attempt(part, 30, lambda: tried.append(30) or 1) is None
    assert guard.attempt(SCORES, 30, lambda: 2) == 2
    assert guard.attempt(part, 60, lambda: tried.append(60) or 1) == 1
    assert tried == [60]
    (alert,) = events(run, "alert")
    assert (
        "Drawing the figure tsne of step 30 is left out: the process was killed in it 2 times"
        in alert["sentence"]
    )
    assert guard.record.kills == {}


def test_a_record_that_is_damaged_is_as_none(run):
    (run.checkpoints / "visit.pt").write_bytes(b"\0" * 100)
    assert VisitRecord.load(run) == VisitRecord()


# -- smaller batches ------------------------------------------------------------------------------------------


class Doubler:
    """A method that "draws" twice its noise, and has memory for ``room`` images."""

    precision, nets, conditional, has_average, room = "fp32", {}, True, False, 10**9

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def sample(self, settings, noise, labels, *, ema=True, trace=None):
        if len(noise) > self.room:
            raise torch.OutOfMemoryError("too many")
        self.drawn.append(len(noise))
        if trace is not None:
            trace(1, 1, noise)
        return noise * 2 + labels[:, None]

    def sampled_net(self, ema=True):
        raise NotImplementedError

    def noise_shape(self, n):
        return (n, 3)

    training_step = probe_gradient = end_epoch = weights = load_weights = state = load_state = lambda self: None


@pytest.mark.parametrize(
    ("room", "sizes"), [(64, [50]), (30, [25, 25]), (12, [12] * 4 + [2]), (8, [8] * 6 + [2])]
)
def test_the_same_images_are_drawn_in_batches_that_fit(run, room, sizes):
    method, batches, traced, counted = Doubler(), SampleBatches(), [], []
    method.room = room
    noise, labels = torch.randn(50, 3), torch.arange(50.0)

    def work() -> torch.Tensor:
        small = batches.of(method, lambda step, steps: counted.append(step))
        return small.sample(None, noise, labels, trace=lambda step, steps, images: traced.append(len(images)))

    drawn = guard_of(run).attempt(figure_part("grid"), 30, work, batches)
    assert drawn is not None and torch.equal(drawn, noise * 2 + labels[:, None])
    assert method.drawn == sizes and traced == sizes[:1] and len(counted) == len(sizes) - 1
    said = [(event["name"], event["severity"]) for event in events(run, "alert")]
    assert said == ([("memory", "info")] if len(sizes) > 1 else [])


def test_a_scorer_and_its_extractor_are_given_smaller_batches():
    recipe = load("digits-unet", ["evaluate.batch_size=100", "evaluate.extractor=digits-cnn"])
    scorer = build_scorer(recipe, open_dataset(recipe.data), torch.device("cpu"))
    batches, sizes = ScoreBatches(scorer), []
    while batches.halve():
        sizes.append((batches.size, scorer.extractor.batch))
    assert sizes == [(50, 50), (25, 25), (12, 12), (8, 8)]
    assert (scorer.settings.samples, type(scorer.extractor).batch) == (recipe.evaluate.samples, 256)
    assert not ScoreBatches(None).halve() and ScoreBatches(None).size is None


def test_below_the_smallest_batch_it_is_left_out(run):
    method, batches = Doubler(), SampleBatches()
    method.room = 7

    def work() -> torch.Tensor:
        return batches.of(method, lambda step, steps: None).sample(None, torch.randn(50, 3), torch.zeros(50))

    assert guard_of(run).attempt(figure_part("grid"), 30, work, batches) is None
    assert [event["name"] for event in events(run, "alert")] == ["figure"]
    assert batches.limit == 8
