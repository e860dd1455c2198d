"""Slurm at a glance: its partitions, gentui's jobs in its queue, and whether a host would take a run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.runs.filesystems import is_shared, kind_of
from gentui.jobs.launchers.check import Check
from gentui.jobs.launchers.hosts.slurm import SlurmHost
from gentui.jobs.launchers.slurm import clients
from gentui.jobs.launchers.slurm.clients import PREFIX, SlurmError, ask
from gentui.jobs.launchers.slurm.submission import arguments
from gentui.jobs.launchers.slurm.verdict import LIVES
from gentui.text.sanitize import clean

_SINFO = "%R|%D|%A|%G|%l"
_LARGEST = 2000


@dataclass(frozen=True)
class Partition:
    """A partition: its nodes, how many of them are idle, its GPUs as Slurm writes them, its time limit, and how many
    jobs wait in it, of anybody."""

    name: str
    nodes: int
    idle: int
    gpus: str
    limit: str
    waiting: int


@dataclass(frozen=True)
class QueuedJob:
    """A job of gentui that has not ended. ``run``: the run's id, or the sweep's name."""

    id: str
    run: str
    state: str
    nodes: str
    reason: str


@dataclass(frozen=True)
class Overview:
    partitions: list[Partition]
    jobs: list[QueuedJob]


def overview() -> Overview | None:
    """Slurm as it is now; None if there is none on this machine. Raises SlurmError if it does not answer."""
    if not clients.is_here():
        return None
    if not clients.answers():
        raise SlurmError("Slurm's controller does not answer: `scontrol ping` says more")
    waits = ask("squeue", "--noheader", "--array", "--states=PENDING", "--format=%P").split()
    lines = ask("sinfo", "--noheader", "--summarize", f"--format={_SINFO}").splitlines()
    partitions = [found for line in lines if (found := parse_partition(line, waits)) is not None]
    jobs = [
        QueuedJob(job.id, job.name.removeprefix(PREFIX).partition(".")[0], job.state, job.nodes, job.reason)
        for job in clients.queue()
        if job.state in LIVES
    ]
    return Overview(partitions, jobs[:_LARGEST])


def parse_partition(line: str, waits: list[str]) -> Partition | None:
    """The partition in a line of sinfo. ``waits``: the partition of every job that waits, or several of one job."""
    fields = line.split("|")
    if len(fields) < 5 or not fields[1].isdigit():
        return None
    name, nodes, states, gres, limit = fields[:5]
    idle = states.partition("/")[2] or "0"  # allocated/idle
    waiting = sum(1 for each in waits if name in each.split(","))
    gpus = "" if gres == "(null)" else clean(gres.split("(")[0], 40)
    return Partition(
        clean(name, 40), int(nodes), int(idle) if idle.isdigit() else 0, gpus, clean(limit, 20), waiting
    )


def examine(host: SlurmHost, home: Path) -> list[Check]:
    """Check what can be checked from here of a host that is to take runs of this home."""
    if not clients.is_here():
        return [Check("commands", False, "sbatch is not on the PATH")]
    checks = [Check("commands", True, "sbatch and squeue are here")]
    up = clients.answers()
    checks.append(
        Check("controller", up, "it answers" if up else "it does not answer: `scontrol ping` says more")
    )
    if up:
        checks += [_trial(host), _accounting()]
    return [*checks, _python(host), _home(home)]


def _trial(host: SlurmHost) -> Check:
    asked = " ".join(host.arguments(1)) or "Slurm's defaults"
    try:
        ask("sbatch", "--test-only", *arguments(host, 1), "--wrap=true")
    except SlurmError as error:
        return Check("options", False, f"{asked}: {error}")
    return Check("options", True, asked)


def _accounting() -> Check:
    try:
        ask("sacct", "--noheader", "--parsable2", "--starttime=now", "-o", "JobID")
    except SlurmError as error:
        what = (
            f"none ({error}): how a job ended is known for minutes, and from the trainer's last word for good"
        )
        return Check("accounting", True, what)
    return Check("accounting", True, "sacct answers")


def _python(host: SlurmHost) -> Check:
    path = host.python or sys.executable
    is_there = os.access(path, os.X_OK)
    return Check(
        "python", is_there, path + ("" if is_there else " cannot be run from here; it may be on the nodes")
    )


def _home(home: Path) -> Check:
    kind, shared = kind_of(home) or "unknown", is_shared(home)
    what = f"{home} is on {kind}" + ("" if shared else ", which the nodes see only if they are this machine")
    return Check("home", True, what)
