"""A GPU that is not there, for tests of the engine's CUDA path: ``pretended_gpu``.

Within the block, ``torch.cuda`` knows one GPU, whose tensors are those of ``pretended_tensors``. What it can tell:
tensors of two devices in one operation; a generator or a conversion to NumPy that a GPU would refuse; a device without
an index where torch needs one; each time the CPU would wait for the device, and each operation that is started, with
the engine's line; what is kept and restored of the device's random numbers, which are other ones than the CPU's; what
becomes of running out of memory, and of a GPU without bf16.

What it cannot tell: anything that depends on the kernels of a GPU, as values, speed, memory in use, asynchronous errors
and data races of copies that do not block are; gradients through a copy to the CPU, which it leaves out; operations
that torch itself composes otherwise on a GPU; ``tensor.to("cuda")``, for whose index torch asks the driver; generators
made on the device; ``torch.compile`` and CUDA graphs; more than one GPU; other processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.support.pretended_tensors import (
    DEVICE,
    Book,
    PretendedDispatch,
    book,
    is_at_work,
    making,
    place,
)

H200, T4 = ("NVIDIA H200", (9, 0), 141 << 30), ("Tesla T4", (7, 5), 15 << 30)
"""Name, compute capability and bytes of memory of a GPU with bf16, and of one without."""


@dataclass
class Gpu:
    """The pretended GPU, with the ``book`` of what was done on it."""

    name: str
    capability: tuple[int, int]
    memory: int
    book: Book

    def memory_ends_in(self, function: str, after: int = 0, times: int | None = None) -> None:
        """Raise OutOfMemoryError at operations started by the engine's ``function``, a qualified name, from its
        operation number ``after`` on; ``times``: so often, else always."""
        count = 0

        def is_full() -> bool:
            nonlocal count
            if not is_at_work(function):
                return False
            count += 1
            return count > after and (times is None or count <= after + times)

        self.book.memory_is_full = is_full


class _Autocast(torch.autocast):
    """Mixed precision of the device: to C++ its tensors are the CPU's."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any):
        super().__init__("cpu", *args, **kwargs)


class _Stream:
    """A stream, or an event on one: all that is started is done at once."""

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def wait_stream(self, other: _Stream) -> None:
        pass

    def wait_event(self, event: _Stream) -> None:
        pass

    def record(self, stream: _Stream | None = None) -> None:
        pass

    def synchronize(self) -> None:
        if threading.current_thread() is threading.main_thread():
            book.wait("synchronize")


@contextmanager
def pretended_gpu(kind: tuple[str, tuple[int, int], int] = H200) -> Iterator[Gpu]:
    """Pretend that this machine has one GPU of that kind. Blocks do not nest."""
    vars(book).update(vars(Book()))
    gpu = Gpu(*kind, book)
    with ExitStack() as stack:
        for name, value in _answers(gpu).items():
            stack.enter_context(mock.patch.object(torch.cuda, name, value))
        stack.enter_context(mock.patch.object(torch, "autocast", _Autocast))
        for name in ("tensor", "as_tensor"):
            stack.enter_context(mock.patch.object(torch, name, making(getattr(torch, name))))
        grouped = torch._C._group_tensors_by_device_and_dtype  # type: ignore[attr-defined]
        stack.enter_context(mock.patch.object(torch._C, grouped.__name__, _grouping(grouped)))
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
            if hasattr(torch.optim.Optimizer, name):
                stack.enter_context(mock.patch.object(torch.optim.Optimizer, name, lambda self: None))
        # A net is moved by giving it new parameters: a tensor of the CPU cannot become a wrapper.
        before = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, before)
        stack.enter_context(PretendedDispatch())
        yield gpu


def _grouping(grouped: Callable[..., Any]) -> Callable[..., Any]:
    """Lists of tensors by device and type, with the device that the tensors have in Python."""

    def group(tensors: Any, with_indices: bool = False) -> Any:
        found = {}
        for (device, dtype), group in grouped(tensors, with_indices).items():
            first = next((tensor for part in group[0] for tensor in part if tensor is not None), None)
            found[device if first is None else first.device, dtype] = group
        return found

    return group


def _answers(gpu: Gpu) -> dict[str, Callable[..., Any]]:
    """What ``torch.cuda`` answers."""
    own = gpu.book

    def set_device(device: Any) -> None:
        device = torch.device(device) if isinstance(device, str) else device
        if isinstance(device, torch.device) and device.index is None:
            raise ValueError(
                f"Expected a torch.device with a specified index or an integer, but got:{device} ({place()})"
            )

    def seed(number: int) -> None:
        own.random_state = torch.Generator().manual_seed(number).get_state()

    def set_rng_state(state: Tensor, device: Any = DEVICE) -> None:
        own.random_state = state.clone()

    def synchronize(device: Any = None) -> None:
        own.wait("synchronize")

    def always(value: Any) -> Callable[..., Any]:
        return lambda *args, **kwargs: value

    major, minor = gpu.capability
    properties = SimpleNamespace(
        name=gpu.name, major=major, minor=minor, total_memory=gpu.memory, multi_processor_count=132
    )
    return {
        "_lazy_init": always(None),
        "_is_in_bad_fork": always(False),
        "is_available": always(True),
        "is_initialized": always(True),
        "device_count": always(1),
        "current_device": always(0),
        "set_device": set_device,
        "synchronize": synchronize,
        "Stream": _Stream,
        "Event": _Stream,
        "current_stream": _Stream,
        "stream": nullcontext,
        "empty_cache": always(None),
        "mem_get_info": always((gpu.memory, gpu.memory)),
        "memory_reserved": always(0),
        "device_memory_used": always(0),
        "utilization": always(0),
        "temperature": always(40),
        "power_draw": always(100_000),
        "get_device_name": always(gpu.name),
        "get_device_capability": always(gpu.capability),
        "get_device_properties": always(properties),
        "manual_seed": seed,
        "manual_seed_all": seed,
        "get_rng_state": lambda device=DEVICE: own.random_state.clone(),
        "set_rng_state": set_rng_state,
    }
