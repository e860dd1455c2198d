"""Says when a training step has taken to smaller parts of the batch because memory ran out."""

from __future__ import annotations

from engine.health import Alarm
from engine.methods import Method, TrainsInParts
from engine.training.reporter import Reporter


class PartWatch:
    """Compares a method's ``part`` with what it was."""

    def __init__(self, method: Method, reporter: Reporter):
        self._method = method if isinstance(method, TrainsInParts) else None
        self._reporter = reporter
        self._part = self._method.part if self._method else None

    def look(self, step: int) -> None:
        """Raise an alarm, which only informs, if ``part`` has changed in the step just taken."""
        if self._method is None or self._method.part == self._part:
            return
        self._part = self._method.part
        alarm = Alarm(
            "memory",
            f"Step {step:,} ran out of memory, and is now taken in parts of at most {self._part} images.",
            "the batch did not fit beside the weights and what other programs use",
            f"nothing needs to be done, the experiment is the same; train.part={self._part} does so from the start",
            step,
            "info",
        )
        self._reporter.raise_alarms([alarm])
