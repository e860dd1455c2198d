"""Solvers of the probability-flow ODE in the ratio r = σ/α, for x̄ = x/α: dx̄/dr = noise (Karras et al. 2022).

With α = 1 this is EDM's dx/dσ = (x − D(x; σ)) / σ; rescaled by α it serves DDPM's nets too.
"""

from __future__ import annotations

from torch import Tensor

from engine.samplers.process import Process, Show
from engine.settings.samplers import Euler, Heun


def _solve(
    settings: Euler | Heun, process: Process, noise: Tensor, show: Show | None, second_order: bool
) -> Tensor:
    levels = process.levels(settings.steps, "karras", settings.rho)
    x, total = noise * process.scale, settings.steps
    if show:
        show(0, total, x, levels[0])
    for i in range(total):
        now, then = levels[i], levels[i + 1]
        slope = process.noise_in(x, process.denoise(x, now), now)
        stepped = _step(x, slope, now.alpha, then.alpha, then.ratio - now.ratio)
        if second_order and i < total - 1:
            slope = (slope + process.noise_in(stepped, process.denoise(stepped, then), then)) / 2
            stepped = _step(x, slope, now.alpha, then.alpha, then.ratio - now.ratio)
        x = stepped
        if show:
            show(i + 1, total, x, then)
    return x


def _step(x: Tensor, slope: Tensor, alpha: float, next_alpha: float, change: float) -> Tensor:
    return (x / alpha + change * slope) * next_alpha


def euler(settings: Euler, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """First order, one evaluation a step. ``noise`` N,C,H,W is standard normal."""
    return _solve(settings, process, noise, show, second_order=False)


def heun(settings: Heun, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Second order, two evaluations a step but the last (EDM algorithm 1 without churn)."""
    return _solve(settings, process, noise, show, second_order=True)
