"""Devices and their memory, threads, seeds and the state of random number generators."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_CPUINFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What the kernel calls arithmetic in bf16: of x86, in vectors or in tiles, and of ARM."""


class DeviceError(Exception):
    """The requested device does not exist, or not on this machine."""


def choose_device(requested: str, rank: int = 0) -> torch.device:
    """The device called ``cpu``, ``cuda:K``, ``cuda`` (``cuda:0``) or ``auto`` (the first GPU, else the CPU).

    ``rank``: of processes of one machine that share a run, which take GPUs one after the other. Raises DeviceError.
    """
    if requested == "auto":
        requested = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = (
            torch.device("cuda", rank % max(1, torch.cuda.device_count()))
            if requested == "cuda"
            else indexed(requested)
        )
    except RuntimeError:
        raise DeviceError(f"{requested!r} is no device: say cpu, cuda:K or auto") from None
    if device.type == "cuda" and (not torch.cuda.is_available() or device.index >= torch.cuda.device_count()):
        raise DeviceError(
            f"{device} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices here"
        )
    return device


def require_devices(count: int, device: torch.device) -> None:
    """Raise DeviceError unless ``count`` processes of this machine can each have a device of this kind.

    Those on the processor share it.
    """
    if device.type == "cuda" and count > torch.cuda.device_count():
        raise DeviceError(
            f"{count} devices were asked for, but torch sees {torch.cuda.device_count()} CUDA devices here"
        )


def indexed(device: torch.device | str) -> torch.device:
    """The device as its tensors name it: ``cuda`` alone is ``cuda:0``, which torch takes for another device."""
    device = torch.device(device)
    return torch.device("cuda:0") if device.type == "cuda" and device.index is None else device


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on ``device``; a GPU gets it from pinned memory, and nobody waits for that."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def set_up(device: torch.device, threads: int | None = None) -> int:
    """Set torch up for ``device``: threads, memory, fast kernels. Returns the number of threads.

    By default they are those of ``threads_by_default``.
    """
    threads = threads or threads_by_default()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if device.type == "cpu":
        _keep_freed_memory()
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    return threads


def threads_by_default() -> int:
    """``$GENTUI_THREADS``, else, as in torch, ``$MKL_NUM_THREADS``, else ``$OMP_NUM_THREADS``, else the number of CPUs
    that this process may use. A value that is no positive number counts as not set."""
    for name in ("GENTUI_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP's list: a number for each level
        if first.isascii() and first.isdigit() and len(first) < 6 and int(first):
            return int(first)
    return len(os.sched_getaffinity(0))


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory: returning it to the kernel would cost a page fault per 4 KiB at every step."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library: only slower
        return
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3  # malloc.h
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
    mallopt(m_top_pad, 64 << 20)


def device_kind(device: torch.device) -> str:
    """What computes: the name of the GPU, or ``cpu: `` and that of the processor. Equal devices have equal kinds."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu: {_cpuinfo('model name') or platform.machine()}"


def has_native_bf16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself, rather than by conversion to fp32 and back."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0) or torch.version.hip is not None
    flags = _cpuinfo("flags") or _cpuinfo("Features")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def uses_tf32(device: torch.device) -> bool:
    """Whether products of float32 are rounded to TF32: on GPUs since Ampere, for ``set_up`` allows it."""
    return device.type == "cuda" and torch.version.hip is None and has_native_bf16(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says so. torch's CPU allocator and CUDA's libraries raise plain RuntimeErrors."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    signs = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)


def release_memory() -> None:
    """Free what nothing refers to any more, also in the GPU memory that torch's cache holds."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def ran_out_on_gpu(error: BaseException) -> bool:
    """Whether the memory that an error says ran out is a GPU's. Modules that load weights wrap that error."""
    return isinstance(error, torch.OutOfMemoryError) or "cuda" in str(error).lower()


def _cpuinfo(name: str) -> str:
    """A line of the kernel's description of the first processor; "" where there is none."""
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next(
        (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), ""
    )


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """State of torch's generators of the CPU and, for a GPU, of ``device``, by device type."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Restore what ``rng_state`` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
