"""Checkpoints written beside training: the loop waits neither for the disk nor, as a rule, for a copy of what is saved.

What an optimiser changes is copied while the next step runs forwards and backwards; the optimiser's step waits for the
rest of the copy. What a forward pass may change, such as BatchNorm's statistics, and what is small, is copied before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from engine.runs.directory import RunDir
from engine.training import checkpoint

SMALL = 4096
"""Tensors of fewer elements are copied at once."""


class TornError(Exception):
    """Training changed what was being copied other than by an optimiser's step."""


@dataclass(frozen=True)
class Saved:
    """How the writing of the checkpoint of ``step``, after ``images`` images, ended: its bytes, or the error.

    If it ``is_torn`` nothing was written, and the next is copied before training goes on.
    """

    step: int
    images: int
    size: int = 0
    error: OSError | None = None
    is_torn: bool = False


class BackgroundSave:
    """Writes the ``last`` checkpoint of a run in a thread, one at a time.

    The memory of the copies is kept for the next one. From a GPU they are made on a stream of its own: the host goes on
    at once, and the GPU waits for them where an optimiser steps.
    """

    def __init__(self, run: RunDir, device: torch.device):
        self._run, self._device = run, device
        self._held: dict[str, Tensor] = {}
        self._stream: torch.cuda.Stream | None = None
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._begun: tuple[int, int, Future[int], _Copy] | None = None
        self._was_torn = False

    @property
    def is_busy(self) -> bool:
        """Whether a write has begun whose end has not been taken note of."""
        return self._begun is not None

    def begin(
        self,
        step: int,
        images: int,
        weights: dict[str, dict[str, Tensor]],
        state: dict[str, Any],
        changing: Iterable[Tensor] = (),
    ) -> None:
        """Copy what ``checkpoint.save`` takes and begin to write it. The write before must have been taken note of.

        ``changing`` are the tensors that a forward pass may change.
        """
        assert not self.is_busy
        copy = _Copy(self._held, None if self._was_torn else {tensor.data_ptr() for tensor in changing})
        what = {"weights": weights, "state": state}
        copied, wait = self._from_gpu(copy, what) if self._device.type == "cuda" else self._from_cpu(copy, what)

        def write() -> int:
            wait()
            copy.check()
            return checkpoint.save(self._run, step, copied["weights"], copied["state"], ["last"])

        self._begun = step, images, self._pool.submit(write), copy

    def ended(self, wait: bool = False) -> Saved | None:
        """The write that has ended since it was asked for last, once; with ``wait`` one under way is waited for.

        Raises what the write raised, unless it was an OSError.
        """
        if self._begun is None or not (wait or self._begun[2].done()):
            return None
        (step, images, size, copy), self._begun = self._begun, None
        try:
            return Saved(step, images, size.result())
        except OSError as error:
            return Saved(step, images, error=error)
        except TornError:
            self._was_torn = True
            return Saved(step, images, is_torn=True)
        finally:
            copy.let_go()

    def _from_cpu(self, copy: _Copy, what: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], object]]:
        """A copy, and what waits until it is complete."""
        copied = copy.begin(what)
        rest = self._pool.submit(copy.complete)
        copy.hold_optimizers(rest.result)
        return copied, rest.result

    def _from_gpu(self, copy: _Copy, what: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], object]]:
        side = self._stream = self._stream or torch.cuda.Stream(self._device)
        training = torch.cuda.current_stream(self._device)
        side.wait_stream(training)
        with torch.cuda.stream(side):
            copied = copy.begin(what)
            training.wait_stream(side)
            copy.complete()
            ready = torch.cuda.Event()
            ready.record(side)
        copy.hold_optimizers(lambda: training.wait_stream(side))
        return copied, ready.synchronize


class _Copy:
    """A copy of dicts and lists of tensors in memory of the host that is ``held`` by place, made in two parts.

    ``changing`` are the addresses of tensors that belong to the first; without it all do.
    """

    def __init__(self, held: dict[str, Tensor], changing: set[int] | None):
        self._held, self._changing = held, changing
        self._rest: list[tuple[Tensor, Tensor, int]] = []
        self._lock = threading.Lock()
        self._is_torn = self._may_change = False
        self._hook: torch.utils.hooks.RemovableHandle | None = None

    def begin(self, what: Any, place: str = "") -> Any:
        """Copy the first part, and return what the whole will be."""
        match what:
            case Tensor():
                return self._of(what.detach(), place)
            case dict():
                return {key: self.begin(item, f"{place}/{key}") for key, item in what.items()}
            case list() | tuple():
                return type(what)(self.begin(item, f"{place}/{n}") for n, item in enumerate(what))
        return what

    def complete(self) -> None:
        """Copy the rest."""
        for copy, tensor, _ in self._rest:
            copy.copy_(tensor, non_blocking=True)

    def hold_optimizers(self, wait: Callable[[], object]) -> None:
        """Let the next step of an optimiser ``wait`` before it changes anything."""

        def hold(*_: object) -> None:
            if not self._may_change:
                wait()
                self._look(may_change=True)

        self._hook = register_optimizer_step_pre_hook(hold)

    def let_go(self) -> None:
        """Hold no optimiser any longer."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def check(self) -> None:
        """Once it is complete: raise TornError if anything was changed meanwhile."""
        self._look()
        if self._is_torn:
            raise TornError

    def _look(self, may_change: bool = False) -> None:
        with self._lock:
            if not self._may_change and any(tensor._version != version for _, tensor, version in self._rest):
                self._is_torn = True
            self._may_change |= may_change

    def _of(self, tensor: Tensor, place: str) -> Tensor:
        held = self._held.get(place)
        kind = tensor.shape, tensor.stride(), tensor.dtype
        if held is None or (held.shape, held.stride(), held.dtype) != kind:
            # With strides of its own, an optimiser's state would be added up in another order after a resume.
            held = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
            self._held[place] = held
        if self._changing is None or tensor.numel() < SMALL or tensor.data_ptr() in self._changing:
            return held.copy_(tensor, non_blocking=True)
        self._rest.append((held, tensor, tensor._version))
        return held
