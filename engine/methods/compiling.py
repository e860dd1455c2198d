"""Whether the nets of a run are compiled with torch.compile."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, NamedTuple

import torch
from torch import nn

from engine.ranks import sharing

LEAST_STEPS = 20_000
"""Shorter runs are not compiled: that takes minutes, and saves a part of a step of some ten milliseconds."""


class CompileChoice(NamedTuple):
    """Whether nets are compiled, and why."""

    compiled: bool
    reason: str

    def __str__(self) -> str:
        return f"{'compiled' if self.compiled else 'not compiled'} ({self.reason})"


def choose_compile(requested: bool | Literal["auto"], device: torch.device, total_steps: int) -> CompileChoice:
    """Decide on ``train.compile`` for a run of that many steps.

    ``auto`` compiles on GPUs for which torch's compiler writes kernels (compute capability 7.0), where launching the
    operations of small nets takes longer than computing them. On a CPU it does not: compiling takes a minute or two a
    net, and the steps of these nets take as long as before. Nets of a run that several devices share are not compiled:
    nobody has tried how torch's compiler takes the sums over ranks inside a net.
    """
    if requested and sharing.has_ranks():
        return CompileChoice(False, "several devices share the run")
    if requested != "auto":
        return CompileChoice(requested, "as the recipe says")
    if device.type != "cuda":
        return CompileChoice(False, "on a CPU compiling costs minutes and saves little")
    if find_spec("triton") is None:
        return CompileChoice(False, "triton, with which torch compiles for GPUs, is not installed")
    if torch.cuda.get_device_capability(device) < (7, 0):
        return CompileChoice(False, f"torch does not compile for {torch.cuda.get_device_name(device)}")
    if total_steps < LEAST_STEPS:
        return CompileChoice(False, f"compiling takes longer than it can save in {total_steps:,} steps")
    return CompileChoice(True, f"it is worth it in {total_steps:,} steps on a GPU")


def compiled(
    net: nn.Module, requested: bool | Literal["auto"], device: torch.device, graphs: bool = True
) -> nn.Module:
    """The compiled form of ``net``, which shares its parameters; compilation begins with the first batch.

    By ``auto`` on a GPU the kernels of a pass are launched together, as a CUDA graph, and what cannot be compiled is
    computed as it is, with a warning in the log. Without ``graphs`` a pass keeps the output of the one before.
    """
    if requested != "auto":
        return torch.compile(net)  # type: ignore[return-value]
    from torch._dynamo import config

    config.suppress_errors = True
    return torch.compile(net, mode="reduce-overhead" if graphs and device.type == "cuda" else None)  # type: ignore[return-value]
