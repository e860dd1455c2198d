"""One attempt at training a run: from its recipe to its last status event and the exit code of the process."""

from __future__ import annotations

import os
import sys
import traceback

import torch

from engine.data.dataset import DataError
from engine.devices import DeviceError, choose_device, is_out_of_memory, ran_out_on_gpu, require_devices
from engine.evaluation.extractors import ExtractorError
from engine.methods import TrainsInParts
from engine.ranks import environment
from engine.ranks.team import Leader, lead
from engine.recipes.recipe import MissingData, RecipeError, load
from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from engine.runs.files import FULL
from engine.training import checkpoint
from engine.training.loop import Trainer
from engine.training.machine_monitor import MachineMonitor
from engine.training.owner import TakenOver
from engine.training.patience import Patience
from engine.training.recorder import TrainingFailed
from engine.training.stop_signal import RunDirectoryGone, StopRequested, StopSignal

DONE, FAILED, BAD_RECIPE, NOT_POSSIBLE, TAKEN_OVER = 0, 1, 2, 4, 5
"""Exit codes; see ``engine.__main__``."""
RANK_PATIENCE = 3.0
"""Seconds within which the end of another rank shows that made what this process shares with it fail."""


class Attempt:
    """Trains a run, resuming from its last checkpoint, and reports how that ended."""

    def __init__(self, run: RunDir, device: str, writer: EventWriter, stop: StopSignal, ranks: int = 1):
        self._run, self._device, self._writer, self._stop = run, device, writer, stop
        self._ranks = ranks
        self._leader: Leader | None = None
        self._trainer: Trainer | None = None
        self.status = ""
        """The status it has ended with."""

    def run(self) -> int:
        """Train to the end, a stop signal or a failure. Returns the exit code of the process."""
        try:
            return self._end(*self._outcome())
        except TakenOver as error:  # nothing more may be written
            print(error, flush=True)
            return TAKEN_OVER
        finally:
            if self._leader:
                self._leader.close()

    def _outcome(self) -> tuple[str, str, int]:
        """Train. Returns the last status, the reason and the exit code. Raises TakenOver."""
        try:
            self._train()
        except TakenOver:
            raise
        except RunDirectoryGone as error:
            return "failed", f"{error}{self._at_step()}", FAILED
        except StopRequested as error:
            return "stopped", self._stop_reason(error), DONE
        except Exception as error:
            return "failed", *self._failure(error)
        return "done", "", DONE

    def _train(self) -> None:
        recipe = load(self._run.recipe_path, of_run=True)
        resume = checkpoint.exists(self._run)
        if resume:
            checkpoint.discard_leftovers(self._run)
        # What scores lack is a mistake to mend before training; it is no reason to lose a run that has begun.
        recipe.require_data(scores=not resume)
        device = choose_device(self._device)
        if self._ranks > 1:
            self._leader = self._lead(device)
        trainer = Trainer(self._run, recipe, device, self._writer, self._stop, self._leader)
        self._trainer = trainer
        trainer.prepare(resume)
        with MachineMonitor(
            self._writer, lambda: (trainer.step, trainer.images), self._run.path, trainer.device
        ):
            trainer.train()

    def _lead(self, device: torch.device) -> Leader:
        """Start the other ranks, or join those that ``srun`` or ``torchrun`` have started. Raises DeviceError."""
        if not environment.is_started_by_others():
            require_devices(self._ranks, device)
        leader = lead(self._ranks, [str(self._run.path), "--device", self._device])
        leader.watch(self._end_without_rank)
        return leader

    def _end_without_rank(self, reason: str) -> None:
        """End the process from a thread: the main thread waits for a rank that has ended."""
        os._exit(self._end("failed", f"{reason}{self._at_step()}", FAILED))

    def _end(self, status: str, reason: str, code: int) -> int:
        """Print and write the last status event."""
        self.status = status
        step, images = (self._trainer.step, self._trainer.images) if self._trainer else (0, 0)
        print(f"{status}: {reason}" if reason else status, flush=True)
        self._writer.emit("status", step=step, images=images, status=status, reason=reason)
        patience = self._trainer.patience if self._trainer else Patience(self._stop)
        while True:
            try:
                self._writer.sync()
                return code
            except OSError as error:
                if not patience.wait(error):
                    print(f"the last events could not be written: {error}", file=sys.stderr)
                    return code or FAILED

    def _stop_reason(self, error: StopRequested) -> str:
        trainer = self._trainer
        if trainer is None or not trainer.step:
            return f"{error} before the first step"
        if trainer.saved_at == trainer.step:
            return f"{error}{self._at_step()}, checkpoint saved"
        newest = f"the newest is of step {trainer.saved_at}" if trainer.saved_at else "there is none"
        return f"{error}{self._at_step()}; no checkpoint of this step could be written: {newest}"

    def _failure(self, error: Exception) -> tuple[str, int]:
        """(reason for the user, exit code). Prints the traceback of errors that are not explained by their message."""
        at = self._at_step()
        # No step is to blame for what keeps a run from being set up.
        in_training = at if self._trainer and self._trainer.is_set_up else ""
        match error:
            case RecipeError():
                return f"bad recipe: {error}", BAD_RECIPE
            case MissingData() | DataError() | DeviceError() | ExtractorError():
                return f"{error}{in_training}", NOT_POSSIBLE
            case TrainingFailed() | checkpoint.CheckpointError():
                return f"{error}{'' if 'step' in str(error) else in_training}", FAILED
        if self._leader and (lost := self._leader.lost(patience=RANK_PATIENCE)):
            return f"{lost}{at}", FAILED
        traceback.print_exception(error)
        match error:
            case OSError() if error.errno in FULL:
                return f"the disk is full{at}", FAILED
        if is_out_of_memory(error):
            return self._lacking_memory(error), FAILED
        first_line = next(iter(str(error).splitlines()), "")
        return f"{type(error).__name__}: {first_line}{at}", FAILED

    def _lacking_memory(self, error: Exception) -> str:
        """Where memory ran out, and what needs less of it."""
        trainer, gpu = self._trainer, ""
        if ran_out_on_gpu(error):
            gpu = f" on GPU {trainer.device.index or 0}" if trainer else " on the GPU"
        what = f"out of memory{gpu}{self._at_step()}: "
        if trainer is None or not hasattr(trainer, "steps"):
            return f"{what}free some that other programs use, or choose another --device"
        setting = _needing_less(trainer)
        less = f"`gentui run {trainer.recipe.name} -o {setting}`" if setting else "a smaller net"
        go_on = (
            f", or free some and `gentui resume {self._run.id}` goes on" if checkpoint.exists(self._run) else ""
        )
        return f"{what}{less} needs less{go_on}"

    def _at_step(self) -> str:
        return f" at step {self._trainer.step}" if self._trainer and self._trainer.step else ""


def _needing_less(trainer: Trainer) -> str:
    """A setting with which training needs less memory; "" if there is none."""
    size, method, model = trainer.steps.batches.batch_size, trainer.steps.method, trainer.recipe.model
    part = method.part if isinstance(method, TrainsInParts) else None
    if isinstance(method, TrainsInParts) and (smaller := method.smaller_part(size)):
        return f"train.part={smaller}"
    if getattr(model, "activation_checkpointing", None) is False and not getattr(model, "by_batch", False):
        return "model.activation_checkpointing=true"
    return f"data.batch_size={size // 2}" if size > 1 and part != 1 else ""
