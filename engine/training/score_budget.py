"""The share of an attempt's time that may be spent on computing scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median_low


@dataclass
class ScoreCost:
    """What one score cost. ``one_off``: seconds of it that later scores do not need, such as embedding real images."""

    one_off: float = 0.0


class ScoreBudget:
    """Measures the time spent on scores since it was made, and compares it with the time of the whole attempt.

    ``share`` (0…1) is the part of the attempt's time that scores may take. The report after training costs as much as
    ``report_scores`` scores. One-off work is neither training nor the cost of a score.
    """

    def __init__(
        self, share: float, report_scores: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.share = share
        self.spent = 0.0
        """Seconds spent on scores so far, without one-off work."""
        self._report_scores, self._clock = report_scores, clock
        self._start = clock()
        self._one_off = 0.0
        self._costs: list[float] = []

    @contextmanager
    def scoring(self) -> Iterator[ScoreCost]:
        """Count the time of the block as that of one score; the block fills in what of it was ``one_off``.

        A block that raises counts as spent, and not as what a score costs.
        """
        start, cost, completed = self._clock(), ScoreCost(), False
        try:
            yield cost
            completed = True
        finally:
            seconds = self._clock() - start
            one_off = min(max(cost.one_off, 0.0), seconds)
            self._one_off += one_off
            self.spent += seconds - one_off
            if completed:
                self._costs.append(seconds - one_off)

    @property
    def typical(self) -> float:
        """Seconds of a score, the median of those so far; 0 before the first."""
        return median_low(self._costs) if self._costs else 0.0

    def allows(self, progress: float) -> bool:
        """Whether one more score, the last one and the report would stay within the budget at the end of training.

        ``progress`` (0…1) is the part of training that is done. The first score is always allowed, since its
        cost is unknown until then.
        """
        training = (self._clock() - self._start - self.spent - self._one_off) / max(progress, 1e-9)
        scores = self.spent + (2 + self._report_scores) * self.typical
        return scores <= self.share * (training + scores)
