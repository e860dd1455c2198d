"""A score: the value of one metric with the protocol it was computed under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.evaluation.protocol import Protocol

Announce = Callable[[str], None]
"""Called with a description of the work that follows, when it takes seconds and reports no progress of its own. May
raise to abandon the evaluation."""


@dataclass(frozen=True)
class Score:
    """Value of one metric. It is NaN when the generator made pixels that are not finite.

    ``floor`` is the value that real test images reach in place of generated ones. ``seconds`` is the time it took.
    ``std`` is the standard deviation over the parts or subsets that the value is a mean of, for metrics with such.
    """

    metric: str
    value: float
    lower_is_better: bool
    protocol: Protocol
    floor: float | None
    seconds: float
    std: float | None = None

    def event(self) -> dict[str, Any]:
        """The fields of an ``evaluation`` event, except ``best``."""
        return {
            "metric": self.metric,
            "value": self.value,
            "lower_is_better": self.lower_is_better,
            "protocol": self.protocol.name,
            "protocol_id": self.protocol.id,
            "protocol_detail": self.protocol.detail(),
            "selected_by": self.protocol.selected_by,
            "floor": self.floor,
            "seconds": self.seconds,
            **({} if self.std is None else {"std": self.std}),
        }
