"""Running out of the GPU's memory, at any point: it ends in the one sentence that helps, and with its exit code."""

from __future__ import annotations

import pytest
import torch

from engine.inference import evaluate, sample, statistics
from engine.runs.directory import RunDir
from engine.training import checkpoint, saver
from tests.support.device_runs import BARE, attempt, device_run
from tests.support.engine import events
from tests.support.pretended_cuda import pretended_gpu

NEEDS_LESS = "`gentui run digits-vae -o data.batch_size=8` needs less"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    with pretended_gpu() as gpu:
        run = device_run(tmp_path_factory.mktemp("home"), "digits-vae", train__precision="fp32")
        assert attempt(run, gpu).code == 0
    return run


@pytest.mark.parametrize(
    ("function", "after", "at", "remedy"),
    [
        ("Learner.__init__", 0, "", "free some that other programs use, or choose another --device"),
        ("choose_precision", 0, "", NEEDS_LESS),
        ("Trainer._train_step", 0, "", NEEDS_LESS),
        ("Trainer._train_step", 850, " at step 2", NEEDS_LESS),
        ("Saver._write", 0, " at step 4", NEEDS_LESS),
    ],
)
def test_a_run_that_cannot_train_says_what_needs_less(gpu, tmp_path, monkeypatch, function, after, at, remedy):
    monkeypatch.setattr(saver, "FIRST_CHECKPOINT_SECONDS", 3600.0)  # none by the clock
    precision = "auto" if function == "choose_precision" else "fp32"
    run = device_run(tmp_path, "digits-vae", **{**BARE, "train__precision": precision})
    gpu.memory_ends_in(function, after)
    ended = attempt(run, gpu)
    assert (ended.code, ended.end["status"]) == (1, "failed")
    assert ended.end["reason"] == f"out of memory on GPU 0{at}: {remedy}"


@pytest.mark.parametrize(
    ("changes", "less"),
    [
        ({"data__batch_size": 1}, "`gentui run digits-unet -o model.activation_checkpointing=true`"),
        ({"data__batch_size": 1, "model__activation_checkpointing": True}, "a smaller net"),
        ({}, "`gentui run digits-unet -o train.part=8`"),
    ],
)
def test_what_needs_less_is_what_has_not_been_tried(gpu, tmp_path, changes, less):
    run = device_run(tmp_path, "digits-unet", **BARE, **changes)
    gpu.memory_ends_in("Learner.step" if not changes else "Trainer._train_step")
    assert attempt(run, gpu).end["reason"] == f"out of memory on GPU 0: {less} needs less"


def test_a_step_that_does_not_fit_is_taken_again_in_parts_which_is_said(gpu, tmp_path):
    run = device_run(tmp_path, "digits-unet", **BARE)
    gpu.memory_ends_in("ImagewiseMethod._backpropagate", after=40, times=1)
    ended = attempt(run, gpu)
    assert (ended.code, ended.end["status"]) == (0, "done")
    (told,) = events(run, "alert")
    assert told["sentence"] == "Step 1 ran out of memory, and is now taken in parts of at most 8 images."
    assert (told["severity"], told["step"]) == ("info", 1) and "train.part=8" in told["remedy"]
    assert not any(step.waits for step in ended.steps[1:])
    undisturbed = device_run(tmp_path, "digits-unet", **BARE)
    assert attempt(undisturbed, gpu).code == 0
    for name, weights in checkpoint.load_weights(undisturbed).items():
        for key, weight in checkpoint.load_weights(run)[name].items():
            assert torch.allclose(weight, weights[key], atol=1e-4), key


def test_a_run_that_has_a_checkpoint_can_go_on_from_it(gpu, tmp_path):
    run = device_run(tmp_path, "digits-vae", **BARE)
    assert attempt(run, gpu, stop_at=2).code == 0
    gpu.memory_ends_in("Trainer._restore")
    ended = attempt(run, gpu)
    go_on = f"or free some and `gentui resume {run.id}` goes on"
    assert (ended.code, ended.end["reason"]) == (1, f"out of memory on GPU 0 at step 2: {NEEDS_LESS}, {go_on}")
    gpu.book.memory_is_full = lambda: False
    assert attempt(run, gpu).code == 0


@pytest.mark.parametrize(
    ("function", "sentence", "setting"),
    [
        ("Visits._draw", "Drawing the figure grid of step 4 failed: out of memory.", "sample.rows=4"),
        (
            "SampleScorer.score",
            "Computing the scores of step 4 failed: out of memory.",
            "evaluate.batch_size=32",
        ),
        ("SampleScorer.report", "Making the report of step 4 failed: out of memory.", "evaluate.batch_size=32"),
        ("draw_samples", "Examining the samples of step 4 failed: out of memory.", "health.alarms=false"),
    ],
)
def test_what_is_done_beside_training_is_left_out_and_says_which_setting_helps(
    gpu, tmp_path, function, sentence, setting
):
    scores = 0 if function == "draw_samples" else 1  # which are examined, if there are any
    run = device_run(tmp_path, "digits-vae", train__precision="fp32", evaluate__times=scores)
    gpu.memory_ends_in(function)
    ended = attempt(run, gpu)
    assert (ended.code, ended.end["status"]) == (0, "done")
    told = {event["sentence"]: event["remedy"] for event in events(run, "alert")}
    assert f"gentui resume {run.id} -o {setting}" in told[sentence]


def test_scores_that_fit_in_smaller_batches_are_made_in_them(gpu, tmp_path):
    run = device_run(tmp_path, "digits-vae", train__precision="fp32")
    gpu.memory_ends_in("SampleScorer.score", times=1)
    assert attempt(run, gpu).code == 0
    (told,) = [event["sentence"] for event in events(run, "alert")]
    assert told == "Computing the scores of step 4 ran out of memory, and is now done with 128 images at once."
    assert events(run, "evaluation")


def test_a_drawing_ends_with_a_sentence(gpu, trained, tmp_path, capsys):
    for function in ("load_trained", "VAE.sample"):
        gpu.memory_ends_in(function)
        with pytest.raises(SystemExit) as left:
            sample.main([str(trained.path), "--device", "cuda", "--out", str(tmp_path / "a.png")])
        assert left.value.code == 4
        said = capsys.readouterr().err
        assert said.startswith("cuda has no memory left for this: ask for fewer images, or draw on the CPU")


def test_an_evaluation_is_made_in_smaller_batches_and_else_ends_with_a_sentence(gpu, trained, capsys):
    gpu.memory_ends_in("SampleScorer.report", times=2)
    assert evaluate.main([str(trained.path), "--device", "cuda"]) == 0
    assert "once more with 64 images at once" in capsys.readouterr().err
    gpu.memory_ends_in("SampleScorer.report")
    with pytest.raises(SystemExit) as left:
        evaluate.main([str(trained.path), "--device", "cuda"])
    assert left.value.code == 4
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(
        "cuda has no memory left for this: free some that other programs use, or score on the CPU"
    )


def test_statistics_end_with_a_sentence(gpu, tmp_path, capsys):
    gpu.memory_ends_in("_write")
    with pytest.raises(SystemExit) as left:
        statistics.main(["digits-vae", str(tmp_path / "real.npz"), "--device", "cuda"])
    assert left.value.code == 4 and "no memory left for this" in capsys.readouterr().err
