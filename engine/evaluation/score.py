"""A score: the value of one metric with the protocol it was computed under."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from engine.evaluation.protocol import Protocol

Role = Literal["selection", "report"]
Announce = Callable[[str], None]
"""Called with a description of the work that follows, when it takes seconds and reports no progress of its own. May
raise to abandon the evaluation."""


@dataclass(frozen=True)
class Score:
    """Value of one metric. It is NaN when the generator made pixels that are not finite.

    ``floor`` is the value that as many real images reach in place of generated ones, ``floor_std`` its standard
    deviation over several draws of them. ``seconds`` is the time it took. ``std`` is the standard deviation over what
    the value is a mean of, and ``over`` says what that is: ``3 noises``, ``100 subsets``; of a mean over images it is
    the standard error. ``noise_seed`` is the seed that the noises of a report derive from. ``role``: whether it is of a
    series that selects a checkpoint, or reports on one that is selected.
    """

    metric: str
    value: float
    lower_is_better: bool
    protocol: Protocol
    floor: float | None
    seconds: float
    std: float | None = None
    over: str = ""
    floor_std: float | None = None
    noise_seed: int | None = None
    role: Role = "report"

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
            "role": self.role,
            **{name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None},
            **({"over": self.over} if self.over else {}),
        }


def score_of_images(metric: str, values: Tensor, finite: bool, protocol: Protocol, seconds: float) -> Score:
    """The mean of ``values`` N of single images, higher being better, ± its standard error; NaN unless ``finite``."""
    if not finite:
        return Score(metric, math.nan, False, protocol, None, seconds)
    error = float(values.double().std() / math.sqrt(len(values))) if len(values) > 1 else None
    over = f"{len(values):,} images" if error is not None else ""
    return Score(metric, float(values.double().mean()), False, protocol, None, seconds, error, over)


_OPTIONAL = ("std", "floor_std", "noise_seed")


def mean_over_noises(draws: Sequence[Sequence[Score]], noise_seed: int) -> list[Score]:
    """The report of a checkpoint that was scored on several noises: for each metric the mean, ± its standard deviation
    (n − 1). With one noise the deviations of the metrics themselves remain.

    ``draws``: the scores on each noise, in the same order of metrics.
    """
    reports = []
    for scores in zip(*draws, strict=True):
        first, values = scores[0], [score.value for score in scores]
        report = replace(first, protocol=replace(first.protocol, noises=len(draws)), noise_seed=noise_seed)
        if len(draws) > 1:
            finite = all(map(math.isfinite, values))
            report = replace(
                report,
                value=statistics.fmean(values),
                std=statistics.stdev(values) if finite else None,
                over=f"{len(draws)} noises" if finite else "",
            )
        reports.append(report)
    return reports
