"""What the machine does while a run trains: processor, memory, disk, network and the run's own GPU, now and then.

A thread of its own looks and writes, so the loop never waits for it; what cannot be told here is left out.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from engine.health import Values
from engine.runs.events import EventWriter

SOON, LATE = 1.0, 10.0
"""Seconds between two looks: at first, and once training has gone on for long."""
_PER_RUN = 50  # looks in the time that has passed, as long as they come neither sooner nor later than that
_MIB, _GIB = 1 << 20, 1 << 30


class Meter:
    """While it is entered it writes ``system`` events; ``where`` says (steps done, images seen).

    It is silent while no step is done: a trainer that hangs is known by writing nothing.
    """

    def __init__(
        self, writer: EventWriter, where: Callable[[], tuple[int, int]], folder: Path, device: torch.device
    ):
        self._writer, self._where = writer, where
        self._looks = [_Processor(), _Traffic(), lambda: _disk(folder)]
        if device.type == "cuda":
            self._looks.append(lambda: _gpu(device))
        self._told = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="meter", daemon=True)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=LATE)  # a driver that hangs must not hold the run's end up for long

    def look(self) -> Values:
        """Everything that can be told now. Rates and uses are since the look before."""
        values: Values = {}
        for look in self._looks:
            with suppress(Exception):  # whatever a driver or a container refuses
                values |= look()
        return values

    def _work(self) -> None:
        self.look()
        began = time.monotonic()
        with suppress(OSError):  # the loop meets it too, and says so
            while not self._over.wait(min(max((time.monotonic() - began) / _PER_RUN, SOON), LATE)):
                self._tell()
            self._tell()

    def _tell(self) -> None:
        step, images = self._where()
        if step > self._told and (values := self.look()):
            self._told = step
            self._writer.emit("system", step=step, images=images, values=values)


class _Processor:
    """Processor and memory: of the machine, and of this process (100 % is one core)."""

    def __init__(self) -> None:
        self._process: Any = None

    def __call__(self) -> Values:
        import psutil

        self._process = self._process or psutil.Process(os.getpid())
        with self._process.oneshot():
            own, resident = self._process.cpu_percent(), self._process.memory_info().rss
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return {
            "cpu_percent": psutil.cpu_percent(),
            "process_cpu_percent": own,
            "memory_percent": memory.percent,
            "process_memory_gib": resident / _GIB,
            "swap_percent": swap.percent,
        }


class _Traffic:
    """What went over disks and network, in MiB a second."""

    def __init__(self) -> None:
        self._before: tuple[float, dict[str, int]] | None = None

    def __call__(self) -> Values:
        import psutil

        disk, net = psutil.disk_io_counters(), psutil.net_io_counters()
        counts: dict[str, int] = {}
        if disk is not None:
            counts |= {"disk_read_mib_s": disk.read_bytes, "disk_written_mib_s": disk.write_bytes}
        if net is not None:
            counts |= {"net_received_mib_s": net.bytes_recv, "net_sent_mib_s": net.bytes_sent}
        now, before = time.monotonic(), self._before
        self._before = now, counts
        if before is None or now <= before[0]:
            return {}
        seconds = now - before[0]
        return {
            name: max(0, count - before[1][name]) / seconds / _MIB
            for name, count in counts.items()
            if name in before[1]
        }


def _disk(folder: Path) -> Values:
    usage = shutil.disk_usage(folder)
    return {"disk_percent": 100 * usage.used / usage.total}


def _gpu(device: torch.device) -> Values:
    """The run's own GPU, as its driver tells through torch."""
    cuda, total = torch.cuda, torch.cuda.get_device_properties(device).total_memory
    asked: dict[str, Callable[[], float]] = {
        "gpu_percent": lambda: cuda.utilization(device),
        "gpu_memory_percent": lambda: 100 * cuda.device_memory_used(device) / total,
        "gpu_celsius": lambda: cuda.temperature(device),
        "gpu_watts": lambda: cuda.power_draw(device) / 1000,
        "process_gpu_memory_gib": lambda: cuda.memory_reserved(device) / _GIB,
    }
    values: Values = {}
    for name, ask in asked.items():
        with suppress(Exception):  # each driver tells something else
            values[name] = float(ask())
    return values
