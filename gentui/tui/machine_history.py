"""Time series of the machine for charts, kept in memory while the machine screen is on top."""

from __future__ import annotations

from collections import deque

import numpy as np

from gentui.machine.monitor import MachineState
from gentui.text.matching import matcher
from gentui.tui.curves import Curve
from gentui.tui.widgets.chart_text import Curves

KEPT = 1800
"""Samples that are kept: an hour, at one every two seconds."""
SHARED_CHARTS = (
    ("memory %", "swap %"),
    ("disk read MiB/s", "disk written MiB/s"),
    ("net received MiB/s", "net sent MiB/s"),
)
_MIB = 1 << 20


class History:
    """Samples of the machine, the newest last."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[str, float]]] = deque(maxlen=KEPT)
        self._last: tuple[float, dict[str, int]] | None = None
        self._start: float | None = None

    def add(self, at: float, machine: MachineState) -> None:
        """Add a sample taken ``at`` seconds of a monotonic clock. Traffic becomes a rate since the last sample."""
        if self._start is None:
            self._start = at
        values = {
            "cpu %": 100 * machine.cpu,
            "load": machine.load,
            "memory %": _percent(machine.memory),
            "swap %": _percent(machine.swap),
            "disk %": _percent(machine.disk),
        }
        if machine.cores:
            values |= {"cores: least %": 100 * min(machine.cores), "cores: most %": 100 * max(machine.cores)}
        if self._last is not None and at > self._last[0]:
            seconds, counts = at - self._last[0], self._last[1]
            for name, count in machine.traffic.items():
                if name in counts:
                    values[f"{name} MiB/s"] = max(0, count - counts[name]) / seconds / _MIB
        self._last = at, machine.traffic
        for gpu in machine.gpus:
            fields = {
                "%": None if gpu.utilisation is None else 100 * gpu.utilisation,
                "memory %": _percent(gpu.memory) if gpu.memory else None,
                "°C": gpu.celsius,
                "W": gpu.watts,
            }
            values |= {
                f"gpu{gpu.number} {name}": float(value) for name, value in fields.items() if value is not None
            }
        self._samples.append((at - self._start, values))

    def recent(self, name: str, count: int = 240) -> tuple[float, ...]:
        """The newest values of a series, the last one now; NaN where there is none."""
        newest = list(self._samples)[-count:]
        return tuple(values.get(name, np.nan) for _, values in newest)

    @property
    def extent(self) -> tuple[float, float] | None:
        return (self._samples[0][0], self._samples[-1][0]) if len(self._samples) > 1 else None

    def charts(self, pattern: str = "") -> list[Curves]:
        """The series that match a pattern, by chart."""
        names = dict.fromkeys(name for _, values in self._samples for name in values)
        gpus = [
            name.removesuffix(" memory %")
            for name in names
            if name.startswith("gpu") and name.endswith(" memory %")
        ]
        shared = (
            ("cpu %", "cores: least %", "cores: most %"),
            *SHARED_CHARTS,
            *((f"{gpu} %", f"{gpu} memory %") for gpu in gpus),
        )
        placed = {name for group in shared for name in group}
        groups = [*shared, *((name,) for name in names if name not in placed)]
        picks = matcher(pattern)[0]
        present = [tuple(name for name in group if name in names) for group in groups]
        return [tuple(map(self._curve, group)) for group in present if any(map(picks, group))]

    def _curve(self, name: str) -> Curve:
        x = np.array([at for at, _ in self._samples], np.float64)
        y = np.array([values.get(name, np.nan) for _, values in self._samples], np.float64)
        return Curve(name, x, y, y, np.empty(0), int(np.isfinite(y).sum()), y)


def _percent(pair: tuple[int, int]) -> float:
    return 100 * pair[0] / pair[1] if pair[1] else 0.0
