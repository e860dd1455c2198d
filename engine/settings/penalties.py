"""Regularisers of a GAN's critic. Torch-free.

Plug-ins add more: a subclass of ``Penalty`` decorated with ``@register("penalty", NAME)``.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.settings.registry import Settings, register


class Penalty(Settings):
    """Base of the critic's regularisers. The factory returns an ``engine.methods.penalties.Regulariser``."""

    weight: float = Field(1.0, gt=0, description="strength")
    per_sample: ClassVar[bool] = True
    """Whether it takes the gradient of each image's score, which is ill-defined if BatchNorm mixes the images."""


@register("penalty", "none")
class NoPenalty(Penalty):
    """No regularisation."""

    factory: ClassVar[str] = "engine.methods.penalties:none"
    per_sample: ClassVar[bool] = False


@register("penalty", "gp")
class GradientPenalty(Penalty):
    """Gradient norm towards 1 between real and generated images (WGAN-GP, Gulrajani et al. 2017)."""

    weight: float = Field(10.0, gt=0, description="λ")
    factory: ClassVar[str] = "engine.methods.penalties:gradient_penalty"


@register("penalty", "dragan")
class DRAGAN(Penalty):
    """Gradient norm towards 1 around real images (Kodali et al. 2017)."""

    weight: float = Field(10.0, gt=0, description="λ")
    spread: float = Field(
        0.5, gt=0, description="size of the perturbation, in standard deviations of the batch"
    )
    factory: ClassVar[str] = "engine.methods.penalties:dragan"


@register("penalty", "dragan-one-sided")
class OneSidedDRAGAN(DRAGAN):
    """Gradient norm of at most 1 at perturbed real images: no penalty below it."""

    factory: ClassVar[str] = "engine.methods.penalties:one_sided_dragan"


@register("penalty", "divergence")
class Divergence(Penalty):
    """Wasserstein divergence (Wu et al. 2018): k·E‖∇D‖^p between real and generated images."""

    weight: float = Field(2.0, gt=0, description="k")
    power: float = Field(6.0, gt=1, description="p")
    factory: ClassVar[str] = "engine.methods.penalties:divergence"


@register("penalty", "divergence-ends")
class DivergenceAtEnds(Penalty):
    """Wasserstein divergence of many implementations: k·E‖∇D‖^p at real plus at generated images, not between them."""

    weight: float = Field(1.0, gt=0, description="k")
    power: float = Field(6.0, gt=1, description="p")
    factory: ClassVar[str] = "engine.methods.penalties:divergence_at_ends"


@register("penalty", "r1")
class R1(Penalty):
    """Gradient towards zero on real images, γ/2·E‖∇D‖² (Mescheder et al. 2018)."""

    weight: float = Field(10.0, gt=0, description="γ")
    factory: ClassVar[str] = "engine.methods.penalties:r1"


@register("penalty", "clip")
class Clip(Penalty):
    """Every weight of the critic kept within ±c (WGAN, Arjovsky et al. 2017)."""

    weight: float = Field(0.01, gt=0, description="c")
    factory: ClassVar[str] = "engine.methods.penalties:clip"
    per_sample: ClassVar[bool] = False
