"""Runs whose samples are examined early, or often, by the real training loop."""

from __future__ import annotations

import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import torch

from engine.__main__ import main
from engine.evaluation import reconstruction
from engine.recipes.recipe import Recipe
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from engine.training import loop
from engine.training.loop import Trainer
from engine.training.milestones import Due, Milestones
from engine.training.stop_signal import StopRequested, StopSignal
from tests.support.processes import calling


class Looks(Milestones):
    """Examinations at ``steps`` and nothing else; after the last of them, the run is stopped."""

    def __init__(self, trainer: Trainer, steps: Collection[int]):
        super().__init__(trainer.recipe, trainer.total, trainer.steps.batches.steps_per_epoch)
        self._steps, self._stop = set(steps), trainer.stop

    def includes(self, step: int) -> bool:
        return step in self._steps

    def due(self, step: int) -> Due:
        if step > max(self._steps):
            self._stop.signal = signal.SIGTERM
        return Due(samples=False, scores=False, examination=self.includes(step) and self.examined_at < step)


def looked_at(recipe: Recipe, home: Path, steps: Collection[int]) -> RunDir:
    """Train until samples have been examined at each of ``steps``."""
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    writer = EventWriter(run.events_path(1))
    trainer = Trainer(run, recipe, torch.device("cpu"), writer, StopSignal())
    trainer.prepare(resume=False)
    trainer.milestones = trainer.visits.milestones = Looks(trainer, steps)
    with suppress(StopRequested):
        trainer.train()
    writer.close()
    return run


EARLY = (0.01, 0.05, 0.2)
"""Parts of a run after which its samples are examined early."""


def early_steps(total: int) -> list[int]:
    return sorted({max(1, round(part * total)) for part in EARLY})


class EarlyLooks(Milestones):
    """The schedule of a run, and examinations at the early steps."""

    def includes(self, step: int) -> bool:
        return super().includes(step) or step in early_steps(self.total_steps)


def command(run: RunDir) -> list[str]:
    """What Python is called with to train a run that is also looked at early."""
    return [*calling("tests.support.early", "train"), str(run.path)]


def train(path: str) -> int:
    loop.Milestones = EarlyLooks
    reconstruction.MOST_IMAGES = 128
    return main([path, "--device", "cpu"])
