"""What the index answers with. Plain values; times are unix seconds, durations seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

K = TypeVar("K")


class RunNotFound(LookupError):
    """No run, or more than one, is meant; the message is one sentence for a person."""


@dataclass(slots=True)
class Evaluation:
    """One score. ``best``: the best of its run under this protocol. ``floor``: real train against real test.

    ``selected_by``: the metric that chooses which step is the best, where it is not the score itself.
    ``std``: the standard deviation of ``value`` where it is a mean over subsets of the images.
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


def best_of(scores: Iterable[Evaluation], key: Callable[[Evaluation], K]) -> dict[K, Evaluation]:
    """The best score under each key; the newest where none is finite. ``scores`` come oldest first."""
    best: dict[K, Evaluation] = {}
    for score in scores:
        known = best.get(key(score))
        if score.best or known is None or not known.best:
            best[key(score)] = score
    return best


@dataclass(slots=True)
class SampleRow:
    """A grid of samples; ``path`` is relative to the run's directory."""

    step: int
    path: str
    caption: str
    t: float
    rows: int | None = None
    columns: int | None = None


@dataclass(slots=True)
class FigureRow:
    step: int
    name: str
    path: str
    caption: str
    t: float


@dataclass(slots=True)
class AlertRow:
    """An alarm. ``began``: the step it began at, at or before the ``step`` at which it was told."""

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
    """One run as the lists show it.

    ``status`` and ``reason`` are as of now: a running trainer that is suspended or silent is ``stalled``.
    ``steps`` is the total, ``step`` and ``images`` how far it has come, ``seconds`` the time spent training
    over all attempts, ``eta_s`` what is left. ``metrics`` holds the last value of each, ``loss`` one of them.
    ``alerts`` counts the alarms, ``alarms`` are (severity, name) of the different ones, the worst first.
    ``evaluation_seconds`` is what of ``seconds`` went into scores. ``settings`` are the recipe's by dotted key,
    ``scores`` the best of each metric under whichever protocol.
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

    @property
    def worst(self) -> str | None:
        """The severity of the worst alarm."""
        return self.alarms[0][0] if self.alarms else None

    @property
    def evaluation_share(self) -> float | None:
        """What part of the run's time went into scores, 0…1; None before there is any time."""
        return min(1.0, self.evaluation_seconds / self.seconds) if self.seconds > 0 else None


@dataclass(slots=True)
class Series:
    """A series reduced to at most ``columns`` buckets; arrays are float64 and of one length but ``marks``.

    ``x`` is each bucket's place on the chosen axis, ``lo``, ``hi`` and ``mean`` its extremes and mean over
    every raw point, so a spike of one step is always there; ``lo_x`` and ``hi_x`` say where the extremes
    stand. A bucket that holds only NaN or infinities has NaN in all of them: a gap. ``marks`` are the
    places of non-finite points (the first of each bucket). ``points`` counts the raw points covered.
    """

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    marks: np.ndarray
    points: int
    mean: np.ndarray
    lo_x: np.ndarray
    hi_x: np.ndarray


@dataclass(slots=True)
class LeaderboardRow:
    """A run's best score under one protocol, or a published figure (``run`` and ``rank`` None).

    ``reference`` is the figure published for the run's recipe, ``source`` where it was published.
    ``seeds``, ``mean`` and ``sd`` (with n - 1; None for one) are of the finished runs that differ from this one in
    nothing but their seed, scored under the same protocol; ``std`` is of the one score. ``alarms`` are
    (severity, name) of the run's alarms that are more than information, the worst first.
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

    @property
    def heading(self) -> str:
        """What it is ranked within, and which way is better. Most protocols begin with their metric."""
        named = self.protocol.startswith(self.metric)
        told = self.protocol if named else f"{self.metric} · {self.protocol}"
        return f"{self.dataset} · {told}" + ("" if self.lower_is_better else "  (higher is better)")
