"""Solvers of the probability-flow ODE in the ratio r = σ/α, for x̄ = x/α: dx̄/dr = noise (Karras et al. 2022).

With α = 1 this is EDM's dx/dσ = (x − D(x; σ)) / σ; rescaled by α it serves DDPM's nets too.
"""

from __future__ import annotations

from torch import Tensor

from engine.samplers.process import Level, Process, Show
from engine.settings.samplers import Euler, Heun


def _solve(
    settings: Euler | Heun, process: Process, noise: Tensor, show: Show | None, second_order: bool
) -> Tensor:
    def step(x: Tensor, now: Level, then: Level) -> Tensor:
        slope = process.noise_in(x, process.denoise(x, now), now)
        stepped = _along(slope, x, now, then)
        if second_order and then.sigma:  # where no noise is left, it has no slope
            slope = (slope + process.noise_in(stepped, process.denoise(stepped, then), then)) / 2
            stepped = _along(slope, x, now, then)
        return stepped

    return process.run(noise, process.levels(settings.steps, "karras", settings.rho), step, show)


def _along(slope: Tensor, x: Tensor, now: Level, then: Level) -> Tensor:
    return (x / now.alpha + (then.ratio - now.ratio) * slope) * then.alpha


def euler(settings: Euler, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """First order, one evaluation a step. ``noise`` N,C,H,W is standard normal."""
    return _solve(settings, process, noise, show, second_order=False)


def heun(settings: Heun, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Second order, two evaluations a step but the last (EDM algorithm 1 without churn)."""
    return _solve(settings, process, noise, show, second_order=True)
