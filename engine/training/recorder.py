"""The record of every step: its metrics on their way from the device into the event log, watched as they pass."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from engine.data.batches import Batches
from engine.health import Panel, Values
from engine.training.metric_buffer import MetricLog
from engine.training.reporter import Journal, say

LOG_SECONDS = 10.0


class TrainingFailed(Exception):
    """The run cannot go on; the message is the reason a person reads."""


class Record:
    """Collects what steps report, writes it in batches, shows it to the health panel.

    Each batch's newest step also tells the epoch and the speed since the batch before.
    """

    def __init__(self, journal: Journal, panel: Panel, batches: Batches, total: int, non_finite_limit: int):
        self.panel = panel
        self.bad_steps = 0
        """How many of the newest steps in a row had a loss that is no number."""
        self._journal, self._batches, self._total, self._limit = journal, batches, total, non_finite_limit
        self._metrics = MetricLog(journal.writer)
        self._step = 0
        self._said_at = self._speed = 0.0
        self.training_resumes(0)

    def training_resumes(self, step: int) -> None:
        """What the speed is measured from: what passed since the last step was no training."""
        self._since, self._timed_step = time.monotonic(), step

    def log(self, step: int, values: Mapping[str, Tensor | float]) -> bool:
        """Keep one step's scalars, without waiting for the device. True when it is time to flush."""
        self._step = step
        return self._metrics.log(step, step * self._batches.batch_size, values)

    def flush(self) -> None:
        """Write all there is. Raises TrainingFailed where losses have been no numbers for too long."""
        self._flush()

    @contextmanager
    def newest_open(self, step: int) -> Iterator[Values]:
        """What is put into the values given, at ``step``, joins that step's metrics; all before it is written now."""
        self._flush(hold_newest=True)
        found: Values = {}
        yield found
        if len(self._metrics):
            self._flush(found)
        elif found:  # a resumed attempt: the one before has written the step itself
            self._journal.emit("metrics", values=found)
            self._journal.raise_alarms(self.panel.see(step, found))

    def _flush(self, found: Values | None = None, hold_newest: bool = False) -> None:
        if not len(self._metrics):
            return
        now = time.monotonic()
        if steps := self._step - self._timed_step:
            self._speed = steps * self._batches.batch_size / max(now - self._since, 1e-9)
            self.training_resumes(self._step)
        hold = int(hold_newest)
        if len(self._metrics) <= hold:
            return
        last = self._step - hold
        epoch = last / self._batches.steps_per_epoch
        rows = self._metrics.flush(hold, images_per_s=self._speed, epoch=epoch, **(found or {}))
        for step, values in enumerate(rows, last - len(rows) + 1):
            self._look_at(step, values)
        if now - self._said_at >= LOG_SECONDS:
            self._said_at = now
            loss = rows[-1]["loss"]
            say(f"step {self._step:,}/{self._total:,}  loss {loss:.4g}  {self._speed:,.0f} images/s")

    def _look_at(self, step: int, values: Values) -> None:
        self._journal.raise_alarms(self.panel.see(step, values))
        if math.isfinite(values["loss"]):
            self.bad_steps = 0
            return
        self.bad_steps += 1
        if self.bad_steps >= self._limit:
            begun = step - self.bad_steps + 1
            raise TrainingFailed(f"non-finite loss for {self.bad_steps} steps (from step {begun})")
