"""The quick form of every shipped recipe, trained to the end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.methods import Generates
from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter, iter_events
from engine.runs.paths import shipped_dir
from engine.settings.datasets.published import FashionMNIST
from engine.settings.evaluation import FID
from engine.training import checkpoint
from engine.training.loop import Trainer
from engine.training.stop_signal import StopSignal

SHIPPED = sorted(path.stem for path in shipped_dir().glob("**/*.toml"))
ON_FASHION_MNIST = "fashion-unet"  # where Fashion-MNIST is; its siblings are trained on what stands in for it


def losses(run: RunDir) -> np.ndarray:
    return np.array(
        [event["values"]["loss"] for event in iter_events(run.events_path(1)) if event["kind"] == "metrics"]
    )


def cheaper(recipe: Recipe) -> Recipe:
    """The same training, with smaller samples drawn in fewer steps: most of a quick run's time is theirs."""
    values: dict[str, Any] = {"train.precision": "fp32", "sample.steps": min(recipe.sample.steps, 4)}
    if isinstance(recipe.evaluate, FID):
        values["evaluate.samples"] = 64
    return recipe.with_values(values)


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_every_quick_recipe_trains_to_the_end_and_shows_what_its_family_shows(
    name, tmp_path: Path, monkeypatch
):
    if name != ON_FASHION_MNIST:
        monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: []))
    recipe = cheaper(load(name, quick=True))
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": name}, State())
    trainer = Trainer(run, recipe, torch.device("cpu"), EventWriter(run.events_path(1)), StopSignal())
    trainer.prepare(resume=False)
    trainer.train()

    curve = losses(run)
    assert len(curve) == trainer.total and np.isfinite(curve).all()
    quarter = max(1, len(curve) // 4)
    if "discriminator" in trainer.method.nets:
        assert np.abs(curve[quarter:]).max() < 1e3  # a sixth power of the gradient's norm begins high
    else:
        assert curve[-quarter:].mean() < curve[:quarter].mean()
    assert checkpoint.load_weights(run) and checkpoint.load_state(run)["step"] == trainer.total
    events = list(iter_events(run.events_path(1)))
    shown = {event["name"] for event in events if event["kind"] == "figure"}
    wanted = set(getattr(recipe.method, "figures", ())) - {"grid"}
    assert wanted <= shown, f"no figure {wanted - shown}"
    if isinstance(trainer.method, Generates):
        assert any(event["kind"] == "sample" for event in events)
    if recipe.sample.steps > 1:
        assert "strip" in shown
    for event in events:
        if event["kind"] in ("sample", "figure"):
            with Image.open(run.path / event["path"]) as picture:
                picture.verify()
        if event["kind"] == "evaluation":
            assert math.isfinite(event["value"]), event["metric"]
    assert (run.path / "architecture.txt").read_text()
    assert not [event["sentence"] for event in events if event["kind"] == "alert"], (
        "a healthy run raises no alarm"
    )
