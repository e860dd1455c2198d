"""Noise processes: how noise is added to an image, and the noise levels at which a net can remove it.

Every process is Gaussian, x = α·image + σ·noise, and a level is a pair (α, σ). Noise-level diffusion (EDM) has
α = 1 and any σ; DDPM has α² + σ² = 1 and only the levels it was trained at. Samplers depend on this interface
alone, so each works for both kinds of net.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from engine.settings.samplers import Spacing


class Level(NamedTuple):
    """A noise level, x = alpha·image + sigma·noise. ``time``: the trained step of DDPM, σ itself in EDM."""

    alpha: float
    sigma: float
    time: float

    @property
    def ratio(self) -> float:
        """σ/α: the noise relative to the image."""
        return self.sigma / self.alpha

    @property
    def log_snr(self) -> float:
        """λ = ln(α/σ), as in DPM-Solver: half the logarithm of the signal-to-noise ratio; ∞ without noise."""
        return math.log(self.alpha / self.sigma) if self.sigma else math.inf


CLEAN = Level(1.0, 0.0, 0.0)

Denoise = Callable[[Tensor, Level], Tensor]
"""(x N,C,H,W; its level) -> the expected image N,C,H,W."""
Show = Callable[[int, int, Tensor, Level], None]
"""Called with (steps done, total steps, x N,C,H,W, its level)."""
Step = Callable[[Tensor, Level, Level], Tensor]
"""(x N,C,H,W; its level; the less noisy next level) -> x at the next level."""


class Process(ABC):
    """A noise process together with the denoiser of a trained net."""

    scale: float
    """Standard deviation of x at the start of sampling: x = scale · standard normal noise."""

    def __init__(self, denoise: Denoise):
        self.denoise = denoise

    @abstractmethod
    def levels(self, steps: int, spacing: Spacing = "native", rho: float = 7.0) -> list[Level]:
        """``steps`` levels of decreasing noise, from the start of sampling, then ``CLEAN``.

        ``rho`` is the curvature of Karras' spacing."""

    def run(self, noise: Tensor, levels: Sequence[Level], step: Step, show: Show | None = None) -> Tensor:
        """Go through ``levels`` from standard normal ``noise`` N,C,H,W, with one ``step`` between successive ones."""
        x, total = noise * self.scale, len(levels) - 1
        if show:
            show(0, total, x, levels[0])
        for done, (now, then) in enumerate(pairwise(levels), 1):
            x = step(x, now, then)
            if show:
                show(done, total, x, then)
        return x

    @staticmethod
    def noise_in(x: Tensor, image: Tensor, level: Level) -> Tensor:
        """The noise in ``x`` given its image: (x − α·image) / σ."""
        return (x - level.alpha * image) / level.sigma


class Continuous(Process):
    """α = 1 and every σ between two bounds (EDM). Its native spacing is Karras'."""

    def __init__(self, denoise: Denoise, sigma_min: float, sigma_max: float):
        super().__init__(denoise)
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.scale = sigma_max

    def levels(self, steps: int, spacing: Spacing = "native", rho: float = 7.0) -> list[Level]:
        ratios = spaced_ratios(steps, self.sigma_min, self.sigma_max, spacing, rho)
        return [*(Level(1.0, sigma, sigma) for sigma in ratios), CLEAN]


class Discrete(Process):
    """α² + σ² = 1 at the levels of T trained steps (DDPM). Its native spacing is even in the steps.

    ``alphas_bar`` holds the decreasing ᾱ of steps 1…T; α = √ᾱ. Only trained levels are used: other spacings take
    the trained steps that are nearest in λ.
    """

    def __init__(self, denoise: Denoise, alphas_bar: Sequence[float]):
        super().__init__(denoise)
        self.trained = [
            Level(math.sqrt(a), math.sqrt(1 - a), float(step)) for step, a in enumerate(alphas_bar, start=1)
        ]
        self._log_ratios = [-level.log_snr for level in self.trained]  # rising with the step
        self.scale = 1.0

    def levels(self, steps: int, spacing: Spacing = "native", rho: float = 7.0) -> list[Level]:
        """See ``Process.levels``. Raises ValueError for more steps than were trained."""
        count = len(self.trained)
        if steps > count:
            raise ValueError(f"{steps} steps were asked for, the net was trained at {count} noise levels")
        if spacing == "native":
            gap = (count - 1) / max(1, steps - 1)
            nearest = [round(count - i * gap) for i in range(steps)]
        else:
            least, most = self.trained[0].ratio, self.trained[-1].ratio
            nearest = [self._nearest(math.log(r)) for r in spaced_ratios(steps, least, most, spacing, rho)]
        return [*(self.trained[step - 1] for step in _distinct(nearest)), CLEAN]

    def _nearest(self, log_ratio: float) -> int:
        """The trained step, 1…T, whose −λ is nearest."""
        above = min(max(bisect_left(self._log_ratios, log_ratio), 1), len(self._log_ratios) - 1)
        lower, upper = self._log_ratios[above - 1], self._log_ratios[above]
        return above if log_ratio - lower < upper - log_ratio else above + 1


def spaced_ratios(steps: int, least: float, most: float, spacing: Spacing, rho: float) -> list[float]:
    """``steps`` ratios σ/α from ``most`` down to ``least``: even in λ (``logsnr``), or Karras' (EDM eq. 5)."""
    if steps == 1:
        return [most]
    shares = [i / (steps - 1) for i in range(steps)]
    if spacing == "logsnr":
        return [most * (least / most) ** share for share in shares]
    a, b = most ** (1 / rho), least ** (1 / rho)
    return [(a + share * (b - a)) ** rho for share in shares]


def _distinct(steps: list[int]) -> list[int]:
    """Make non-increasing steps strictly decreasing and ≥ 1, moving each as little as possible.

    The first step must be at least as large as the number of steps.
    """
    for i in range(1, len(steps)):
        steps[i] = min(steps[i], steps[i - 1] - 1)
    return [max(step, len(steps) - i) for i, step in enumerate(steps)]
