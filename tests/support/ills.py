"""Runs that are ill on purpose, each with the alarm it must raise: real trainers, one of them by the command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine.__main__ as trainer
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State, list_runs
from engine.runs.events import EventWriter, iter_events
from tests.support.data import shared_cache
from tests.support.processes import calling, run_python

PLUGINS = Path(__file__).parent / "plugins"
EVALUATIONS = 4


@dataclass(frozen=True)
class Ill:
    """``options`` make the recipe's quick form ill; ``images``: on that many digits in a folder of their own."""

    name: str
    alarm: str
    recipe: str
    options: tuple[str, ...] = ()
    images: int = 0
    command: bool = False  # by ``gentui run`` and its worker, with nothing left out


ILLS = [
    Ill(
        "NaN injected at step 30", "non-finite", "digits-unet",
        ("model.net=nan-unet", "model.at=30", "model.channels=16", "train.steps=50", "sample.steps=4"), command=True,
    ),
    Ill("learning rate × 100, diffusion", "divergence", "digits-unet",
        ("optim.lr=0.2", "model.channels=16", "sample.steps=4")),
    Ill("learning rate × 100, VAE", "divergence", "digits-vae", ("optim.lr=0.1",)),
    Ill("learning rate × 100, GAN", "divergence", "toonfaces-acgan", ("optim.lr=0.04",)),
    Ill("learning rate × 100, Wasserstein", "high-rate", "faces-wgan-gp", ("optim.lr=0.02",)),
    Ill("learning rate × 100, Wasserstein, clipped", "high-rate", "cartoon-acgan-clip", ("optim.lr=0.1",)),
    Ill("generator frozen to one output", "collapse", "photos-dcgan", ("model.net=frozen-dcgan",)),
    Ill("class input shuffled", "class-ignored", "digits-unet",
        ("model.net=shuffled-unet", "model.channels=16", "sample.steps=6")),
    Ill("samples shrunk to the mean image", "blob", "digits-unet",
        ("method.name=shrunk-edm", "model.channels=16", "sample.steps=6")),
    Ill("VAE on 64 images", "overfitting", "digits-vae", ("train.steps=300", "data.batch_size=32"), images=64),
    Ill(
        "diffusion on 32 images", "memorisation", "digits-unet",
        ("train.steps=1000", "data.batch_size=28", "model.channels=16", "optim.lr=4e-3", "sample.times=2",
         "sample.steps=6"), images=32,
    ),
    Ill("discriminator's learning rate × 10", "discriminator", "photos-dcgan",
        ("method.discriminator_lr=4e-3", "train.steps=120")),
    Ill("discriminator's learning rate × 10, conditional", "discriminator", "toonfaces-acgan",
        ("method.discriminator_lr=4e-3", "train.steps=120")),
]  # fmt: skip


def fall_ill(ill: Ill, folder: Path, to_the_end: bool = True) -> RunDir:
    """Run it under ``folder``; unless ``to_the_end``, a run that is no ``command`` stops at its alarm."""
    config, home = folder / "config", folder / "home"
    shutil.copytree(PLUGINS, config / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    options = [
        f"evaluate.times={EVALUATIONS}",
        "evaluate.budget=1.0",
        "evaluate.samples=128",
        "evaluate.noises=1",
        *ill.options,
    ]
    if ill.images:
        options += ["data.dataset=imagefolder", f"data.path={_digits(folder, ill.images)}", "data.image_size=8",
 "data.validation=0.1", "evaluate.extractor=digits-cnn"]  # fmt: skip
    variables = {"GENTUI_HOME": str(home), "GENTUI_CONFIG": str(config)}
    home.mkdir()
    (home / "cache").symlink_to(shared_cache())
    if ill.command:
        command = [sys.executable, "-P", "-m", "gentui", "run", ill.recipe, "--quick", "--wait"]
        done = subprocess.run(
            [*command, *(word for option in options for word in ("-o", option))],
            env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    else:
        call, end_at = calling("tests.support.ills", "train"), "" if to_the_end else ill.alarm
        done = run_python(*call, ill.recipe, home, end_at, *options, **variables)
    runs = list_runs(home)
    if not runs or done.returncode not in (0, 1):
        raise RuntimeError(f"{ill.name}: exit {done.returncode}\n{done.stderr}")
    return runs[0]


def train(name: str, home: str, end_at: str, *options: str) -> int:
    """Train the quick form of a recipe in this process; stop at the alarm ``end_at``. Returns the exit code."""

    class Stopping(EventWriter):
        def emit_many(self, records: Iterable[dict[str, Any]]) -> None:
            super().emit_many(records := [*records])
            if any(record["kind"] == "alert" and record["name"] == end_at for record in records):
                os.kill(os.getpid(), signal.SIGTERM)

    trainer.EventWriter = Stopping
    recipe = load(name, options, quick=True)
    run = RunDir.create(Path(home), recipe.to_toml(), {"recipe": name}, State())
    return trainer.main([str(run.path), "--device", "cpu"])


def alarms(run: RunDir) -> list[dict[str, Any]]:
    """The alert events of a run, oldest first."""
    return [event for event in events(run) if event["kind"] == "alert"]


def interval(run: RunDir) -> int:
    """Steps from one evaluation to the next."""
    return next(event["total_steps"] for event in events(run) if "total_steps" in event) // EVALUATIONS


def events(run: RunDir) -> Iterator[dict[str, Any]]:
    for _, path in run.events_files():
        yield from iter_events(path)


def _digits(folder: Path, count: int) -> Path:
    """``count`` of scikit-learn's digits as PNGs, class by class."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    for number in range(count):
        place = folder / "digits" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        pixels = (digits.images[number] * 255 / 16).round().astype("uint8")
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder / "digits"
