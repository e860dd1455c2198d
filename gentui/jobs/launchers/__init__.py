"""Where runs live. Each kind of place has one launcher, and nothing else asks how a job is begun, watched or ended.

``state.extra["on"]`` names a job's launcher, ``{"launcher": "slurm", …}``; without it the job is of this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from engine.runs.directory import JobDir, State
from gentui.jobs.launchers.hosts import SLURM, SSH, find_host
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.local.here import is_here, sent_to
from gentui.jobs.launchers.local.launcher import LocalLauncher
from gentui.jobs.launchers.protocol import Launcher, Look, Request
from gentui.jobs.launchers.unknown import UnknownLauncher

__all__ = [
    "Launcher", "Look", "Request", "by_launcher", "launcher_for", "launcher_of", "look_at", "queue_name", "resumer_of",
]  # fmt: skip

LOCAL = LocalLauncher()


def launcher_of(state: State) -> Launcher:
    """Who looks after a job, seen from this machine: what was sent here by SSH is the local launcher's."""
    return LOCAL if is_here(state) else resumer_of(state)


def resumer_of(state: State) -> Launcher:
    """The launcher that a job was begun with, which queues it again."""
    on = state.extra.get("on")
    return LOCAL if on is None else _launcher(str(on.get("launcher")) if isinstance(on, dict) else "")


@cache
def _launcher(name: str) -> Launcher:
    if name == SLURM:
        from gentui.jobs.launchers.slurm.launcher import SlurmLauncher

        return SlurmLauncher()
    if name == SSH:
        from gentui.jobs.launchers.ssh.launcher import SshLauncher

        return SshLauncher()
    return UnknownLauncher(name)


def launcher_for(home: Path, on: str) -> tuple[Launcher, Any]:
    """The launcher of a place as ``--on`` names it, and what it calls that place. Raises JobError."""
    host = find_host(home, on)
    if host is None:
        return LOCAL, None
    return _launcher(SSH if isinstance(host, SshHost) else SLURM), host


def queue_name(state: State) -> str | None:
    """Which queue a job waits in: "" is that of this machine, others are of machines by SSH; None: one whose order is
    not gentui's."""
    if name := sent_to(state.extra).get("name"):
        return name
    return "" if is_here(state) else None


def by_launcher(jobs: Iterable[tuple[JobDir, State]]) -> Iterator[tuple[Launcher, list[tuple[JobDir, State]]]]:
    """The jobs of each launcher, in order; of this machine's always, be there none."""
    groups: dict[Launcher, list[tuple[JobDir, State]]] = {LOCAL: []}
    for job, state in jobs:
        groups.setdefault(launcher_of(state), []).append((job, state))
    yield from groups.items()


def look_at(job: JobDir, state: State) -> Look:
    """What the launcher of one job says of it."""
    return launcher_of(state).look([(job, state)])[job.id]
