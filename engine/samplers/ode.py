"""Solvers of the probability-flow ODE dx̄/dr = noise, with x̄ = x/α and r = σ/α (Karras et al. 2022).

With α = 1 this is EDM's dx/dσ = (x − D(x; σ)) / σ; the rescaling by α makes it fit DDPM's nets too.
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
        if second_order and then.sigma:  # the slope is undefined without noise
            slope = (slope + process.noise_in(stepped, process.denoise(stepped, then), then)) / 2
            stepped = _along(slope, x, now, then)
        return stepped

    return process.run(noise, process.levels(settings.steps, "karras", settings.rho), step, show)


def _along(slope: Tensor, x: Tensor, now: Level, then: Level) -> Tensor:
    return (x / now.alpha + (then.ratio - now.ratio) * slope) * then.alpha


def euler(settings: Euler, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Euler's method: first order, one evaluation per step. ``noise`` N,C,H,W is standard normal."""
    return _solve(settings, process, noise, show, second_order=False)


def heun(settings: Heun, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Heun's method: second order, two evaluations per step except the last (EDM algorithm 1 without churn)."""
    return _solve(settings, process, noise, show, second_order=True)
