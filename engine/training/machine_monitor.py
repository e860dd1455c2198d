"""Monitor of the machine during training: processor, memory, disk, network and the run's own GPU.

It reads and writes in a thread of its own, so that the loop never waits for it. Readings that are not available
here are left out.
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

SHORTEST, LONGEST = 1.0, 10.0
"""Seconds between two readings: at first, and when training has gone on for long."""
_READINGS_PER_RUN = 50  # aimed at over the time that has passed, within the limits above
_MIB, _GIB = 1 << 20, 1 << 30


class MachineMonitor:
    """Writes ``system`` events while it is entered; ``position`` returns (steps done, images seen).

    Nothing is written while no step is completed, since a silent log is how a hanging trainer is recognised.
    """

    def __init__(
        self, writer: EventWriter, position: Callable[[], tuple[int, int]], folder: Path, device: torch.device
    ):
        self._writer, self._position = writer, position
        self._sensors = [_Processor(), _Traffic(), lambda: _disk(folder)]
        if device.type == "cuda":
            self._sensors.append(lambda: _gpu(device))
        self._written_step = 0
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._work, name="machine-monitor", daemon=True)

    def __enter__(self) -> MachineMonitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self._thread.join(timeout=LONGEST)  # a driver that hangs must not hold up the end of the run for long

    def read(self) -> Values:
        """Every reading available now, by name. Rates and percentages are means since the reading before."""
        values: Values = {}
        for sensor in self._sensors:
            with suppress(Exception):  # a driver or a container may refuse anything
                values |= sensor()
        return values

    def _work(self) -> None:
        self.read()
        start = time.monotonic()
        with suppress(OSError):  # the loop meets the same error and reports it
            while not self._finished.wait(_interval(time.monotonic() - start)):
                self._write()
            self._write()

    def _write(self) -> None:
        step, images = self._position()
        if step > self._written_step and (values := self.read()):
            self._written_step = step
            self._writer.emit("system", step=step, images=images, values=values)


def _interval(elapsed: float) -> float:
    return min(max(elapsed / _READINGS_PER_RUN, SHORTEST), LONGEST)


class _Processor:
    """Use of processor and memory: by the whole machine, and by this process (100 % is one core)."""

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
    """Disk and network traffic of the whole machine in MiB/s, since the reading before."""

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
    """The run's own GPU, as far as torch and the driver report it."""
    cuda, total = torch.cuda, torch.cuda.get_device_properties(device).total_memory
    sensors: dict[str, Callable[[], float]] = {
        "gpu_percent": lambda: cuda.utilization(device),
        "gpu_memory_percent": lambda: 100 * cuda.device_memory_used(device) / total,
        "gpu_celsius": lambda: cuda.temperature(device),
        "gpu_watts": lambda: cuda.power_draw(device) / 1000,
        "process_gpu_memory_gib": lambda: cuda.memory_reserved(device) / _GIB,
    }
    values: Values = {}
    for name, sensor in sensors.items():
        with suppress(Exception):  # each driver reports something else
            values[name] = float(sensor())
    return values
