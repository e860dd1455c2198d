"""Signals that ask the trainer to stop. Torch-free, so that they are handled before torch is imported."""

from __future__ import annotations

import signal
from types import FrameType


class StopRequested(Exception):
    """A signal asked the trainer to stop. Raised only at points where no work is half done."""


class StopSignal:
    """Remembers SIGTERM or SIGINT until the loop checks for it between steps. SIGHUP is ignored."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def install(self) -> StopSignal:
        """Handle the signals of this process from now on."""
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.signal = number

    def __bool__(self) -> bool:
        return self.signal is not None

    def raise_if_set(self) -> None:
        """Raise StopRequested, with the signal's name, if one has arrived."""
        if self.signal is not None:
            raise StopRequested(signal.Signals(self.signal).name)
