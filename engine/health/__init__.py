"""Health: what is going wrong with a run, said while it goes wrong.

``Panel`` is what the training loop knows. Watchers of curves see every step's metrics; the examination looks at
samples against real images. Each figure looked at is a signal with a curve of its own, ``health/…``; each alarm
is one sentence with its likely cause, what to try and the step it began, raised once a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Severity = Literal["info", "warning", "error"]
Values = dict[str, float]


@dataclass(frozen=True)
class Alarm:
    """Something that goes wrong since step ``began``."""

    name: str
    sentence: str
    cause: str
    remedy: str
    began: int
    severity: Severity = "warning"

    def event(self) -> dict[str, Any]:
        """The fields of an ``alert`` event."""
        return asdict(self)


class Watcher(Protocol):
    """Looks at a run step by step. What it must remember over a resume it gives as plain values."""

    def see(self, step: int, values: Values) -> Alarm | None:
        """One step's metrics, or the signals of an examination; an alarm as long as its reason lasts."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class Panel:
    """All that watches one run. An alarm is given once, however long its reason lasts."""

    def __init__(self, watchers: Iterable[Watcher]):
        self.watchers = list(watchers)
        self.raised: dict[str, int] = {}

    def see(self, step: int, values: Values) -> list[Alarm]:
        """New alarms at ``step``."""
        found = [watcher.see(step, values) for watcher in self.watchers]
        new = [alarm for alarm in found if alarm is not None and alarm.name not in self.raised]
        self.raised |= {alarm.name: alarm.began for alarm in new}
        return new

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain values."""
        return {
            "raised": self.raised,
            "watchers": {type(watcher).__name__: watcher.state() for watcher in self.watchers},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.raised = dict(state["raised"])
        for watcher in self.watchers:
            if (kept := state["watchers"].get(type(watcher).__name__)) is not None:
                watcher.load_state(kept)
