"""The training state of a checkpoint: all that a resumed run needs besides the weights."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NotRequired, TypedDict

from torch import Tensor

from engine.runs.directory import CheckpointChoice, RunDir
from engine.runs.events import last_event
from engine.training import checkpoint


class PrecisionChoice(TypedDict):
    """The precision a run trains in and why. ``speedup`` and ``agreement`` are there when it was measured."""

    precision: str
    reason: str
    speedup: NotRequired[float]
    agreement: NotRequired[float]


class BestScore(TypedDict):
    """The best score of the metric that selects the checkpoint."""

    metric: str
    value: float
    step: int
    protocol_id: str


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """Everything but the weights that makes a resumed run continue exactly. Field names are the stored keys.

    The first five fields are fixed when an attempt starts; the others change as it trains. Fields with a default are
    missing from the checkpoints of early versions.
    """

    threads: int
    ranks: int = 1
    """Number of processes that shared each batch."""
    device: str
    """Type of the device: ``cpu`` or ``cuda``."""
    precision: PrecisionChoice
    conditions: dict[str, Any]
    """``Conditions.state()``: the classes or attributes of the data."""
    method: dict[str, Any]
    """``Method.state()``: optimisers, learning-rate schedules, counters."""
    step: int
    images: int
    """Training images seen."""
    epoch_loss: Tensor
    """Sum of the losses of the current epoch so far, a float64 scalar."""
    epoch_steps: int
    """Number of steps in that sum."""
    sampled_at: int
    """Step of the newest samples and figures; 0 before the first."""
    scored_at: int
    """Step of the newest scores; 0 before the first."""
    looked_at: int = 0
    """Step of the newest health examination; 0 before the first."""
    best: BestScore | None
    health: dict[str, Any] = field(default_factory=lambda: {"raised": {}, "watchers": {}})
    """``Panel.state()``: alarms raised so far, and the memory of each watcher."""
    rng: dict[str, Tensor]
    """``devices.rng_state()``: states of torch's random number generators by device type."""

    def to_stored(self) -> dict[str, Any]:
        """The state as a plain dictionary, as ``checkpoint.save`` stores it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> TrainingState:
        """Read what ``to_stored`` gave, ignoring unknown keys. Raises CheckpointError when a key is missing."""
        names = {each.name for each in fields(cls)}
        optional = {
            each.name
            for each in fields(cls)
            if each.default is not MISSING or each.default_factory is not MISSING
        }
        if missing := names - optional - stored.keys():
            raise checkpoint.CheckpointError(f"the training state lacks {', '.join(sorted(missing))}")
        return cls(**{name: value for name, value in stored.items() if name in names})

    @classmethod
    def load(cls, run: RunDir, which: CheckpointChoice = "last") -> TrainingState:
        """Read the state of one checkpoint. Raises CheckpointError."""
        return cls.from_stored(checkpoint.load_state(run, which))


def earlier_data_record(run: RunDir) -> dict[str, Any]:
    """What the newest attempt that trained recorded about its data; empty for runs of early versions."""
    for _, path in reversed(run.events_files()):
        started = last_event(path, lambda event: isinstance(event.get("data"), dict))
        if started is not None:
            return started["data"]
    return {}
