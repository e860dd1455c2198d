"""Adversarial losses of the discriminator and the generator, as functions of the discriminator's scores.

To add a loss, register a settings class whose ``factory`` returns an ``Adversarial``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.settings.registry import Settings, build


@dataclass(frozen=True)
class Adversarial:
    """An adversarial loss.

    - ``discriminator(real, fake)`` takes scores N and N and returns the discriminator's losses on real and on
      generated images, two scalars.
    - ``generator(fake)`` takes scores N and returns the generator's loss, a scalar.
    - ``estimates_distance``: whether mean(real) − mean(fake) estimates a distance between the distributions, which
      is then logged.
    - ``threshold``: the score above which an image counts as real, for the discriminator's accuracy; None if scores
      have no such threshold.
    """

    discriminator: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    generator: Callable[[Tensor], Tensor]
    estimates_distance: bool = False
    threshold: float | None = None


def build_adversarial(settings: Settings) -> Adversarial:
    """Build the adversarial loss that ``settings`` describe."""
    return build(settings, Adversarial)


def bce(settings: Settings) -> Adversarial:
    """Cross entropy: −log σ(D(x)) − log(1 − σ(D(G(z)))); generator: −log σ(D(G(z))) (Goodfellow et al. 2014)."""
    return Adversarial(
        lambda real, fake: (F.softplus(-real).mean(), F.softplus(fake).mean()),
        lambda fake: F.softplus(-fake).mean(),
        threshold=0.0,
    )


def hinge(settings: Settings) -> Adversarial:
    """Hinge loss: max(0, 1 − D(x)) + max(0, 1 + D(G(z))); generator: −D(G(z)) (Lim & Ye 2017)."""
    return Adversarial(
        lambda real, fake: (torch.relu(1 - real).mean(), torch.relu(1 + fake).mean()),
        lambda fake: -fake.mean(),
        threshold=0.0,
    )


def wasserstein(settings: Settings) -> Adversarial:
    """Wasserstein loss: D(G(z)) − D(x); generator: −D(G(z)) (Arjovsky et al. 2017)."""
    return Adversarial(
        lambda real, fake: (-real.mean(), fake.mean()), lambda fake: -fake.mean(), estimates_distance=True
    )


def least_squares(settings: Settings) -> Adversarial:
    """Least squares: ½(D(x) − 1)² + ½D(G(z))²; generator: ½(D(G(z)) − 1)² (Mao et al. 2017, eq. 9)."""
    return Adversarial(
        lambda real, fake: ((real - 1).square().mean() / 2, fake.square().mean() / 2),
        lambda fake: (fake - 1).square().mean() / 2,
        threshold=0.5,
    )
