"""What a run in training says of itself: events, phases, alarms, lines of its log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from engine.health import Alarm
from engine.runs.events import EventWriter, Kind
from engine.training.stop_signal import StopFlag

HEARTBEAT_SECONDS = 2.0


class Journal:
    """Writes events of where training stands; ``where`` says (steps done, images seen).

    Whoever says what is going on can be told to leave: ``phase``, ``announce`` and ``heartbeat`` raise StopRequested.
    """

    def __init__(self, writer: EventWriter, stop: StopFlag, where: Callable[[], tuple[int, int]]):
        self.writer = writer
        self._stop, self._where = stop, where
        self._phase_at = 0.0

    def emit(self, kind: Kind, **fields: Any) -> None:
        step, images = self._where()
        self.writer.emit(kind, step=step, images=images, **fields)

    def status(self, status: str, **fields: Any) -> None:
        self.emit("status", status=status, reason="", **fields)

    def phase(self, phase: str, done: int = 0, total: int = 0) -> None:
        self._stop.raise_if_set()
        self.status("phase", phase=phase, done=done, total=total)

    def announce(self, phase: str) -> None:
        """A phase that is worth a line of the log."""
        say(phase)
        self.phase(phase)

    def heartbeat(self, phase: str, done: int, total: int) -> None:
        """Called often during long phases: says how far it is now and then, and leaves when asked to."""
        self._stop.raise_if_set()
        now = time.monotonic()
        if now - self._phase_at >= HEARTBEAT_SECONDS:
            self._phase_at = now
            self.phase(phase, done, total)

    def alert(self, name: str, sentence: str, cause: str, remedy: str) -> None:
        """An alarm about what training stands on, not about the run's health."""
        self.raise_alarms([Alarm(name, sentence, cause, remedy, began=self._where()[0])])

    def raise_alarms(self, alarms: Iterable[Alarm]) -> None:
        for alarm in alarms:
            say(alarm.sentence)
            self.emit("alert", **alarm.event())


def say(text: str) -> None:
    """A line for the log."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
