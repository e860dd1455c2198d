"""The share of an attempt's time that may be spent on computing scores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class ScoreBudget:
    """Measures the time spent on scores since it was made, and compares it with the time of the whole attempt.

    ``share`` (0…1) is the part of the attempt's time that scores may take.
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self.spent = 0.0
        """Seconds spent on scores so far."""
        self._start = time.monotonic()
        self._last = 0.0

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Count the time of the block as time spent on scores."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._last = time.monotonic() - start
            self.spent += self._last

    def allows(self, progress: float) -> bool:
        """Whether one more score and the final one would stay within the budget at the end of training.

        ``progress`` (0…1) is the part of training that is done. The first score is always allowed, since its
        cost is unknown until then.
        """
        training = (time.monotonic() - self._start - self.spent) / max(progress, 1e-9)
        scores = self.spent + 2 * self._last
        return scores <= self.share * (training + scores)
