"""The checkpoints of an attempt: when the last one is due, how each is written, and what the user hears of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from engine.runs.directory import CheckpointChoice, RunDir
from engine.training import checkpoint
from engine.training.background_save import BackgroundSave, Saved
from engine.training.finiteness import Finiteness
from engine.training.patience import SECONDS as PATIENCE_SECONDS
from engine.training.patience import Patience
from engine.training.recorder import Recorder, TrainingFailed
from engine.training.reporter import DISK_CAUSE, FREE_SPACE, Reporter, print_line
from engine.training.state import TrainingState
from engine.training.steps import Steps

FIRST_CHECKPOINT_SECONDS = 1.0
"""Time until the first checkpoint. It doubles after each, up to ``train.checkpoint_minutes``."""


class Saver:
    """Writes checkpoints: at once, or the last one beside training.

    A checkpoint is never ahead of the log, and holds no weights that are not finite, which is an alarm. ``state``
    returns all that belongs into it besides the weights; ``kept`` is the number of those that are kept for good.
    """

    def __init__(
        self,
        run: RunDir,
        device: torch.device,
        steps: Steps,
        state: Callable[[], TrainingState],
        recorder: Recorder,
        finiteness: Finiteness,
        reporter: Reporter,
        patience: Patience,
        minutes: float,
        kept: int,
    ):
        self.saved_at: int | None = None
        """Step of the newest checkpoint of the run."""
        self._run, self._steps, self._state = run, steps, state
        self._recorder, self._finiteness = recorder, finiteness
        self._reporter, self._patience = reporter, patience
        self._longest, self._kept = 60 * minutes, kept
        self._background = BackgroundSave(run, device)
        self._interval = FIRST_CHECKPOINT_SECONDS
        self._reported_disk: tuple[int, str] | None = None
        self.restart_clock()

    def restart_clock(self) -> None:
        """Count the time until the next checkpoint from now on."""
        self._saved_time = time.monotonic()

    def save(self, which: list[CheckpointChoice]) -> bool:
        """Point each of ``which`` at the checkpoint of this step, which is written unless it exists.

        Returns whether that was possible. A full disk is an alert, and training goes on.
        """
        try:
            return self._write(which)
        except OSError as error:
            self._tell_of_disk(error, "the previous checkpoint is untouched")
            return False

    def save_last(self) -> None:
        """Write the last checkpoint of this attempt, waiting for room on a full disk. Raises TrainingFailed."""
        while True:
            try:
                self._write(["last"])
                return
            except OSError as error:
                waiting = (
                    f"it is tried again for {PATIENCE_SECONDS / 60:.0f} minutes; "
                    "then what was learnt since the checkpoint before is lost"
                )
                sentence = self._tell_of_disk(error, waiting)
                if not self._patience.wait(error):
                    raise TrainingFailed(sentence.rstrip(".")) from error

    def save_beside_training(self) -> None:
        """Begin to write the last checkpoint beside training if it is due, and report the one that has ended."""
        self._note(self._background.ended())
        if time.monotonic() - self._saved_time > min(self._interval, self._longest):
            self._interval *= 2
            self._begin()

    def finish(self) -> None:
        """Wait for the checkpoint that is being written beside training, if there is one."""
        self._note(self._background.ended(wait=True))

    def _begin(self) -> None:
        """Begin to write beside training, if the weights are finite and no other write is under way."""
        self._recorder.flush()
        self.restart_clock()
        if self._weights_are_finite() and not self._background.is_busy:
            steps, stored = self._steps, self._state().to_stored()
            self._background.begin(steps.step, steps.images, steps.method.weights(), stored, steps.buffers())

    def _note(self, saved: Saved | None) -> None:
        """Report how a checkpoint written beside training ended."""
        if saved is None:
            return
        if saved.error is not None:
            self._tell_of_disk(saved.error, "the previous checkpoint is untouched", saved.step)
        elif saved.is_torn:
            self._saved_time = float("-inf")  # it is due again
        else:
            self.saved_at = saved.step
            self._report(["last"], saved.size, (saved.step, saved.images))

    def _write(self, which: list[CheckpointChoice]) -> bool:
        """As ``save``, but raises OSError when the checkpoint cannot be written."""
        self.finish()
        steps = self._steps
        self._recorder.flush()  # it checks the loss of these weights, too
        self.restart_clock()
        written = self.saved_at == steps.step and checkpoint.exists(self._run)
        if written:
            which = [name for name in which if name != "last"]
        elif not self._weights_are_finite():
            return False
        if not which:
            return True
        if written:
            size = checkpoint.point(self._run, which)
        else:
            stored = self._state().to_stored()
            size = checkpoint.save(self._run, steps.step, steps.method.weights(), stored, which)
        self.saved_at = steps.step
        self._report(which, size, (steps.step, steps.images))
        return True

    def _weights_are_finite(self) -> bool:
        if self._recorder.non_finite_steps:
            return False
        if self._finiteness.check(self._steps.step):
            return True
        self.finish()  # the alarm names the newest checkpoint
        self._recorder.raise_once(self._finiteness.alarm(self.saved_at))
        return False

    def _tell_of_disk(self, error: OSError, consequence: str, step: int | None = None) -> str:
        """Raise the alert that no checkpoint could be written, once a step and consequence. Returns its sentence."""
        step = self._steps.step if step is None else step
        sentence = f"The checkpoint of step {step} could not be written: {error.strerror}."
        if self._reported_disk != (step, consequence):
            self._reported_disk = step, consequence
            self._reporter.alert("disk", sentence, DISK_CAUSE, f"{FREE_SPACE}; {consequence}")
        return sentence

    def _report(self, which: list[CheckpointChoice], size: int, position: tuple[int, int]) -> None:
        for name in which:
            path = self._run.checkpoint(name).relative_to(self._run.path)
            self._reporter.emit_at("checkpoint", *position, which=str(name), path=str(path), bytes=size)
        step, _ = position
        if step in which:
            sizes = f"{size / 1e6:.3g} MB; at the end {self._kept} of them, {self._kept * size / 1e6:.3g} MB"
            print_line(f"step {step:,}: checkpoint kept for good ({sizes})")
        if not self._reporter.writer.blocked:
            self._reporter.writer.sync()
