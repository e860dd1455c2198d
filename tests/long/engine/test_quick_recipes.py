"""The quick form of every shipped recipe, its samples examined at 1 %, 5 % and 20 % of the training, too.

One recipe of each method and net is trained to its end, and the others ten steps; with ``GENTUI_QUICK=all`` each is
trained to its end.
"""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State
from engine.runs.paths import shipped_dir
from engine.settings.datasets.published import FashionMNIST
from engine.training import checkpoint
from tests.support.early import command, early_steps
from tests.support.engine import events, finish
from tests.support.processes import Forked
from tests.support.recipes import fewer_pixels

SHIPPED = sorted(path.stem for path in shipped_dir().glob("**/*.toml"))
LOOKED_AT_OFTEN = ("digits-unet", "digits-vae", "photos-dcgan")
"""Healthy twins of the runs that fall ill in health/, examined four times as those are."""
ON_FASHION_MNIST = "fashion-unet"  # where Fashion-MNIST is; its siblings are trained on what stands in for it


FEW_STEPS = {"train.steps": 10, "sample.times": 2, "evaluate.times": 1}
FEW_SAMPLES = {"evaluate.samples": 32, "evaluate.noises": 1}


def kind_of(name: str) -> tuple[type, type]:
    recipe = load(name, quick=True)
    return type(recipe.method), type(recipe.model)


CHOSEN = [*LOOKED_AT_OFTEN, ON_FASHION_MNIST, "digits-cfg", "digitsm-digits-dann", "toonfaces-acgan"]
TO_THE_END = {*CHOSEN, *{kind_of(name): name for name in [*SHIPPED, *CHOSEN]}.values()}


def cheaper(recipe: Recipe) -> Recipe:
    """The same training in fp32. Denoisers and VAEs are trained on smaller images; denoisers are sampled in fewer steps
    and scored by fewer samples, and wide ones are half as wide."""
    values: dict[str, Any] = {"train.precision": "fp32", **fewer_pixels(recipe)}
    if recipe.sample.steps > 1:
        # The net for guidance is as wide as it must be to learn classes.
        if recipe.model.net == "unet" and recipe.model.channels > 16:
            values["model.channels"] = recipe.model.channels // 2
        steps = 4 if recipe.dataset == "digits" else 2  # where classes are learnt, they must be seen
        values |= {"sample.steps": steps, "evaluate.samples": 64, "evaluate.noises": 1}
        values |= {"evaluate.sampler": "", "evaluate.steps": 0}
    if hasattr(recipe.evaluate, "split"):
        values["evaluate.split"] = "test"  # of Fashion-MNIST, a sixth of the images to embed
    if recipe.name in LOOKED_AT_OFTEN:
        values |= {"evaluate.samples": 128, "evaluate.noises": 1, "evaluate.times": 4, "evaluate.budget": 1.0}
    if recipe.name not in TO_THE_END and os.environ.get("GENTUI_QUICK") != "all":
        values |= {**FEW_STEPS, **(FEW_SAMPLES if hasattr(recipe.evaluate, "samples") else {})}
    return recipe.with_values(values)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_quick_recipe_trains_and_shows_what_its_family_shows(name, tmp_path: Path, monkeypatch):
    if name != ON_FASHION_MNIST:
        monkeypatch.setattr(FashionMNIST, "candidates", classmethod(lambda cls: []))
    recipe = cheaper(load(name, quick=True))
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": name}, State())
    code, output = finish(Forked(command(run), stderr=subprocess.STDOUT))
    assert code == 0, output

    started = next(event for event in events(run, "status") if event["status"] == "started")
    metrics = (event["values"] for event in events(run, "metrics"))
    curve = np.array([values["loss"] for values in metrics if "loss" in values])
    assert len(curve) == started["total_steps"] and np.isfinite(curve).all()
    quarter = max(1, len(curve) // 4)
    is_long = len(curve) > FEW_STEPS["train.steps"]  # else too few steps to tell where the loss goes
    if is_long and "discriminator" in started["nets"]:
        assert np.abs(curve[quarter:]).max() < 1e3  # a sixth power of the gradient's norm begins high
    elif is_long:
        assert curve[-quarter:].mean() < curve[:quarter].mean()
    assert checkpoint.load_weights(run) and checkpoint.load_state(run)["step"] == started["total_steps"]
    shown = {event["name"] for event in events(run, "figure")}
    wanted = set(getattr(recipe.method, "figures", ())) - {"grid"}
    assert wanted <= shown, f"no figure {wanted - shown}"
    if recipe.sample.sampler != "none":
        assert events(run, "sample")
    if recipe.sample.steps > 1:
        assert "strip" in shown
    for event in (*events(run, "sample"), *events(run, "figure")):
        with Image.open(run.path / event["path"]) as picture:
            picture.verify()
    for event in events(run, "evaluation"):
        assert math.isfinite(event["value"]), event["metric"]
    assert (run.path / "architecture.txt").read_text()
    if recipe.sample.sampler != "none":
        examined = {
            event["step"] for event in events(run, "metrics") if "health/pixel_spread" in event["values"]
        }
        assert examined >= {*early_steps(started["total_steps"])}
    assert not [event["sentence"] for event in events(run, "alert")], "a healthy run raises no alarm"
