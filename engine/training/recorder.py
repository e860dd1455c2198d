"""Recorder of step metrics: writes them to the event log and shows them to the health panel."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from torch import Tensor

from engine.data.batches import Batches
from engine.health import Alarm, Panel, Values
from engine.training.metric_buffer import MetricBuffer
from engine.training.reporter import Reporter, print_line

PRINT_SECONDS = 10.0


class TrainingFailed(Exception):
    """Training cannot continue. The message is the reason that is shown to the user."""


class Recorder:
    """Buffers the metrics of every step, writes them in batches and shows each step to the health panel.

    The newest step of each batch also gets ``epoch`` and ``images_per_s``, the speed since the batch before.
    """

    def __init__(
        self, reporter: Reporter, panel: Panel, batches: Batches, total_steps: int, non_finite_limit: int
    ):
        self.panel = panel
        self.non_finite_steps = 0
        """Length of the current series of steps with a non-finite loss."""
        self._reporter, self._batches, self._total = reporter, batches, total_steps
        self._limit = non_finite_limit
        self._buffer = MetricBuffer(reporter.writer)
        self._step = 0
        self._printed_at = self._speed = 0.0
        self.restart_timer(0)

    def restart_timer(self, step: int) -> None:
        """Measure the speed from ``step`` and now on: the time before was not spent on training."""
        self._timed_since, self._timed_step = time.monotonic(), step

    def log(self, step: int, values: Mapping[str, Tensor | float]) -> bool:
        """Buffer one step's scalars, without waiting for the device. Return True when a flush is due."""
        self._step = step
        return self._buffer.log(step, step * self._batches.batch_size, values)

    def flush(self) -> None:
        """Write all buffered steps. Raises TrainingFailed when the loss has been non-finite for too many steps."""
        if not len(self._buffer):
            return
        now = time.monotonic()
        if steps := self._step - self._timed_step:
            self._speed = steps * self._batches.batch_size / max(now - self._timed_since, 1e-9)
            self.restart_timer(self._step)
        epoch = self._step / self._batches.steps_per_epoch
        rows = self._buffer.flush(images_per_s=self._speed, epoch=epoch)
        for step, values in enumerate(rows, self._step - len(rows) + 1):
            self._check(step, values)
        if now - self._printed_at >= PRINT_SECONDS:
            self._printed_at = now
            loss = rows[-1]["loss"]
            print_line(f"step {self._step:,}/{self._total:,}  loss {loss:.4g}  {self._speed:,.0f} images/s")

    def add(self, step: int, values: Values) -> None:
        """Write further metrics of a step whose own have been written, and show them to the panel."""
        self._reporter.emit("metrics", values=values)
        self._reporter.raise_alarms(self.panel.observe(step, values))

    def raise_once(self, alarm: Alarm) -> None:
        """Raise an alarm that no watcher sees, unless it has been raised in this run."""
        if alarm.name not in self.panel.raised:
            self.panel.raised[alarm.name] = alarm.began
            self._reporter.raise_alarms([alarm])

    def _check(self, step: int, values: Values) -> None:
        """Raise alarms of the panel, and TrainingFailed at the limit of non-finite losses in a row."""
        self._reporter.raise_alarms(self.panel.observe(step, values))
        if math.isfinite(values["loss"]):
            self.non_finite_steps = 0
            return
        self.non_finite_steps += 1
        if self.non_finite_steps >= self._limit:
            first = step - self.non_finite_steps + 1
            raise TrainingFailed(f"non-finite loss for {self.non_finite_steps} steps (from step {first})")
