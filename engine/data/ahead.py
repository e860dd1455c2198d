"""Batches of images that do not lie on the device, fetched while the step before them trains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

Rows = list[tuple[Tensor, Tensor]]
"""Tensors, each with the indices of the rows that make a batch; all on the CPU."""


class Ahead:
    """Gathers the rows of the next steps on a thread, and copies them to a GPU on a stream of their own.

    ``rows_of`` gives what a step needs. Two sets of pinned buffers take turns: while the batch of one step is trained
    on, that of the next is copied from one, and that of the step after is gathered into the other. Nothing waits for
    the host but the thread; the GPU waits for the copy it needs. On the CPU the thread gathers one step ahead.
    """

    def __init__(self, rows_of: Callable[[int], Rows], device: torch.device):
        self._rows_of, self._device = rows_of, device
        self._pool = ThreadPoolExecutor(1, "batches")
        self._gathered: dict[int, Future[list[Tensor]]] = {}
        self._sent: dict[int, tuple[list[Tensor], torch.cuda.Event]] = {}
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._buffers = [_pinned(rows_of(0)) for _ in range(2)] if self._stream is not None else []
        self._copied: list[torch.cuda.Event | None] = [None, None]

    def at(self, step: int) -> list[Tensor]:
        """The rows of a step, on the device. They are there at once if the step before was the one asked for last."""
        near = range(step, step + 3)
        self._gathered = {number: future for number, future in self._gathered.items() if number in near}
        self._sent = {number: sent for number, sent in self._sent.items() if number in near}
        if self._stream is None:
            rows = self._gather(step).result()
            self._gather(step + 1)
            return rows
        self._send(step)
        rows, copied = self._sent[step]
        training = torch.cuda.current_stream(self._device)
        training.wait_event(copied)
        for tensor in rows:
            tensor.record_stream(training)  # until then its memory is not given to another copy
        self._send(step + 1)
        self._gather(step + 2)
        return rows

    def _gather(self, step: int) -> Future[list[Tensor]]:
        if step not in self._gathered:
            self._gathered[step] = self._pool.submit(self._gathered_rows, step)
        return self._gathered[step]

    def _gathered_rows(self, step: int) -> list[Tensor]:
        """Runs on the thread."""
        rows = self._rows_of(step)
        if self._stream is None:
            return [tensor.index_select(0, chosen) for tensor, chosen in rows]
        turn = step % 2
        if (copied := self._copied[turn]) is not None:
            copied.synchronize()
        buffers = self._buffers[turn]
        for buffer, (tensor, chosen) in zip(buffers, rows, strict=True):
            torch.index_select(tensor, 0, chosen, out=buffer)
        return buffers

    def _send(self, step: int) -> None:
        """Begin to copy the rows of a step to the GPU, once they are gathered."""
        if step in self._sent:
            return
        gathered = self._gather(step).result()
        with torch.cuda.stream(self._stream):
            rows = [tensor.to(self._device, non_blocking=True) for tensor in gathered]
            copied = torch.cuda.Event()
            copied.record(self._stream)
        self._sent[step] = rows, copied
        self._copied[step % 2] = copied


def _pinned(rows: Rows) -> list[Tensor]:
    """Room for such rows in memory that a GPU copies from by itself."""
    return [torch.empty(len(i), *tensor.shape[1:], dtype=tensor.dtype, pin_memory=True) for tensor, i in rows]
