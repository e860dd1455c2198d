"""Samplers: solvers from noise to images over a noise process (``engine.samplers.process``), for any denoiser."""

from __future__ import annotations

from torch import Tensor

from engine.samplers.process import Process, Show
from engine.settings.registry import build
from engine.settings.samplers import Sample


def run_sampler(settings: Sample, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Generate images N,C,H,W from standard normal ``noise`` N,C,H,W with the sampler that ``settings`` describe.

    ``show`` is called with every intermediate state.
    """
    return build(settings, Tensor, process, noise, show)
