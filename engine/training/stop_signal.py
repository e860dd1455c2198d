"""Signals that ask the trainer to leave. Torch-free, so that they are minded before torch is imported."""

from __future__ import annotations

import signal
from types import FrameType


class StopRequested(Exception):
    """A signal asked the trainer to leave; raised only where nothing is half done."""


class StopFlag:
    """SIGTERM and SIGINT set it; the loop looks at it between steps. SIGHUP is ignored."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def install(self) -> StopFlag:
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.signal = number

    def __bool__(self) -> bool:
        return self.signal is not None

    def raise_if_set(self) -> None:
        if self.signal is not None:
            raise StopRequested(signal.Signals(self.signal).name)
