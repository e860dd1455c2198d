"""What the machine did while somebody looked at it: series in memory, for charts."""

from __future__ import annotations

from collections import deque

import numpy as np

from gentui.machine.monitor import MachineState
from gentui.text.matching import matcher
from gentui.tui.curves import Curve
from gentui.tui.widgets.chart_grid import Curves

KEPT = 1800
"""Looks that are remembered: an hour of one every two seconds."""
TOGETHER = (
    ("memory %", "swap %"),
    ("disk read MiB/s", "disk written MiB/s"),
    ("net received MiB/s", "net sent MiB/s"),
)
_MIB = 1 << 20


class History:
    """Every look there was, the newest last."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[str, float]]] = deque(maxlen=KEPT)
        self._before: tuple[float, dict[str, int]] | None = None
        self._began: float | None = None

    def add(self, at: float, machine: MachineState) -> None:
        """Remember how the machine was at a time (in seconds)."""
        if self._began is None:
            self._began = at
        values = {
            "cpu %": 100 * machine.cpu,
            "load": machine.load,
            "memory %": _percent(machine.memory),
            "swap %": _percent(machine.swap),
            "disk %": _percent(machine.disk),
        }
        if machine.cores:
            values |= {"cores: least %": 100 * min(machine.cores), "cores: most %": 100 * max(machine.cores)}
        if self._before is not None and at > self._before[0]:
            seconds, counts = at - self._before[0], self._before[1]
            for name, count in machine.traffic.items():
                if name in counts:
                    values[f"{name} MiB/s"] = max(0, count - counts[name]) / seconds / _MIB
        self._before = at, machine.traffic
        for gpu in machine.gpus:
            told = {
                "%": None if gpu.utilisation is None else 100 * gpu.utilisation,
                "memory %": _percent(gpu.memory) if gpu.memory else None,
                "°C": gpu.celsius,
                "W": gpu.watts,
            }
            values |= {
                f"gpu{gpu.number} {name}": float(value) for name, value in told.items() if value is not None
            }
        self._looks.append((at - self._began, values))

    @property
    def extent(self) -> tuple[float, float] | None:
        return (self._looks[0][0], self._looks[-1][0]) if len(self._looks) > 1 else None

    def charts(self, words: str = "") -> list[Curves]:
        """The series that the words pick, those that belong together in one chart."""
        names = dict.fromkeys(name for _, values in self._looks for name in values)
        gpus = [
            name.removesuffix(" memory %")
            for name in names
            if name.startswith("gpu") and name.endswith(" memory %")
        ]
        together = (
            ("cpu %", "cores: least %", "cores: most %"),
            *TOGETHER,
            *((f"{gpu} %", f"{gpu} memory %") for gpu in gpus),
        )
        placed = {name for group in together for name in group}
        groups = [*together, *((name,) for name in names if name not in placed)]
        picks = matcher(words)[0]
        found = [tuple(name for name in group if name in names) for group in groups]
        return [tuple(map(self._curve, group)) for group in found if any(map(picks, group))]

    def _curve(self, name: str) -> Curve:
        x = np.array([at for at, _ in self._looks], np.float64)
        y = np.array([values.get(name, np.nan) for _, values in self._looks], np.float64)
        return Curve(name, x, y, y, np.empty(0), int(np.isfinite(y).sum()), y)


def _percent(pair: tuple[int, int]) -> float:
    return 100 * pair[0] / pair[1] if pair[1] else 0.0
