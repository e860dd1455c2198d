"""Health: alarms about what goes wrong in a run, raised while it trains.

The training loop uses a ``Panel`` of watchers. Watchers in ``curves`` read the metrics of every step; those in
``findings`` read health signals, computed in ``samples`` by comparing generated images with real ones and logged as
metrics ``health/…``. An alarm is a sentence with its likely cause, a remedy and the step it began; each is raised once
per run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Severity = Literal["info", "warning", "error"]
Values = dict[str, float]


@dataclass(frozen=True)
class Alarm:
    """A problem that began at step ``began``, with what to say about it."""

    name: str
    sentence: str
    cause: str
    remedy: str
    began: int
    severity: Severity = "warning"

    def event(self) -> dict[str, Any]:
        """The fields of its ``alert`` event."""
        return asdict(self)


class Watcher(Protocol):
    """Observes a run step by step. Its ``state``, of plain values, is part of the checkpoint."""

    def observe(self, step: int, values: Values) -> Alarm | None:
        """Take in metrics or health signals of one step. Return an alarm at every step at which its cause persists."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class Panel:
    """The watchers of one run. Each alarm is returned once, however long its cause persists."""

    def __init__(self, watchers: Iterable[Watcher]):
        self.watchers = list(watchers)
        self.raised: dict[str, int] = {}
        """Steps at which the alarms raised so far began, by name."""

    def observe(self, step: int, values: Values) -> list[Alarm]:
        """Show the values of ``step`` to every watcher. Return the alarms that have not been raised before."""
        alarms = [watcher.observe(step, values) for watcher in self.watchers]
        new = [alarm for alarm in alarms if alarm is not None and alarm.name not in self.raised]
        self.raised |= {alarm.name: alarm.began for alarm in new}
        return new

    def state(self) -> dict[str, Any]:
        """State for a checkpoint, of plain values: alarms raised and the state of each watcher by its class's name."""
        return {
            "raised": self.raised,
            "watchers": {type(watcher).__name__: watcher.state() for watcher in self.watchers},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.raised = dict(state["raised"])
        for watcher in self.watchers:
            if (own := state["watchers"].get(type(watcher).__name__)) is not None:
                watcher.load_state(own)
