"""Small runs of every method, trained by the real trainer on the pretended GPU, in the test's own process."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from engine.runs.files import own_folder
from engine.training import validation
from engine.training.attempt import Attempt
from engine.training.loop import Trainer
from engine.training.recorder import Recorder
from engine.training.saver import Saver
from engine.training.stop_signal import StopSignal
from engine.training.validation import Validator
from tests.support.engine import events
from tests.support.pretended_cuda import Gpu
from tests.support.recipes import fewer_pixels

STEPS = 4
FEW: dict[str, Any] = {
    "train.steps": STEPS, "train.checkpoint_minutes": 60, "data.batch_size": 16, "data.validation": 0.9,
    "sample.times": 1, "evaluate.times": 1,
}  # fmt: skip
FEW_SAMPLES: dict[str, Any] = {
    "sample.rows": 2,
    "sample.columns": 2,
    "evaluate.samples": 16,
    "evaluate.noises": 1,
}
IN_FEW_STEPS: dict[str, Any] = {"sample.steps": 3, "sample.strip": 3}
METHODS: dict[str, dict[str, Any]] = {
    "digits-unet": {**FEW_SAMPLES, **IN_FEW_STEPS, "model.channels": 8, "model.groups": 4},
    "digits-cfg": {**FEW_SAMPLES, **IN_FEW_STEPS, "model.features": 8, "sample.sampler": "ddpm"},
    "digits-vae": {**FEW_SAMPLES, "model.channels": 4},
    "photos-dcgan": {**FEW_SAMPLES, "model.channels": 8},
    "digitsm-digits-dann": {"model.channels": 4, "data.validation": 0.0, "data.validation_images": 48},
}
"""A recipe of each method, as small as it gets; all but the last, whose held-out images take long to embed, come to the
end of an epoch within their few steps."""

BARE: dict[str, Any] = {"train__precision": "fp32", "evaluate__times": 0, "health__alarms": False}
"""Changes for ``device_run``: neither a choice of the precision, nor scores, nor examinations."""


def device_run(home: Path, name: str, **changes: Any) -> RunDir:
    """A run directory of the quick form of a recipe; keyword arguments are dotted keys with ``__`` for the dot."""
    recipe = load(name, quick=True)
    small = METHODS.get(name) or _smaller(recipe)
    recipe = recipe.with_values({**FEW, **small, **{k.replace("__", "."): v for k, v in changes.items()}})
    run = RunDir.create(home, recipe.to_toml(), {"recipe": name}, State())
    for folder in (run.checkpoints, run.samples, run.figures):
        own_folder(folder)
    return run


def _smaller(recipe: Recipe) -> dict[str, Any]:
    """Changes that let any recipe take less time."""
    if recipe.sample.sampler == "none":
        return METHODS["digitsm-digits-dann"]
    return {**FEW_SAMPLES, **(IN_FEW_STEPS if recipe.sample.steps > 1 else {}), **fewer_pixels(recipe)}


@dataclass
class Step:
    """What a training step did on the device: operations that it started, and the lines at which the CPU waited."""

    operations: int
    waits: list[str]


@dataclass
class Attempted:
    """How an attempt at a run ended: the exit code, the newest status event, the steps that it trained, and the lines
    at which the CPU waited before, between and after them."""

    run: RunDir
    code: int
    end: dict[str, Any]
    steps: list[Step]
    waits: Counter[str]


def attempt(run: RunDir, gpu: Gpu, device: str = "cuda", stop_at: int | None = None) -> Attempted:
    """Train or resume the run on the pretended GPU, to its end or, as by a signal, to the step ``stop_at``.

    Flushes of the metrics and checkpoints count for no step, since the clock decides which one they come after; of the
    validation only the waits count.
    """
    steps: list[Step] = []
    waits: Counter[str] = Counter()
    train_step = Trainer._train_step

    def watched(trainer: Trainer) -> None:
        waits.update(gpu.book.waits)
        gpu.book.clear()
        train_step(trainer)
        steps.append(Step(gpu.book.operations.total(), list(gpu.book.waits)))
        gpu.book.clear()
        if trainer.step == stop_at:
            trainer.stop.signal = signal.SIGTERM

    number = max((n for n, _ in run.events_files()), default=0) + 1
    gpu.book.clear()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Trainer, "_train_step", watched))
        stack.enter_context(mock.patch.object(validation, "MOST_IMAGES", 32))
        for owner, name, also_waits in (
            (Recorder, "flush", True),
            (Saver, "save", True),
            (Saver, "save_beside_training", True),
            (Validator, "losses", False),
        ):
            patched = _aside(gpu, getattr(owner, name), also_waits)
            stack.enter_context(mock.patch.object(owner, name, patched))
        writer = EventWriter(run.events_path(number))
        code = Attempt(run, device, writer, StopSignal(run.path)).run()
    return Attempted(run, code, events(run, "status")[-1], steps, waits + gpu.book.waits)


def _aside(gpu: Gpu, work: Any, waits: bool) -> Any:
    def aside(*args: Any, **kwargs: Any) -> Any:
        with gpu.book.aside(waits):
            return work(*args, **kwargs)

    return aside
