"""Waiting for room on a full disk, when giving up would lose what a run has learnt."""

from __future__ import annotations

import time

from engine.runs.files import FULL
from engine.training.stop_signal import StopSignal

SECONDS = 600.0
"""How long an attempt waits in all, for its last checkpoint and its last events."""
RETRY_SECONDS = 1.0


class Patience:
    """Waits for room, ``SECONDS`` in all. A further stop signal ends it."""

    def __init__(self, stop: StopSignal):
        self._stop = stop
        self._left = SECONDS

    def wait(self, error: OSError) -> bool:
        """Wait a moment before what raised ``error`` is tried again. False when there is no point in that."""
        if error.errno not in FULL or self._left <= 0:
            return False
        signals = self._stop.count
        time.sleep(RETRY_SECONDS)
        self._left -= RETRY_SECONDS
        return self._stop.count == signals
