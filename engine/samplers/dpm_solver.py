"""DPM-Solver++(2M): second order, multistep, in λ, one evaluation a step (Lu et al. 2022, arXiv 2211.01095)."""

from __future__ import annotations

import math

from torch import Tensor

from engine.samplers.process import Level, Process, Show
from engine.settings.samplers import DPMSolver


def dpm_solver(settings: DPMSolver, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Algorithm 2 of the paper. ``noise`` N,C,H,W is standard normal.

    The first step has no predecessor, and the last ends at infinite λ: both are first-order.
    """
    previous: tuple[Tensor, float] | None = (
        None  # the image expected at the last level, and the step in λ from it
    )

    def step(x: Tensor, now: Level, then: Level) -> Tensor:
        nonlocal previous
        image = expected = process.denoise(x, now)
        change = then.log_snr - now.log_snr
        if previous is not None and then.sigma:
            last_image, last_change = previous
            half = change / (2 * last_change)
            expected = (1 + half) * image - half * last_image
        previous = image, change
        return then.sigma / now.sigma * x - then.alpha * math.expm1(-change) * expected

    return process.run(noise, process.levels(settings.steps, settings.spacing), step, show)
