"""The runs that claims need: a recipe, what is changed of it, and seeds. Each is trained once, under its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.runs.directory import RunDir, list_runs
from tests.claims.measures import Measured

GENTUI = [sys.executable, "-P", "-m", "gentui"]


@dataclass(frozen=True)
class Experiment:
    recipe: str
    options: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)

    def command(self, name: str, seed: int) -> list[str]:
        """The arguments of ``gentui``."""
        chosen = [word for option in self.options for word in ("-o", option)]
        return ["run", self.recipe, *chosen, "--seed", str(seed), "--name", title(name, seed), "--wait"]


def title(name: str, seed: int) -> str:
    return f"claim {name} {seed}"


FACES = (
    "data.dataset=photos", "data.batch_size=64", "model.channels=16", "train.steps=1000", "train.precision=fp32",
    "evaluate.samples=1000", "evaluate.split=train", "evaluate.times=5", "sample.times=2",
)  # fmt: skip
CATS = (
    "data.dataset=photos", "data.image_size=32", "data.batch_size=64", "data.validation=0.1", "train.steps=3000",
    "train.precision=fp32", "evaluate.samples=1000", "evaluate.times=5", "sample.times=2",
)  # fmt: skip
CARTOONS = (
    "data.dataset=toonfaces", "data.image_size=64", "model.channels=16", "train.steps=2500", "train.precision=fp32",
    "evaluate.samples=1000", "evaluate.times=5", "sample.times=2",
)  # fmt: skip
UNETS = (
    "model.channels=16", "train.steps=900", "train.precision=fp32", "evaluate.samples=1000", "evaluate.times=1",
    "sample.times=2", "sample.sampler=heun", "sample.steps=18",
)  # fmt: skip
AS_PUBLISHED = (
    "evaluate.samples=10000", "evaluate.times=1", "evaluate.noises=1", "sample.times=4", "train.channels_last=true",
    "train.compile=true",
)  # fmt: skip

EXPERIMENTS = {
    "fashion basic": Experiment("fashion-resnet-basic", AS_PUBLISHED),
    "fashion noise": Experiment("fashion-resnet-noise", AS_PUBLISHED),
    "fashion spatial": Experiment("fashion-resnet-spatial", AS_PUBLISHED),
    "fashion class": Experiment("fashion-resnet-class", AS_PUBLISHED),
    "unet block": Experiment("fashion-unet", ("data.batch_size=64", "optim.lr=1e-3", *UNETS)),
    "unet concat": Experiment("fashion-unet-concat", UNETS),
    "unet cbn": Experiment("fashion-unet-cbn", UNETS),
    "unet pool first": Experiment("fashion-unet-poolfirst", UNETS),
    "cats overfit": Experiment("cats-vae-overfit", CATS),
    "cats augmented": Experiment("cats-vae", CATS),
    "cats ddpm": Experiment(
        "cats-ddpm",
        ("data.dataset=photos", "data.image_size=32", "data.batch_size=32", "model.channels=16", "model.attention=[]",
         "train.steps=3000", "train.precision=fp32", "sample.steps=100", "evaluate.samples=500", "evaluate.times=5",
         "evaluate.noises=1", "sample.times=2"),
    ),
    "vae": Experiment("digits-vae", seeds=(0, 1, 2)),
    "vae small latent": Experiment("digits-vae", ("model.latent=2",), seeds=(0, 1, 2)),
    "vae heavy divergence": Experiment("digits-vae", ("method.kl_weight=30",), seeds=(0, 1, 2)),
    "faces dcgan": Experiment("faces-dcgan", FACES, seeds=(0, 1, 2)),
    "faces sngan": Experiment("faces-sngan", FACES, seeds=(0, 1, 2)),
    "faces wgan-gp": Experiment("faces-wgan-gp", FACES, seeds=(0, 1, 2)),
    "faces dragan": Experiment("faces-dragan", FACES, seeds=(0, 1, 2)),
    **{
        f"cartoon {name or 'gp'}": Experiment(f"cartoon-acgan{'-' if name else ''}{name}", CARTOONS)
        for name in ("", "sn", "noconcat", "projection", "clip", "div")
    },
    **{
        f"guidance {weight:g}": Experiment("digits-cfg", (f"sample.guidance={weight}",))
        for weight in (0.0, 2.0)
    },
    **{
        f"adaptation {name}": Experiment(f"digitsm-digits-{name}", seeds=(0, 1, 2))
        for name in ("source", "dann", "target")
    },
}  # fmt: skip


class NotTrained(Exception):
    """A run that is missing, by its name."""


class Laboratory:
    """Trains experiments in a home, each run once, and finds what is trained.

    With ``trains`` false it raises NotTrained for what is missing.
    """

    def __init__(
        self,
        home: Path,
        trains: bool = True,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ):
        self.home, self.trains, self._say = home, trains, say

    def measured(self, name: str) -> list[Measured]:
        """The runs of an experiment, one a seed; those that are missing are trained now."""
        experiment = EXPERIMENTS[name]
        return [Measured(self._run(name, experiment, seed)) for seed in experiment.seeds]

    def _run(self, name: str, experiment: Experiment, seed: int) -> RunDir:
        found = self._find(title(name, seed))
        if found is None or found.read_state().status != "done":
            if not self.trains:
                raise NotTrained(title(name, seed))
            arguments = experiment.command(name, seed) if found is None else ["resume", found.id, "--wait"]
            self._say("gentui " + " ".join(arguments))
            environment = {**os.environ, "GENTUI_HOME": str(self.home)}
            done = subprocess.run(
                [*GENTUI, *arguments], env=environment, stdout=subprocess.DEVNULL, check=False
            )
            found = self._find(title(name, seed))
            if done.returncode or found is None:
                raise RuntimeError(f"{title(name, seed)} did not finish: exit code {done.returncode}")
        return found

    def _find(self, label: str) -> RunDir | None:
        for run in list_runs(self.home):
            if json.loads((run.path / "run.json").read_text()).get("name") == label:
                return run
        return None
