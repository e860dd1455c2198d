"""Device, threads, precision and seeds."""

from __future__ import annotations

import ctypes
import os
import random

import numpy as np
import torch
from torch import Tensor


class DeviceError(Exception):
    """The device asked for is not here."""


def choose_device(wanted: str) -> torch.device:
    """``cpu``, ``cuda:K`` or ``auto`` (the first GPU, else the CPU)."""
    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and (
        not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()
    ):
        raise DeviceError(
            f"{wanted} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices here"
        )
    return device


def set_up(device: torch.device, threads: int | None = None) -> int:
    """Thread count (of the CPUs this process may use, unless given) and fast, repeatable kernels."""
    threads = threads or int(os.environ.get("GENTUI_THREADS") or 0) or len(os.sched_getaffinity(0))
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


def _keep_freed_memory() -> None:
    """Have glibc keep what tensors free: given back to the kernel, it costs a page fault per 4 KiB every step."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library: only slower
        return
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3  # malloc.h
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
    mallopt(m_top_pad, 64 << 20)


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
