"""Who else is in Slurm's queue: for each partition how many jobs run and wait, of how many users, and how many are
yours."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from gentui.jobs.launchers.slurm import clients
from gentui.jobs.launchers.slurm.clients import SlurmError, ask
from gentui.machine.monitor import Crowd
from gentui.text.sanitize import clean

FRESH, STALE = 10.0, 120.0
"""Seconds between two questions to Slurm: at least, and at most however slowly it answers."""
_SLOWNESS = 100  # times as long as an answer took, no other is asked for
_FORMAT = "%P|%T|%u|%V"
_MOST = 100
"""Partitions that are told of."""


@dataclass
class _Count:
    running: int = 0
    waiting: int = 0
    users: set[str] = field(default_factory=set)
    mine: list[int] = field(default_factory=lambda: [0, 0])
    first: float | None = None


_lock = threading.Lock()
_answer: tuple[float, tuple[Crowd, ...]] = (0.0, ())


def crowds() -> tuple[Crowd, ...]:
    """Slurm's partitions with jobs, by one squeue that is not repeated for ten seconds; none without Slurm, or while it
    does not answer. Thread-safe."""
    global _answer
    with _lock:
        now = time.monotonic()
        if now >= _answer[0]:
            found: tuple[Crowd, ...] = ()
            with suppress(SlurmError):
                if clients.is_here() and clients.answers():
                    lines = ask("squeue", "--noheader", "--states=PENDING,RUNNING", f"--format={_FORMAT}")
                    found = counted(lines, _me())
            took = time.monotonic() - now
            _answer = (now + took + min(STALE, max(FRESH, _SLOWNESS * took)), found)
        return _answer[1]


def counted(lines: str, me: str) -> tuple[Crowd, ...]:
    """The partitions in the lines of squeue, the one with most jobs first. A job that waits for several counts in each,
    and an array that has not begun as one."""
    counts: dict[str, _Count] = {}
    for line in lines.splitlines():
        fields = line.split("|")
        if len(fields) != 4 or fields[1] not in ("PENDING", "RUNNING"):
            continue
        is_waiting, submitted = fields[1] == "PENDING", fields[3]
        for name in fields[0].split(","):
            count = counts.setdefault(name, _Count())
            count.waiting += is_waiting
            count.running += not is_waiting
            count.users.add(fields[2])
            if fields[2] == me:
                count.mine[is_waiting] += 1
            if is_waiting and submitted.isdigit():
                count.first = min(float(submitted), count.first or float(submitted))
    found = [
        Crowd(clean(name, 40), one.running, one.waiting, len(one.users), one.mine[0], one.mine[1], one.first)
        for name, one in counts.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.running - one.waiting, one.name))[:_MOST])


def _me() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
