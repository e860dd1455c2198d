"""Metrics on their way from the training step to the event log, without waiting for the device."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from engine.runs.events import EventWriter


class MetricLog:
    """Collects the metrics of each step as they are, tensors on the device included, and writes them in batches.

    ``log`` never synchronises the device; ``flush`` does so once for everything collected. It happens every
    ``every`` steps or ``seconds``, whichever comes first.
    """

    def __init__(self, writer: EventWriter, every: int = 32, seconds: float = 0.5):
        self._writer = writer
        self._every = every
        self._seconds = seconds
        self._rows: list[tuple[float, float, int, int, Mapping[str, Tensor | float]]] = []
        self._last_flush = time.monotonic()

    def log(self, step: int, images: int, values: Mapping[str, Tensor | float]) -> bool:
        """Keep one step's scalars. True when it is time to flush."""
        mono = time.monotonic()
        self._rows.append((time.time(), mono, step, images, values))
        return len(self._rows) >= self._every or mono - self._last_flush >= self._seconds

    def flush(self, hold: int = 0, **latest: float) -> list[dict[str, float]]:
        """Write what was collected, but for the newest ``hold`` steps; ``latest`` joins the newest that is written.

        Returns the values as plain floats.
        """
        until = len(self._rows) - hold
        rows, self._rows = self._rows[:until], self._rows[until:]
        self._last_flush = time.monotonic()
        if not rows:
            return []
        floats = iter(_to_floats([v for row in rows for v in row[4].values() if isinstance(v, Tensor)]))
        written: list[dict[str, float]] = []
        records = []
        for t, mono, step, images, row in rows:
            values = {k: next(floats) if isinstance(v, Tensor) else float(v) for k, v in row.items()}
            if len(written) == len(rows) - 1:
                values |= latest
            written.append(values)
            records.append(
                {"kind": "metrics", "t": t, "mono": mono, "step": step, "images": images, "values": values}
            )
        self._writer.emit_many(records)
        return written

    def __len__(self) -> int:
        return len(self._rows)


def _to_floats(scalars: list[Tensor]) -> list[float]:
    """The values of scalar tensors, by one transfer."""
    if not scalars:
        return []
    dtype, device = scalars[0].dtype, scalars[0].device
    if not all(t.dtype == dtype and t.device == device and t.dim() == 0 for t in scalars):
        scalars = [t.detach().reshape(()).to(device, torch.float64) for t in scalars]
    return torch.stack(scalars).detach().tolist()
