"""A sample of what this machine is doing: GPUs, processor, memory, disk, network and processes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gentui.machine.gpus import Gpu, read_gpus
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True)
class SlotJob:
    """A job in a device slot's queue: ``place`` 0 is running, 1 is next. ``kind``: run or evaluation. ``where``: the
    node, of a host that is not this machine."""

    id: str
    kind: str
    place: int
    pid: int | None = None
    where: str = ""


@dataclass(frozen=True)
class Process:
    """A process: ``cpu`` is 1.0 for one full core, ``bytes`` its resident memory, ``job`` its job's id or "", and
    ``command`` its command line, "" where that is not told."""

    pid: int
    name: str
    cpu: float
    bytes: int
    job: str = ""
    command: str = ""


@dataclass(frozen=True)
class Crowd:
    """The jobs of everybody in a partition of a batch system: how many run and wait, of how many users, how many of
    them are this user's, and the unix time since which the first of them waits."""

    name: str
    running: int
    waiting: int
    users: int
    mine_running: int = 0
    mine_waiting: int = 0
    first: float | None = None


@dataclass(frozen=True)
class MachineState:
    """One sample of the machine.

    ``memory``, ``swap`` and ``disk`` are (used, total) bytes, ``cpu`` and ``cores`` fractions from 0 to 1; ``traffic``
    counts bytes since boot; ``no_gpus`` says why ``gpus`` is empty. ``crowds``: of Slurm's queue, if there is one.
    """

    gpus: tuple[Gpu, ...]
    no_gpus: str
    cpu: float
    cpus: int
    load: float
    memory: tuple[int, int]
    disk: tuple[int, int]
    queues: dict[str, tuple[SlotJob, ...]] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()
    cores: tuple[float, ...] = ()
    swap: tuple[int, int] = (0, 0)
    traffic: dict[str, int] = field(default_factory=dict)
    crowds: tuple[Crowd, ...] = ()


def sample(home: Path, queues: dict[str, tuple[SlotJob, ...]]) -> MachineState:
    """Sample the machine now. ``home`` selects the disk, ``queues`` says which processes belong to which job.

    Processor use is averaged over the time since the last sample.
    """
    import psutil

    owners = {job.pid: job.id for jobs in queues.values() for job in jobs if job.pid is not None}
    gpus, why = read_gpus(lambda pid: job_of_process(pid, owners))
    if not _cores:
        list_processes(owners)  # the first reading is the base of the next
    cores = core_usage()
    memory, disk, swap = psutil.virtual_memory(), shutil.disk_usage(home), psutil.swap_memory()
    return MachineState(
        gpus, why, sum(cores) / len(cores) if cores else 0.0, os.cpu_count() or 1, os.getloadavg()[0],
        (memory.total - memory.available, memory.total), (disk.total - disk.free, disk.total), queues,
        list_processes(owners), cores,
        (swap.used, swap.total), traffic_bytes(),
    )  # fmt: skip


_FIRST_S = 0.1
"""Seconds over which the first call, which has no earlier reading, measures."""
_cores: list[tuple[float, float]] = []
_sampling = threading.Lock()


def core_usage() -> tuple[float, ...]:
    """Use of each core since the last call from any thread, from 0 to 1. psutil's own keeps a reading per thread."""
    with _sampling:
        if not _cores:
            _cores.extend(_core_times())
            time.sleep(_FIRST_S)
        before, now = list(_cores), _core_times()
        _cores[:] = now
    passed = [(busy - was, total - then) for (busy, total), (was, then) in zip(now, before, strict=False)]
    return tuple(min(1.0, max(0.0, busy / total)) if total > 0 else 0.0 for busy, total in passed)


def _core_times() -> list[tuple[float, float]]:
    """(busy seconds, total seconds) of each core. Guest time is not added: it is already counted as user time."""
    import psutil

    cores = []
    for times in psutil.cpu_times(percpu=True):
        seconds = times._asdict()
        idle = seconds["idle"] + seconds.get("iowait", 0.0)
        total = sum(value for name, value in seconds.items() if not name.startswith("guest"))
        cores.append((total - idle, total))
    return cores


def list_processes(owners: dict[int, str]) -> tuple[Process, ...]:
    """Every process of the machine. Its processor use is averaged over the time since the last call."""
    import psutil

    processes, commands = [], {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                name, cpu, used = process.name(), process.cpu_percent() / 100, process.memory_info().rss
                began = process.create_time()
        except psutil.Error:  # it has ended meanwhile, or belongs to another user
            continue
        known = _commands.get(process.pid)
        commands[process.pid] = (
            known if known and known[:2] == (began, name) else (began, name, _command(process))
        )
        command, job = commands[process.pid][2], owners.get(process.pid, "")
        processes.append(Process(process.pid, clean(name, 60), cpu, used, job, command))
    _commands.clear()
    _commands.update(commands)
    return tuple(processes)


_commands: dict[int, tuple[float, str, str]] = {}
"""When each process began, its name, and its command line, which is read once."""


def _command(process: psutil.Process) -> str:
    """The command line of a process, its program without the folder."""
    import psutil

    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return clean(" ".join([Path(words[0]).name, *words[1:]]), 200) if words else ""


def traffic_bytes() -> dict[str, int]:
    """Bytes read, written, received and sent over all disks and networks since boot."""
    import psutil

    counts: dict[str, int] = {}
    if (disk := psutil.disk_io_counters()) is not None:
        counts |= {"disk read": disk.read_bytes, "disk written": disk.write_bytes}
    if (net := psutil.net_io_counters()) is not None:
        counts |= {"net received": net.bytes_recv, "net sent": net.bytes_sent}
    return counts


def job_of_process(pid: int, owners: dict[int, str]) -> str:
    """The job whose process this is, or is a descendant of; "" if there is none."""
    import psutil

    if not owners or pid in owners:
        return owners.get(pid, "")
    try:
        above = [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.Error:
        return ""
    return next((owners[parent] for parent in above if parent in owners), "")
