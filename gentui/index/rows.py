"""The rows that the index returns. Times are unix seconds, durations seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from gentui.index.conditions import Conditions

SELECTION, REPORT = "selection", "report"
"""Roles of scores."""
K = TypeVar("K")
NO_SEED = -1
"""Stands for a noise seed that is not stated."""


class RunNotFound(LookupError):
    """No run, or more than one, matches; the message is one sentence for the user."""


@dataclass(slots=True)
class Evaluation:
    """One score of a run at one step.

    ``role``: ``selection`` (chooses the checkpoint), ``report`` (measured on other noises), or "" if it was made before
    the two were told apart. ``std``: the standard deviation of ``value``, and ``over`` what it is over, in words.
    ``floor``: the score of as many real images, ``floor_std`` its standard deviation over several draws of them.
    ``best``: whether it stands for its protocol and role, of reports the newest. ``selected_by``: the metric that
    selects the best step, if it is not this one. ``noise_seed``: what the noises derive from.
    """

    metric: str
    value: float
    protocol: str
    protocol_id: str
    step: int
    best: bool
    floor: float | None
    seconds: float | None
    lower_is_better: bool
    detail: dict[str, Any] = field(default_factory=dict)
    t: float = 0.0
    selected_by: str = ""
    std: float | None = None
    role: str = ""
    over: str = ""
    floor_std: float | None = None
    noise_seed: int | None = None

    @property
    def conditions(self) -> Conditions:
        """Precision, labels and noises of its protocol; unknown for a run's ``best``, which has no ``detail``."""
        from gentui.index.conditions import conditions_of

        return conditions_of(self.detail)


def best_of(scores: Iterable[Evaluation], key: Callable[[Evaluation], K]) -> dict[K, Evaluation]:
    """The score with ``best`` for each key, or the newest if none is finite. ``scores`` must be sorted oldest first."""
    best: dict[K, Evaluation] = {}
    for score in scores:
        held = best.get(key(score))
        if score.best or held is None or not held.best:
            best[key(score)] = score
    return best


def reported_metrics(scores: Iterable[Evaluation]) -> set[str]:
    """Metrics that have a report."""
    return {score.metric for score in scores if score.role == REPORT}


def standing(scores: Iterable[Evaluation]) -> list[Evaluation]:
    """The score that stands for a run in each metric and protocol: the newest report, or else the best. Of a metric
    that has a report no selection stands for it. ``scores`` must be sorted oldest first."""
    best = best_of(scores, lambda score: (score.metric, score.protocol_id or score.protocol, score.role))
    reported = reported_metrics(best.values())
    return [score for score in best.values() if score.role != SELECTION or score.metric not in reported]


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the tiles of a picture are laid out: ``rows`` × ``columns`` of them, what these are (``rows_are`` "classes"),
    and what each is called. 0 rows: the event of the picture does not say."""

    rows: int = 0
    columns: int = 0
    rows_are: str = ""
    columns_are: str = ""
    row_names: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()


def along_the_run(metric: str, scores: Iterable[Evaluation]) -> list[Evaluation]:
    """A metric's scores without its reports, which are of one checkpoint; if it has nothing else, the reports."""
    of = [score for score in scores if score.metric == metric]
    return [score for score in of if score.role != REPORT] or of


def protocol_of(metric: str, scores: Iterable[Evaluation]) -> str:
    """The protocol that most of a metric's scores along the run have."""
    protocols = [score.protocol_id or score.protocol for score in along_the_run(metric, scores)]
    return max(dict.fromkeys(protocols), key=protocols.count, default="")


@dataclass(slots=True)
class SampleRow:
    """A grid of samples. ``path`` is relative to the run's directory."""

    step: int
    path: str
    caption: str
    t: float
    tiles: Tiles = Tiles()


@dataclass(slots=True)
class FigureRow:
    """Another picture of a run. ``path`` is relative to the run's directory."""

    step: int
    name: str
    path: str
    caption: str
    t: float
    tiles: Tiles = Tiles()


@dataclass(slots=True)
class AlertRow:
    """An alarm. ``began``: the step of its onset, which may be before ``step``, where it was raised."""

    step: int
    began: int
    severity: str
    name: str
    sentence: str
    cause: str
    remedy: str
    t: float


@dataclass(slots=True)
class CheckpointRow:
    """The newest checkpoint of its kind (``last`` or ``best``)."""

    which: str
    step: int
    path: str
    bytes: int
    t: float


