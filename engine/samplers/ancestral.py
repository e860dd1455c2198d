"""Ancestral samplers, which step to the next noise level by the posterior of the noise process: DDPM and DDIM."""

from __future__ import annotations

import math

from torch import Tensor

from engine.samplers.image_noise import ImageNoise
from engine.samplers.process import Level, Process, Show
from engine.settings.samplers import DDIM, DDPM


def step_variance(now: Level, then: Level) -> float:
    """Variance of x at level ``now`` given x at the less noisy level ``then``: for DDPM the step's β."""
    return now.sigma**2 - (now.alpha / then.alpha * then.sigma) ** 2


def posterior_variance(now: Level, then: Level) -> float:
    """Variance of x at ``then`` given x at ``now`` and the image (Ho et al. 2020, eq. 7)."""
    return step_variance(now, then) * (then.sigma / now.sigma) ** 2


def posterior_mean(x: Tensor, image: Tensor, now: Level, then: Level) -> Tensor:
    """Mean of x at ``then`` given ``x`` at ``now`` and the image (Ho et al. 2020, eq. 7)."""
    kept = now.alpha / then.alpha * (then.sigma / now.sigma) ** 2
    return kept * x + then.alpha * step_variance(now, then) / now.sigma**2 * image


def ddpm(settings: DDPM, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, algorithm 2). ``noise`` N,C,H,W is standard normal.

    With fewer steps than were trained, evenly spaced ones are used, and the posterior between successive ones.
    """
    draws = ImageNoise(noise)
    variance = step_variance if settings.variance == "beta" else posterior_variance

    def step(x: Tensor, now: Level, then: Level) -> Tensor:
        mean = posterior_mean(x, process.denoise(x, now), now, then)
        return mean + math.sqrt(variance(now, then)) * draws.normal() if then.sigma else mean

    return process.run(noise, process.levels(settings.steps), step, show)


def ddim(settings: DDIM, process: Process, noise: Tensor, show: Show | None = None) -> Tensor:
    """DDIM (Song, Meng & Ermon 2021, eq. 12). At η = 0 a first-order ODE solver in λ; at η = 1 the posterior.

    ``noise`` N,C,H,W is standard normal.
    """
    draws = ImageNoise(noise) if settings.eta else None

    def step(x: Tensor, now: Level, then: Level) -> Tensor:
        image = process.denoise(x, now)
        fresh = settings.eta**2 * posterior_variance(now, then)
        kept = math.sqrt(max(0.0, then.sigma**2 - fresh))
        x = then.alpha * image + kept * process.noise_in(x, image, now)
        return x + math.sqrt(fresh) * draws.normal() if draws is not None and then.sigma else x

    return process.run(noise, process.levels(settings.steps, settings.spacing), step, show)
