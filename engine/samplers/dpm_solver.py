"""DPM-Solver++(2M): second order, multistep, in λ, one evaluation a step (Lu et al. 2022, arXiv 2211.01095)."""

from __future__ import annotations

import math

from torch import Tensor

from engine.samplers.process import Process, Show
from engine.settings.samplers import DPMSolver


def dpm_solver(settings: DPMSolver, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Algorithm 2 of the paper. ``noise`` N,C,H,W is standard normal.

    The first step has no past and the last, to no noise at all, has no finite λ: both are of first order.
    """
    levels = process.levels(settings.steps, settings.spacing)
    x, total = noise * process.scale, settings.steps
    before: tuple[Tensor, float] | None = None  # the image expected one level ago, and the step in λ from there
    if show:
        show(0, total, x, levels[0])
    for i in range(total):
        now, then = levels[i], levels[i + 1]
        image = expected = process.denoise(x, now)
        step = then.log_snr - now.log_snr
        if before is not None and then.sigma:
            earlier, last_step = before
            half = step / (2 * last_step)
            expected = (1 + half) * image - half * earlier
        x = then.sigma / now.sigma * x - then.alpha * math.expm1(-step) * expected
        before = image, step
        if show:
            show(i + 1, total, x, then)
    return x
