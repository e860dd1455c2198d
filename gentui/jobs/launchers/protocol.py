"""What a launcher does, and what it says of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.runs.directory import JobDir, State

Jobs = Sequence[tuple[JobDir, State]]
"""Jobs with the states that were read of them."""


@dataclass(frozen=True)
class Request:
    """What is asked for when a job is queued.

    ``device`` as ``--device`` names it; ``devices``: how many share the job (None: one, or as before). ``host``: where,
    as the launcher knows it. ``array``: which of the runs of a sweep it is, if they are begun together. ``before``: the
    state of a job that is queued again, which goes where it was unless something else is asked for.
    """

    home: Path
    device: str | None = None
    before: State | None = None
    host: Any = None
    devices: int | None = None
    array: dict[str, Any] | None = None

    @property
    def attempt(self) -> int:
        """How many attempts there were."""
        return self.before.attempt if self.before else 0


@dataclass(frozen=True)
class Look:
    """What a launcher says of a job now.

    ``alive`` is None where it cannot be told, and then nothing is changed. ``state``: what ``state.json`` should say,
    given what was read of it. ``status`` and ``standing`` are shown in place of its status and reason, if not "".
    """

    alive: bool | None
    state: State
    status: str = ""
    standing: str = ""

    @property
    def shown(self) -> tuple[str, str]:
        """(status, reason) for people."""
        return self.status or self.state.status, self.standing or self.state.reason


class Launcher(Protocol):
    """Begins, watches and ends jobs of one kind of place."""

    def admit(self, request: Request) -> State:
        """The state to queue a job with. Raises JobError if it could never run: no such device, say."""
        ...

    def tend(self, home: Path, pending: Jobs) -> None:
        """Have begun what waits for this launcher, and have watched what nobody watches; never waits for long."""
        ...

    def look(self, jobs: Jobs) -> dict[str, Look]:
        """How unfinished jobs of this launcher stand, by id: of all at once, for that may cost as little as of one."""
        ...

    def stop(self, job: JobDir, state: State) -> bool:
        """Ask a job to stop politely; may be called again. Returns whether it was told, or need not be told."""
        ...

    def wake(self, home: Path, state: State) -> bool:
        """Whether somebody watches a running job and will record its end; who is suspended is continued."""
        ...

    def kill(self, home: Path, job: JobDir, state: State) -> bool:
        """Kill a running job after the grace of a stop, or what it has left behind, unless somebody who watches it
        will. Returns whether anything was killed."""
        ...
