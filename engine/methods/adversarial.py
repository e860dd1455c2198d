"""Adversarial losses: what the scores of real and of generated images cost each side.

A loss of your own: a function of your settings class that returns an ``Adversarial``, named in its ``factory``.
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
    """``discriminator(real, fake)``: scores N and N -> its losses on the real and on the generated, scalars.
    ``generator(fake)``: scores N -> the generator's loss, a scalar.
    ``estimates_distance``: whether mean(real) − mean(fake) estimates a distance worth a curve.
    ``threshold``: the score between what is held to be generated and what real; None where scores have no such meaning.
    """

    discriminator: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    generator: Callable[[Tensor], Tensor]
    estimates_distance: bool = False
    threshold: float | None = None


def build_adversarial(settings: Settings) -> Adversarial:
    """Build the adversarial loss that ``settings`` describe."""
    return build(settings, Adversarial)


def bce(settings: Settings) -> Adversarial:
    """−log σ(D(x)) − log(1 − σ(D(G(z)))), and −log σ(D(G(z))) for the generator (Goodfellow et al. 2014)."""
    return Adversarial(
        lambda real, fake: (F.softplus(-real).mean(), F.softplus(fake).mean()),
        lambda fake: F.softplus(-fake).mean(),
        threshold=0.0,
    )


def hinge(settings: Settings) -> Adversarial:
    """max(0, 1 − D(x)) + max(0, 1 + D(G(z))), and −D(G(z)) for the generator (Lim & Ye 2017)."""
    return Adversarial(
        lambda real, fake: (torch.relu(1 - real).mean(), torch.relu(1 + fake).mean()),
        lambda fake: -fake.mean(),
        threshold=0.0,
    )


def wasserstein(settings: Settings) -> Adversarial:
    """D(G(z)) − D(x), and −D(G(z)) for the generator (Arjovsky et al. 2017)."""
    return Adversarial(
        lambda real, fake: (-real.mean(), fake.mean()), lambda fake: -fake.mean(), estimates_distance=True
    )


def least_squares(settings: Settings) -> Adversarial:
    """½(D(x) − 1)² + ½D(G(z))², and ½(D(G(z)) − 1)² for the generator (Mao et al. 2017, eq. 9)."""
    return Adversarial(
        lambda real, fake: ((real - 1).square().mean() / 2, fake.square().mean() / 2),
        lambda fake: (fake - 1).square().mean() / 2,
        threshold=0.5,
    )
