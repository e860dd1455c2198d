"""Jobs of a launcher that this version of gentui does not have: they are left alone."""

from __future__ import annotations

from pathlib import Path

from engine.runs.directory import JobDir, State
from gentui.jobs.launchers.protocol import Jobs, Look, Request
from gentui.jobs.states import JobError
from gentui.text.sanitize import clean


class UnknownLauncher:
    """``name``: what the state of the job calls its launcher."""

    def __init__(self, name: str):
        self._what = (
            f"it was launched by {clean(name, 40) or 'something'}, which this version of gentui does not know"
        )

    def admit(self, request: Request) -> State:
        raise JobError(self._what)

    def tend(self, home: Path, pending: Jobs) -> None:
        pass

    def look(self, jobs: Jobs) -> dict[str, Look]:
        return {job.id: Look(None, state, standing=self._what) for job, state in jobs}

    def stop(self, job: JobDir, state: State) -> bool:
        return False

    def wake(self, home: Path, state: State) -> bool:
        return True

    def kill(self, home: Path, job: JobDir, state: State) -> bool:
        return False
