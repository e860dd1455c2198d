"""What of an attempt's time goes into its scores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from when it is made; knows how long was spent on scores."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._last = 0.0
        self.spent = 0.0

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """What happens inside is a score."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._last = time.monotonic() - begun
            self.spent += self._last

    def affords(self, budget: float, progress: float) -> bool:
        """Whether one more score and a last one would keep within ``budget``, a share of all the time until the end.

        ``progress`` (0…1) is how far training is. The first score is always made: nobody knows yet what it costs.
        """
        training = (time.monotonic() - self._begun - self.spent) / max(progress, 1e-9)
        scores = self.spent + 2 * self._last
        return scores <= budget * (training + scores)
