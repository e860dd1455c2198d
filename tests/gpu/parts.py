"""Small runs, methods and batches for checks and speeds alike."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from engine.data.batch import Batch, ImageSpec
from engine.methods import Method
from engine.methods.building import context_of
from engine.recipes.recipe import Recipe
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter, iter_events
from engine.runs.files import own_folder
from engine.settings import registry
from engine.settings.datasets.base import Data
from engine.training.attempt import Attempt
from engine.training.loop import Trainer
from engine.training.stop_signal import StopSignal

FEW: dict[str, Any] = {
    "train.steps": 10, "evaluate.times": 1, "evaluate.samples": 64, "evaluate.noises": 1, "sample.times": 1,
    "sample.rows": 2, "sample.columns": 2,
}  # fmt: skip


def has_setting(recipe: Recipe, key: str) -> bool:
    table, _, name = key.partition(".")
    return name in type(getattr(recipe, table)).model_fields


def new_run(home: Path, recipe: Recipe) -> RunDir:
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    for folder in (run.checkpoints, run.samples, run.figures):
        own_folder(folder)
    return run


def train(run: RunDir, device: torch.device, stop_at: int | None = None) -> int:
    """Train or resume a run in this process, perhaps to a step. Returns the exit code."""
    step = Trainer._train_step

    def watched(trainer: Trainer) -> None:
        step(trainer)
        if trainer.step == stop_at:
            trainer.stop.signal = 15

    number = max((n for n, _ in run.events_files()), default=0) + 1
    with mock.patch.object(Trainer, "_train_step", watched), redirect_stdout(sys.stderr):
        return Attempt(run, str(device), EventWriter(run.events_path(number)), StopSignal(run.path)).run()


def events_of(run: RunDir) -> list[dict[str, Any]]:
    return [event for _, path in run.events_files() for event in iter_events(path)]


def end_of(run: RunDir) -> str:
    """The reason of a run's last status."""
    return [event for event in events_of(run) if event["kind"] == "status"][-1]["reason"]


def build(recipe: Recipe, device: torch.device) -> Method:
    context = context_of(recipe, spec_of(recipe), device, 1000, 100)
    return registry.build(recipe.method, Method, context)


def spec_of(recipe: Recipe) -> ImageSpec:
    data: Data = recipe.data
    return ImageSpec(data.image_shape, len(data.classes), len(data.attributes))


def make_batch(recipe: Recipe, count: int, device: torch.device) -> Batch:
    """Random images with labels: their content changes no speed."""
    draws, spec = torch.Generator().manual_seed(5), spec_of(recipe)
    images = torch.rand(count, *spec.shape, generator=draws) * 2 - 1
    labels = None
    if spec.attributes:
        labels = torch.randint(0, 2, (count, spec.attributes), generator=draws).float()
    elif spec.classes:
        labels = torch.randint(0, spec.classes, (count,), generator=draws)
    target = images.flip(0) if recipe.family == "dann" else None
    return sent(Batch(images, labels, target), device)


def sent(batch: Batch, device: torch.device) -> Batch:
    def image(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device).contiguous(memory_format=torch.channels_last)

    images = image(batch.images)
    assert images is not None
    return Batch(images, None if batch.labels is None else batch.labels.to(device), image(batch.target))
