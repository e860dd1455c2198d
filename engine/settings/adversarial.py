"""Adversarial losses of GANs. Torch-free.

Plug-ins add more: a subclass of ``AdversarialLoss`` decorated with ``@register("adversarial_loss", NAME)``.
"""

from __future__ import annotations

from typing import ClassVar

from engine.settings.registry import Settings, register


class AdversarialLoss(Settings):
    """Base of the adversarial losses. The factory returns an ``engine.methods.adversarial.Adversarial``."""


@register("adversarial_loss", "bce")
class BCE(AdversarialLoss):
    """Cross entropy; the generator's is the non-saturating one (Goodfellow et al. 2014)."""

    factory: ClassVar[str] = "engine.methods.adversarial:bce"


@register("adversarial_loss", "hinge")
class Hinge(AdversarialLoss):
    """Scores beyond ±1 teach the discriminator nothing more (Lim & Ye 2017)."""

    factory: ClassVar[str] = "engine.methods.adversarial:hinge"


@register("adversarial_loss", "wasserstein")
class Wasserstein(AdversarialLoss):
    """The difference of mean scores, which estimates the Wasserstein distance (Arjovsky et al. 2017)."""

    factory: ClassVar[str] = "engine.methods.adversarial:wasserstein"


@register("adversarial_loss", "least_squares")
class LeastSquares(AdversarialLoss):
    """Squared distance of the scores from 1 (real) and 0 (generated) (Mao et al. 2017)."""

    factory: ClassVar[str] = "engine.methods.adversarial:least_squares"
