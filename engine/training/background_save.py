"""Checkpoints written beside training: the loop waits for a copy of what is saved, never for the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.runs.directory import RunDir
from engine.training import checkpoint


@dataclass(frozen=True)
class Saved:
    """How the writing of the checkpoint of ``step``, after ``images`` images, ended: its bytes, or the error."""

    step: int
    images: int
    size: int = 0
    error: OSError | None = None


class BackgroundSave:
    """Writes the ``last`` checkpoint of a run in a thread, one at a time.

    What a write takes from the loop is a copy into memory of the host that is kept for the next one. From a GPU it is
    made on a stream of its own: the host goes on at once, and the GPU waits for the copy alone.
    """

    def __init__(self, run: RunDir, device: torch.device):
        self._run, self._device = run, device
        self._copies: dict[str, Tensor] = {}
        self._stream: torch.cuda.Stream | None = None
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._begun: tuple[int, int, Future[int]] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a write has begun whose end has not been taken note of."""
        return self._begun is not None

    def begin(
        self, step: int, images: int, weights: dict[str, dict[str, Tensor]], state: dict[str, Any]
    ) -> None:
        """Copy what ``checkpoint.save`` takes and begin to write it. The write before must have been taken note of."""
        assert not self.is_busy
        copied, wait = self._copy_all({"weights": weights, "state": state})

        def write() -> int:
            wait()
            return checkpoint.save(self._run, step, copied["weights"], copied["state"], ["last"])

        self._begun = step, images, self._pool.submit(write)

    def ended(self, wait: bool = False) -> Saved | None:
        """The write that has ended since it was asked for last, once; with ``wait`` one under way is waited for.

        Raises what the write raised, unless it was an OSError.
        """
        if self._begun is None or not (wait or self._begun[2].done()):
            return None
        (step, images, size), self._begun = self._begun, None
        try:
            return Saved(step, images, size.result())
        except OSError as error:
            return Saved(step, images, error=error)

    def _copy_all(self, what: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], object]]:
        """A copy on the host, and what waits until it is complete."""
        if self._device.type != "cuda":
            return self._copy(what, ""), lambda: None
        self._stream = self._stream or torch.cuda.Stream(self._device)
        training = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(training)
        with torch.cuda.stream(self._stream):
            copied = self._copy(what, "")
            ready = torch.cuda.Event()
            ready.record(self._stream)
        training.wait_stream(self._stream)  # the next step changes what is being copied
        return copied, ready.synchronize

    def _copy(self, value: Any, place: str) -> Any:
        match value:
            case Tensor():
                return self._host_copy(value.detach(), place)
            case dict():
                return {key: self._copy(item, f"{place}/{key}") for key, item in value.items()}
            case list() | tuple():
                return type(value)(self._copy(item, f"{place}/{n}") for n, item in enumerate(value))
        return value

    def _host_copy(self, tensor: Tensor, place: str) -> Tensor:
        held = self._copies.get(place)
        kind = tensor.shape, tensor.stride(), tensor.dtype
        if held is None or (held.shape, held.stride(), held.dtype) != kind:
            # With strides of its own, an optimiser's state would be added up in another order after a resume.
            held = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
            self._copies[place] = held
        return held.copy_(tensor, non_blocking=True)
