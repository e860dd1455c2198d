"""Buffer of step metrics that writes them to the event log without making the device wait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from engine.runs.events import EventWriter


class _Row(NamedTuple):
    t: float
    mono: float
    step: int
    images: int
    values: Mapping[str, Tensor | float]


class MetricBuffer:
    """Collects the metrics of each step, including tensors still on the device, and writes them in batches.

    ``log`` never synchronises the device; ``flush`` does so once for everything collected. A flush is due every
    ``every`` steps or ``seconds``, whichever comes first.
    """

    def __init__(self, writer: EventWriter, every: int = 32, seconds: float = 0.5):
        self._writer = writer
        self._every = every
        self._seconds = seconds
        self._rows: list[_Row] = []
        self._last_flush = time.monotonic()

    def log(self, step: int, images: int, values: Mapping[str, Tensor | float]) -> bool:
        """Buffer the scalars of one step. Return True when a flush is due."""
        mono = time.monotonic()
        self._rows.append(_Row(time.time(), mono, step, images, values))
        return len(self._rows) >= self._every or mono - self._last_flush >= self._seconds

    def flush(self, **latest: float) -> list[dict[str, float]]:
        """Write the buffered steps, adding ``latest`` to the newest. Returns the values of each, as plain floats."""
        rows, self._rows = self._rows, []
        self._last_flush = time.monotonic()
        if not rows:
            return []
        floats = iter(_to_floats([v for row in rows for v in row.values.values() if isinstance(v, Tensor)]))
        written = [
            {name: next(floats) if isinstance(v, Tensor) else float(v) for name, v in row.values.items()}
            for row in rows
        ]
        written[-1] |= latest
        self._writer.emit_many(
            {
                "kind": "metrics",
                "t": row.t,
                "mono": row.mono,
                "step": row.step,
                "images": row.images,
                "values": v,
            }
            for row, v in zip(rows, written, strict=True)
        )
        return written

    def __len__(self) -> int:
        return len(self._rows)


def _to_floats(scalars: list[Tensor]) -> list[float]:
    """The values of scalar tensors, fetched from the device in one transfer."""
    if not scalars:
        return []
    dtype, device = scalars[0].dtype, scalars[0].device
    if not all(t.dtype == dtype and t.device == device and t.dim() == 0 for t in scalars):
        scalars = [t.detach().reshape(()).to(device, torch.float64) for t in scalars]
    return torch.stack(scalars).detach().tolist()
