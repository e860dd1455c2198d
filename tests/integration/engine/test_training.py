from __future__ import annotations

import math
import subprocess
import sys
import threading

import pytest
import torch
from PIL import Image

from engine.runs.directory import RunDir, State
from engine.training import checkpoint
from engine.training.milestones import evenly_spaced
from tests.support.engine import events, finish, trainer


def test_a_run_leaves_losses_samples_strips_scores_and_checkpoints(make_run):
    run = make_run()
    code, output = finish(trainer(run))
    assert code == 0, output
    logged = events(run, "metrics")
    metrics = [e for e in logged if "loss" in e["values"]]
    signals = [e for e in logged if "loss" not in e["values"]]
    assert [e["step"] for e in signals] == [20, 40] and all("health/contrast" in e["values"] for e in signals)
    assert [e["step"] for e in metrics] == list(range(1, 41))
    assert [e["images"] for e in metrics] == [32 * s for s in range(1, 41)]
    assert metrics[-1]["values"]["loss"] < metrics[0]["values"]["loss"]
    assert {"loss", "lr", "grad_norm", "images_per_s", "epoch"} <= set(metrics[-1]["values"])
    samples = events(run, "sample")
    assert [e["step"] for e in samples] == [20, 40]
    for event in (*samples, *events(run, "figure")):
        with Image.open(run.path / event["path"]) as image:
            assert image.size[0] > 0
    scores = [e for e in events(run, "evaluation") if e["role"] == "selection"]
    assert [(e["step"], e["metric"]) for e in scores] == [
        (20, "fid"), (20, "label_accuracy"), (40, "fid"), (40, "label_accuracy"),
    ]  # fmt: skip
    assert all(math.isfinite(e["value"]) and e["floor"] is not None for e in scores)
    report = [e for e in events(run, "evaluation") if e["role"] == "report"]
    assert [e["metric"] for e in report] == ["fid", "label_accuracy"]
    assert {e["step"] for e in report} == {checkpoint.load_state(run, "best")["step"]}
    assert not any(e["best"] for e in report) and report[0]["over"] == "3 noises"
    assert {e["which"] for e in events(run, "checkpoint")} == {"last", "best"}
    assert (run.path / "architecture.txt").read_text().startswith("model:")
    assert [e["status"] for e in events(run, "status") if e["status"] != "phase"] == ["started", "done"]
    best = min((e for e in scores if e["metric"] == "fid"), key=lambda e: e["value"])
    assert checkpoint.load_state(run, "best")["step"] == best["step"]


def test_everything_a_run_writes_is_private(make_run):
    run = make_run(train__steps=4, evaluate__times=0)
    assert finish(trainer(run))[0] == 0
    for path in run.path.rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_trainer_never_picks_up_a_users_folder_called_engine(make_run, tmp_path):
    for name in ("engine", "recipes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('picked up the wrong code')")
    run = make_run(train__steps=2, evaluate__times=0)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine", str(run.path), "--device", "cpu"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_loss_that_stays_non_finite_fails_the_run_and_keeps_the_good_weights(make_run):
    run = make_run(
        train__steps=2000, optim__lr=10.0, optim__name="adam", method__p_mean=300.0, evaluate__times=0
    )
    code, output = finish(trainer(run))
    assert code == 1, output
    last = events(run, "status")[-1]
    assert last["status"] == "failed"
    assert "non-finite loss for 20 steps" in last["reason"]
    assert events(run, "alert")[0]["name"] == "non-finite"
    if checkpoint.exists(run):
        weights = checkpoint.load_weights(run)
        assert all(t.isfinite().all() for t in weights["model"].values())


def test_a_missing_extractor_is_known_before_training_begins(make_run, monkeypatch, tmp_path):
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    run = make_run(evaluate__extractor="inception")
    code, output = finish(trainer(run))
    assert code == 4, output
    assert not events(run, "metrics")
    assert "inception" in events(run, "status")[-1]["reason"]


@pytest.mark.parametrize(("total", "times"), [(1, 5), (7, 3), (100, 10), (3, 10), (10, 0)])
def test_due_steps_end_at_the_end(total, times):
    steps = evenly_spaced(total, times)
    assert steps == sorted(set(steps))
    assert len(steps) <= times
    assert not times or (steps[-1] == total and steps[0] >= 1)


def test_weights_that_are_not_finite_are_noticed_while_a_slow_write_is_under_way(tmp_path, monkeypatch):
    from engine.recipes.recipe import load
    from engine.runs.events import EventWriter
    from engine.training.finiteness import Finiteness
    from engine.training.loop import Trainer, TrainingFailed
    from engine.training.stop_signal import StopSignal

    noticed = threading.Event()
    save, check = checkpoint.save, Finiteness.check

    def slow_save(*arguments):
        assert noticed.wait(timeout=120)
        return save(*arguments)

    def checked(self, step):
        finite = check(self, step)
        if not finite:
            noticed.set()
        return finite

    monkeypatch.setattr(checkpoint, "save", slow_save)
    monkeypatch.setattr(Finiteness, "check", checked)
    settings = ["optim.lr=1", "train.precision=fp32", "train.checkpoint_minutes=1e-6", "evaluate.times=0"]
    recipe = load("digits-vae", settings)
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": recipe.name}, State())
    writer = EventWriter(run.events_path(1))
    trainer = Trainer(run, recipe, torch.device("cpu"), writer, StopSignal())
    trainer.prepare(resume=False)
    saved_first = trainer.step + 1
    with pytest.raises(TrainingFailed, match="non-finite loss"):
        trainer.train()
    (alarm,) = [event for event in events(run, "alert") if event["name"] == "non-finite-weights"]
    assert f"the checkpoint of step {saved_first} stays" in alarm["sentence"]
    assert checkpoint.load_state(run)["step"] == saved_first


def test_a_full_disk_is_an_alert_and_training_goes_on(make_run, monkeypatch):
    """The write fails as a full disk fails; real ones are filled in test_full_disk.py."""
    from engine.recipes.recipe import load
    from engine.runs.events import EventWriter
    from engine.training import patience
    from engine.training.loop import Trainer, TrainingFailed
    from engine.training.stop_signal import StopSignal

    run = make_run(train__steps=4, evaluate__times=0)
    writer = EventWriter(run.events_path(1))
    stop = StopSignal()
    trainer = Trainer(run, load(run.recipe_path), torch.device("cpu"), writer, stop)
    trainer.prepare(resume=False)
    trainer.steps.step = 1

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    trainer.saver.save(["last"])
    assert events(run, "alert")[-1]["name"] == "disk"
    monkeypatch.setattr(patience, "RETRY_SECONDS", patience.SECONDS)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(trainer, "total", 1)
    with pytest.raises(TrainingFailed, match="No space left"):
        trainer.train()