@dataclass(slots=True)
class RunRow:
    """One run.

    ``status`` and ``reason`` are current: a running trainer that is suspended or silent is ``stalled``. ``step`` of
    ``steps`` and ``images`` say how far it has come, ``seconds`` how long it has trained over all attempts, ``eta_s``
    how long it will take. ``metrics`` holds the last value of each metric. ``alerts`` counts the alarms, ``alarms`` are
    their distinct (severity, name), the worst first. ``evaluation_seconds`` is the part of ``seconds`` spent on scores.
    ``settings`` are the recipe's by dotted key, ``scores`` the best value of each metric over all protocols.
    """

    id: str
    name: str = ""
    recipe: str = ""
    title: str = ""
    family: str = ""
    dataset: str = ""
    quick: bool = False
    stand_in_for: str | None = None
    status: str = "lost"
    reason: str = ""
    step: int = 0
    steps: int | None = None
    images: int = 0
    total_images: int | None = None
    steps_per_epoch: int | None = None
    images_per_s: float | None = None
    seconds: float = 0.0
    eta_s: float | None = None
    seed: int | None = None
    device: str = ""
    precision: str = ""
    parameters: int | None = None
    created_at: float | None = None
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempt: int = 0
    slot: str | None = None
    pid: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    best: Evaluation | None = None
    protocols: list[str] = field(default_factory=list)
    alerts: int = 0
    alarms: list[tuple[str, str]] = field(default_factory=list)
    evaluation_seconds: float = 0.0
    corrupt: int = 0
    phase: str = ""
    dir: str = ""
    reference: dict[str, Any] | None = None
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    eta_is_partial: bool = False

    @property
    def devices(self) -> int:
        """How many devices share every batch."""
        count, is_several, _ = self.device.partition(" × ")
        return int(count) if is_several and count.isdigit() else 1

    @property
    def place(self) -> str:
        """The device: by its slot, or how many of which kind."""
        if self.devices > 1:
            return f"{self.device}, {self.elsewhere}" if self.elsewhere else self.device
        return self.slot or self.device

    @property
    def elsewhere(self) -> str:
        """The host, and its node, where a run runs or ran that is not this machine's: ``gpu node1``; else ""."""
        slot = self.slot or ""
        return "" if slot == "cpu" or slot.startswith("cuda") else slot

    @property
    def remark(self) -> str:
        """The reason of the status where it says something: why it ended or waits, or what is wrong with the host."""
        is_plain = self.status == "done" or (self.status == "running" and not self.elsewhere)
        return "" if is_plain else self.reason

    @property
    def worst(self) -> str | None:
        """The severity of the worst alarm."""
        return self.alarms[0][0] if self.alarms else None

    @property
    def evaluation_share(self) -> float | None:
        """The fraction of the run's time spent on scores; None before the run has any time."""
        return min(1.0, self.evaluation_seconds / self.seconds) if self.seconds > 0 else None


@dataclass(slots=True)
class Series:
    """A series reduced to at most ``columns`` buckets; arrays are float64 and of one length but ``marks``.

    ``x`` is each bucket's place on the chosen axis, ``lo``, ``hi`` and ``mean`` its extremes and mean over
    every raw point, so a spike of one step is always there; ``lo_x`` and ``hi_x`` say where the extremes
    stand. A bucket that holds only NaN or infinities has NaN in all of them: a gap. ``marks`` are the
    places of non-finite points (the first of each bucket). ``points`` counts the raw points covered.

    ``last`` is the last finite value, NaN if there is none. Where smoothing was asked for, ``smooth`` is the mean of
    the smoothed values in each bucket and ``last_smooth`` the smoothed value at ``last``; ``spacing`` is how many
    steps lie from one value to the next. Of scores, ``lower_is_better`` says which are better, and ``floor`` is that
    of real images.
    """

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    marks: np.ndarray
    points: int
    mean: np.ndarray
    lo_x: np.ndarray
    hi_x: np.ndarray
    last: float = math.nan
    smooth: np.ndarray | None = None
    last_smooth: float = math.nan
    spacing: float = 1.0
    lower_is_better: bool | None = None
    floor: float | None = None


@dataclass(slots=True)
class LeaderboardRow:
    """The score that stands for a run under one protocol, or a published figure (``run`` None; ``rank`` None where no
    score here was made as it was).

    ``role``, ``std``, ``over``, ``floor``, ``floor_std`` and ``noise_seed`` are as in ``Evaluation``; ``precision``,
    ``labels`` and ``noises`` as in ``Conditions``, where an old score has the precision of its run. ``reference`` is
    the published figure for the run's recipe, ``source`` its publication. ``seeds``, ``mean`` and ``sd`` (with n - 1;
    None for one seed) summarise the finished runs that differ from this one only in their seed, under the same protocol
    and precision; ``sd_over`` says what ``sd`` contains. ``detail`` are all fields of the protocol; ``as_published``:
    whether they are those of the published figure. ``alarms`` are (severity, name) of the run's alarms above
    ``info``, the worst first.
    """

    dataset: str
    protocol: str
    metric: str
    rank: int | None
    run: str | None
    name: str
    recipe: str
    value: float
    step: int | None
    floor: float | None
    seed: int | None
    samples: int | None
    reference: float | None
    source: str
    lower_is_better: bool
    protocol_id: str = ""
    title: str = ""
    quick: bool = False
    std: float | None = None
    seeds: int | None = None
    mean: float | None = None
    sd: float | None = None
    alarms: list[tuple[str, str]] = field(default_factory=list)
    role: str = ""
    over: str = ""
    floor_std: float | None = None
    precision: str = ""
    labels: str = ""
    noises: int | None = None
    noise_seed: int | None = None
    sd_over: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    as_published: bool = False

    @property
    def ranking(self) -> tuple[str, ...]:
        """What is the same for all rows that are ranked together."""
        return self.dataset, self.metric, self.role, self.protocol_id, self.protocol

    @property
    def heading(self) -> str:
        """The heading of its ranking: data set, metric and protocol, of which a narrow screen shows the beginning."""
        remarks = [
            "selection" if self.role == SELECTION else "",
            "" if self.lower_is_better else "higher is better",
        ]
        remark = ", ".join(filter(None, remarks))
        metric = self.metric + (f" ({remark})" if remark else "")
        named = self.protocol == self.metric or self.protocol.startswith(f"{self.metric} · ")
        rest = self.protocol.removeprefix(self.metric).removeprefix(" · ") if named else self.protocol
        return " · ".join(filter(None, [self.dataset, metric, rest]))
