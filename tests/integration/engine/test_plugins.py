"""A loss, a net and a recipe of one's own: three new files in the config directory, and none of gentui's touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOSS = '''
from engine.settings.registry import register
from engine.settings.adversarial import AdversarialLoss


@register("adversarial_loss", "toy-loss")
class ToyLoss(AdversarialLoss):
    """Scores are pulled to 2 (real) and to -2 (generated)."""

    factory = f"{__name__}:build"


def build(settings):
    from engine.methods.adversarial import Adversarial

    return Adversarial(
        lambda real, fake: ((real - 2).square().mean(), (fake + 2).square().mean()),
        lambda fake: (fake - 2).square().mean(),
    )
'''
NET = """
from typing import ClassVar

from pydantic import Field

from engine.settings.registry import register
from engine.settings.nets import GANPair


@register("net", "toy-net")
class ToyNet(GANPair):
    net: str = "toy-net"
    width: int = Field(16, ge=1, description="hidden units")
    factory: ClassVar[str] = f"{__name__}:build"


def build(settings, spec):
    from torch import nn

    pixels = spec.shape[0] * spec.shape[1] * spec.shape[2]

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(settings.latent, settings.width), nn.ReLU(), nn.Linear(settings.width, pixels), nn.Tanh()
            )

        def forward(self, latents, condition=None):
            return self.layers(latents.flatten(1)).reshape(-1, *spec.shape)

    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Flatten(), nn.Linear(pixels, settings.width), nn.ReLU(), nn.Linear(settings.width, 1)
            )

        def forward(self, images, condition=None):
            return self.layers(images)[:, 0], None

    pair = nn.Module()
    pair.generator, pair.discriminator = Generator(), Critic()
    return pair
"""
RECIPE = """
name = "toy"
title = "A toy"
family = "gan"
[data]
dataset = "digits"
[model]
net = "toy-net"
latent = 8
norm = "none"
[method]
name = "gan"
loss = "toy-loss"
[train]
steps = 6
precision = "fp32"
[sample]
sampler = "direct"
times = 2
[evaluate]
metric = "fid"
samples = 64
times = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for path, text in {
        "plugins/toy_loss.py": LOSS,
        "plugins/toy_net.py": NET,
        "recipes/toy.toml": RECIPE,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def gentui(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GENTUI_CONFIG": str(config), "GENTUI_HOME": str(config / "home")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "gentui", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_three_files_make_a_loss_a_net_and_a_recipe_that_train(config):
    listed = json.loads(gentui(config, "recipes", "--json").stdout)
    assert "toy" in {row["name"] for row in listed}
    ended = gentui(config, "run", "toy", "--wait", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert (result["status"], result["steps"]) == ("done", 6)
    shown = json.loads(gentui(config, "show", "latest", "--json").stdout)
    assert {"loss", "loss_g_adv"} <= shown["metrics"].keys()
    assert {score["metric"] for score in shown["evaluations"]} == {"fid"}
    assert shown["samples"] and shown["checkpoints"]
    sampled = gentui(config, "sample", "latest", "-n", "4", "-o", str(config / "out.npy"))
    assert sampled.returncode == 0, sampled.stderr


def test_a_mistake_in_a_recipe_is_told_from_the_plug_ins_own_fields(config):
    bad = gentui(config, "run", "toy", "-o", "model.widht=3", "-o", "method.loss=toy-los")
    assert bad.returncode == 2
    assert "width" in bad.stderr and "toy-loss" in bad.stderr


def test_a_broken_plug_in_is_named_and_the_others_work(config):
    (config / "plugins" / "broken.py").write_text("x = 1\nraise RuntimeError('not today')\n")
    listed = gentui(config, "recipes")
    assert listed.returncode == 0 and "toy" in listed.stdout
    assert "broken.py could not be loaded: RuntimeError: not today (line 2)" in listed.stderr
    assert "Traceback" not in listed.stderr


def test_a_broken_recipe_of_ones_own_does_not_hide_the_rest(config):
    (config / "recipes" / "bad.toml").write_text('name = "bad"\n')
    listed = gentui(config, "recipes")
    assert listed.returncode == 0 and "toy" in listed.stdout
    assert "bad.toml" in listed.stderr
