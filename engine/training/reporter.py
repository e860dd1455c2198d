"""Reports on a run in training: events, phases and alarms in its event log, lines on stdout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from engine.health import Alarm
from engine.runs.events import EventWriter, Kind
from engine.training.stop_signal import StopSignal

HEARTBEAT_SECONDS = 2.0
DISK_CAUSE = "the disk is full or not writable"
FREE_SPACE = "free some space (`gentui doctor` says what fills the disk)"


class Reporter:
    """Writes events stamped with the current position; ``position`` returns (steps done, images seen).

    Long work reports through ``phase``, ``announce`` and ``heartbeat``. These raise StopRequested when a signal has
    arrived, so that such work can be stopped.
    """

    def __init__(self, writer: EventWriter, stop: StopSignal, position: Callable[[], tuple[int, int]]):
        self.writer = writer
        self._stop, self._position = stop, position
        self._phase_at = 0.0

    def emit(self, kind: Kind, **fields: Any) -> None:
        """Write an event at the current position."""
        self.emit_at(kind, *self._position(), **fields)

    def emit_at(self, kind: Kind, step: int, images: int, **fields: Any) -> None:
        """Write an event at another position."""
        self.writer.emit(kind, step=step, images=images, **fields)

    def status(self, status: str, **fields: Any) -> None:
        """Write a ``status`` event."""
        self.emit("status", status=status, reason="", **fields)

    def phase(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Report that a phase begins or how far it is. Raises StopRequested."""
        self._stop.raise_if_set()
        self.status("phase", phase=phase, done=done, total=total)

    def announce(self, phase: str) -> None:
        """Report a phase and print it. Raises StopRequested."""
        print_line(phase)
        self.phase(phase)

    def heartbeat(self, phase: str, done: int, total: int) -> None:
        """Report progress every few seconds at most, however often it is called. Raises StopRequested."""
        self._stop.raise_if_set()
        now = time.monotonic()
        if now - self._phase_at >= HEARTBEAT_SECONDS:
            self._phase_at = now
            self.phase(phase, done, total)

    def alert(self, name: str, sentence: str, cause: str, remedy: str) -> None:
        """Report a problem with the data or the disk, in the form of an alarm."""
        self.raise_alarms([Alarm(name, sentence, cause, remedy, began=self._position()[0])])

    def raise_alarms(self, alarms: Iterable[Alarm]) -> None:
        """Print each alarm and write its ``alert`` event."""
        for alarm in alarms:
            print_line(alarm.sentence)
            self.emit("alert", **alarm.event())


def print_line(text: str) -> None:
    """Print a line to stdout, which is the run's log.txt, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
