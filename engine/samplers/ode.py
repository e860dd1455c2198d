"""Solvers of the probability-flow ODE in the noise level (Karras et al. 2022, dx/dσ = (x − D(x; σ)) / σ)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.settings.samplers import Euler, Heun

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x N,C,H,W; σ scalar) -> the expected image."""
Show = Callable[[int, int, Tensor, Tensor], None]
"""Called with (steps done, steps in all, x, σ)."""


def karras_sigmas(
    steps: int, sigma_min: float, sigma_max: float, rho: float, device: torch.device | str = "cpu"
) -> Tensor:
    """Noise levels from sigma_max down to sigma_min, then 0: steps+1 values in float64 (EDM eq. 5)."""
    if steps == 1:
        return torch.tensor([sigma_max, 0.0], dtype=torch.float64, device=device)
    ramp = torch.arange(steps, dtype=torch.float64, device=device) / (steps - 1)
    a, b = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = (a + ramp * (b - a)) ** rho
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _solve(
    settings: Euler | Heun,
    denoise: Denoise,
    noise: Tensor,
    sigma_min: float,
    sigma_max: float,
    show: Show | None,
    second_order: bool,
) -> Tensor:
    sigmas = karras_sigmas(settings.steps, sigma_min, sigma_max, settings.rho, noise.device).to(noise.dtype)
    x = noise * sigmas[0]
    total = settings.steps
    if show:
        show(0, total, x, sigmas[0])
    for i in range(total):
        now, then = sigmas[i], sigmas[i + 1]
        slope = (x - denoise(x, now)) / now
        stepped = x + (then - now) * slope
        if second_order and i < total - 1:
            slope = (slope + (stepped - denoise(stepped, then)) / then) / 2
            stepped = x + (then - now) * slope
        x = stepped
        if show:
            show(i + 1, total, x, then)
    return x


def euler(
    settings: Euler,
    denoise: Denoise,
    noise: Tensor,
    sigma_min: float,
    sigma_max: float,
    show: Show | None = None,
) -> Tensor:
    """First order, one evaluation a step. ``noise`` is standard normal."""
    return _solve(settings, denoise, noise, sigma_min, sigma_max, show, second_order=False)


def heun(
    settings: Heun,
    denoise: Denoise,
    noise: Tensor,
    sigma_min: float,
    sigma_max: float,
    show: Show | None = None,
) -> Tensor:
    """Second order, two evaluations a step but the last (EDM algorithm 1 without churn)."""
    return _solve(settings, denoise, noise, sigma_min, sigma_max, show, second_order=True)
