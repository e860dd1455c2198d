"""What this machine is doing: GPUs, processor, memory, disk, processes, and the queue of every slot."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from gentui.machine.gpus import Gpu, gpus_of
from gentui.text.sanitize import clean


@dataclass(frozen=True)
class Job:
    """A job of a slot's queue: ``place`` 0 is being worked on, 1 is next. ``kind``: run or evaluation."""

    id: str
    kind: str
    place: int
    pid: int | None = None


@dataclass(frozen=True)
class Process:
    """A process of the machine: ``cpu`` is 1 for a whole core, ``bytes`` of memory; ``job``: whose it is, or ""."""

    pid: int
    name: str
    cpu: float
    bytes: int
    job: str = ""


@dataclass(frozen=True)
class Machine:
    """Memory, swap and disk as (used, total) bytes; ``traffic``: bytes that went over disks and network so far.
    ``no_gpus`` says why there is none."""

    gpus: tuple[Gpu, ...]
    no_gpus: str
    cpu: float
    cpus: int
    load: float
    memory: tuple[int, int]
    disk: tuple[int, int]
    queues: dict[str, tuple[Job, ...]] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()
    cores: tuple[float, ...] = ()
    swap: tuple[int, int] = (0, 0)
    traffic: dict[str, int] = field(default_factory=dict)


def look(home: Path) -> Machine:
    """Everything, now. The processor's use is since the last look."""
    import psutil

    queues = queue_by_slot(home)
    owners = {job.pid: job.id for jobs in queues.values() for job in jobs if job.pid is not None}
    gpus, why = gpus_of(lambda pid: owner_of(pid, owners))
    if not _cores:
        processes_of(owners)  # what each has used by now, as for the cores
    cores = cores_of()
    memory, disk, swap = psutil.virtual_memory(), shutil.disk_usage(home), psutil.swap_memory()
    return Machine(
        gpus, why, sum(cores) / len(cores) if cores else 0.0, os.cpu_count() or 1, os.getloadavg()[0],
        (memory.total - memory.available, memory.total), (disk.total - disk.free, disk.total), queues,
        processes_of(owners), cores,
        (swap.used, swap.total), traffic(),
    )  # fmt: skip


_FIRST = 0.1
"""Seconds that the first look at the cores takes, which has none before it."""
_cores: list[tuple[float, float]] = []
_looking = threading.Lock()


def cores_of() -> tuple[float, ...]:
    """How much of each core was used since the last look, from whichever thread: psutil's own keeps one for each."""
    with _looking:
        if not _cores:
            _cores.extend(_core_times())
            time.sleep(_FIRST)
        before, now = list(_cores), _core_times()
        _cores[:] = now
    passed = [(busy - was, total - then) for (busy, total), (was, then) in zip(now, before, strict=False)]
    return tuple(min(1.0, max(0.0, busy / total)) if total > 0 else 0.0 for busy, total in passed)


def _core_times() -> list[tuple[float, float]]:
    """(seconds of work, seconds of all) of each core; time as a guest's host is counted as work already."""
    import psutil

    found = []
    for times in psutil.cpu_times(percpu=True):
        told = times._asdict()
        idle = told["idle"] + told.get("iowait", 0.0)
        total = sum(value for name, value in told.items() if not name.startswith("guest"))
        found.append((total - idle, total))
    return found


def processes_of(owners: dict[int, str]) -> tuple[Process, ...]:
    """Every process there is. Their use of the processor is since they were looked at before."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                name, cpu, used = process.name(), process.cpu_percent() / 100, process.memory_info().rss
        except psutil.Error:  # it has ended meanwhile, or is none of ours to ask
            continue
        found.append(Process(process.pid, clean(name, 60), cpu, used, owners.get(process.pid, "")))
    return tuple(found)


def traffic() -> dict[str, int]:
    """Bytes over all disks and networks since the machine was started."""
    import psutil

    told: dict[str, int] = {}
    if (disk := psutil.disk_io_counters()) is not None:
        told |= {"disk read": disk.read_bytes, "disk written": disk.write_bytes}
    if (net := psutil.net_io_counters()) is not None:
        told |= {"net received": net.bytes_recv, "net sent": net.bytes_sent}
    return told


def owner_of(pid: int, owners: dict[int, str]) -> str:
    """The job whose process this is, or descends from."""
    import psutil

    if not owners or pid in owners:
        return owners.get(pid, "")
    try:
        above = [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.Error:
        return ""
    return next((owners[parent] for parent in above if parent in owners), "")


def queue_by_slot(home: Path) -> dict[str, tuple[Job, ...]]:
    """What every slot works on and what waits for it, in order. What any slot may take stands at each of them."""
    from gentui.jobs.job_types import job_type_of
    from gentui.jobs.slots import fits, slots
    from gentui.jobs.states import queue, unfinished

    working = [(job, state) for job, state in unfinished(home) if state.status == "running"]
    waiting = queue(home)
    known = dict.fromkeys([*slots(), *(state.slot for _, state in working if state.slot)])
    return {
        slot: (
            *(Job(job.id, job_type_of(job).noun, 0, s.pid) for job, s in working if s.slot == slot),
            *(
                Job(job.id, job_type_of(job).noun, place)
                for place, (job, _) in enumerate([pair for pair in waiting if fits(pair[1], slot)], 1)
            ),
        )
        for slot in known
    }


def queue_in_words(jobs: tuple[Job, ...]) -> str:
    """``20260101-…; then 2 waiting``."""
    now = [job.id for job in jobs if job.place == 0]
    waiting = len(jobs) - len(now)
    return (", ".join(now) or "idle") + (f"; {waiting} waiting" if waiting else "")
