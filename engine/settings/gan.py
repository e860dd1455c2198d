"""GANs: nets in pairs, adversarial losses, regularisers of the critic, the method that composes them.

A recipe names a loss and a penalty; another file adds more with ``@register("adversarial_loss", NAME)`` on a
subclass of ``AdversarialLoss``, or ``@register("penalty", NAME)`` on one of ``Penalty``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, ValidationError

from engine.settings import registry
from engine.settings.figures import BESIDE
from engine.settings.registry import Conflict, Settings, register

Norm = Literal["batch", "layer", "none", "spectral"]
SMALLEST_SIDES = (4, 5, 6, 7)  # of the map that a generator begins with


def doublings(side: int) -> int | None:
    """How often a map of 4 to 7 pixels a side doubles to reach ``side``; None where it never does so exactly."""
    return next((n for n in range(1, 9) if side % 2**n == 0 and side >> n in SMALLEST_SIDES), None)


class GANPair(Settings):
    """Base of the nets that are a pair.

    ``factory(settings, spec)`` gives a module with two children: ``generator``, called with latents N,Z and a
    condition N,A or None, and ``discriminator``, called with images and a condition, which returns scores N and
    the logits of the condition N,A, or None.
    """

    net: str
    latent: int = Field(100, ge=1, le=4096, description="dimensions of the latent vector")
    channels: int = Field(64, ge=1, le=1024, description="feature maps at the image's end; doubled per level")
    norm: Norm = Field(
        "batch",
        description="of the discriminator: BatchNorm, LayerNorm, none, or spectral normalisation of its weights",
    )
    conditional: ClassVar[bool] = False
    """Whether the nets are told the class or the attributes."""
    auxiliary: ClassVar[bool] = False
    """Whether the discriminator also tells the class or the attributes."""

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        method, data = parts.get("method"), parts.get("data")
        if method is not None and not isinstance(method, GAN):
            yield Conflict(
                "net", f"net {self.net!r} is a pair: only a GAN trains it", 'set method.name = "gan"'
            )
        if data is None:
            return
        _, height, width = data.image_shape  # type: ignore[attr-defined]
        if height != width or doublings(height) is None:
            yield Conflict(
                "net", f"net {self.net!r} makes no {height}×{width} images: only 4, 5, 6 or 7 doubled to the size",
                "set data.image_size, to 32, 64 or 128 for example",
            )  # fmt: skip
        known = getattr(data, "classes", ()) or getattr(data, "attributes", ())
        if self.conditional and not known:
            yield Conflict(
                "net", f"net {self.net!r} is conditional and data set {getattr(data, 'dataset', '')!r} has no labels",
                'set model.net = "dcgan", or choose data with classes or attributes',
            )  # fmt: skip


@register("net", "dcgan")
class DCGAN(GANPair):
    """The convolutional pair of Radford et al. 2016; see ``engine.nets.dcgan``."""

    net: str = "dcgan"
    factory: ClassVar[str] = "engine.nets.dcgan:DCGAN"


@register("net", "acgan")
class ACGAN(GANPair):
    """A conditional pair with an auxiliary classifier (Odena et al. 2017); see ``engine.nets.acgan``."""

    net: str = "acgan"
    latent: int = Field(128, ge=1, le=4096, description="dimensions of the latent vector")
    channels: int = Field(32, ge=1, le=1024, description="feature maps at the image's end; doubled per level")
    condition_maps: bool = Field(
        True,
        description="the generator is told the condition before every up-convolution but the last, not once",
    )
    head: Literal["concat", "projection"] = Field(
        "concat",
        description="how the score is told the condition: joined to the features, or projected on their sum",
    )
    factory: ClassVar[str] = "engine.nets.acgan:ACGAN"
    conditional: ClassVar[bool] = True
    auxiliary: ClassVar[bool] = True


class AdversarialLoss(Settings):
    """Base of the adversarial losses; ``factory`` makes an ``engine.methods.adversarial.Adversarial``."""


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
    """Scores as they are: their difference estimates a distance (Arjovsky et al. 2017)."""

    factory: ClassVar[str] = "engine.methods.adversarial:wasserstein"


@register("adversarial_loss", "least_squares")
class LeastSquares(AdversarialLoss):
    """Squared distance of the scores from 1 (real) and 0 (generated) (Mao et al. 2017)."""

    factory: ClassVar[str] = "engine.methods.adversarial:least_squares"


class Penalty(Settings):
    """Base of the critic's regularisers; ``factory`` makes an ``engine.methods.penalties.Regulariser``."""

    weight: float = Field(1.0, gt=0, description="strength; as published")
    per_sample: ClassVar[bool] = True
    """Whether it takes the gradient of each image's score: ill-defined where BatchNorm ties images together."""


@register("penalty", "none")
class NoPenalty(Penalty):
    """The critic is left alone."""

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
    spread: float = Field(0.5, gt=0, description="of the perturbation, in standard deviations of the batch")
    factory: ClassVar[str] = "engine.methods.penalties:dragan"


@register("penalty", "divergence")
class Divergence(Penalty):
    """Wasserstein divergence (Wu et al. 2018): k·E‖∇D‖^p between real and generated images."""

    weight: float = Field(2.0, gt=0, description="k")
    power: float = Field(6.0, gt=1, description="p")
    factory: ClassVar[str] = "engine.methods.penalties:divergence"


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


@register("method", "gan")
class GAN(Settings):
    """A generator against a discriminator: an adversarial loss, a regulariser and, where asked, a class head."""

    name: str = "gan"
    loss: str = Field("bce", description="adversarial loss: bce, hinge, wasserstein, least_squares …")
    penalty: str = Field(
        "none", description="what regularises the critic: none, gp, dragan, divergence, r1, clip …"
    )
    penalty_weight: float | None = Field(
        None, gt=0, description="its strength (λ, k, γ; of clip: the bound); empty: as published"
    )
    penalty_with_batchnorm: bool = Field(
        False,
        description="take per-sample gradients through BatchNorm all the same, to repeat published systems",
    )
    critic_steps: int = Field(
        1, ge=1, le=100, description="batches the discriminator learns from per step of the generator"
    )
    auxiliary_weight: float = Field(
        0.0, ge=0, description="λ of the class head's cross entropy; 0: no such loss"
    )
    auxiliary_fakes: bool = Field(
        True, description="the class head learns from generated images too, as in the original ACGAN"
    )
    discriminator_lr: float | None = Field(
        None, gt=0, le=10, description="learning rate of the discriminator; empty: as [optim] says"
    )
    factory: ClassVar[str] = "engine.methods.gan:GAN"
    family: ClassVar[str] = "gan"
    samplers: ClassVar[tuple[str, ...]] = ("direct",)
    figures: ClassVar[tuple[str, ...]] = ("grid", "progress", "interpolation", *BESIDE)
    part_fields: ClassVar[dict[str, str]] = {"loss": "adversarial_loss", "penalty": "penalty"}

    @property
    def regulariser(self) -> Settings:
        """The penalty's own settings. Raises LookupError or pydantic's ValidationError where they cannot be."""
        penalty = registry.part("penalty", self.penalty)
        weight = self.penalty_weight
        return penalty if weight is None else type(penalty).model_validate({"weight": weight})

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        model = parts.get("model")
        if model is None:
            return
        if not isinstance(model, GANPair):
            name = getattr(model, "net", "")
            yield Conflict(
                "name", f"net {name!r} is no pair of generator and discriminator", 'model.net = "dcgan"'
            )
            return
        penalty = registry.find("penalty", self.penalty)
        per_sample = getattr(penalty, "per_sample", False) and not self.penalty_with_batchnorm
        if per_sample and model.norm == "batch":
            yield Conflict(
                "penalty",
                f"{self.penalty!r} takes each image's gradient, which BatchNorm in the discriminator mixes with the "
                "other images'",
                'set model.norm = "layer" or "none"; penalty_with_batchnorm = true trains it so all the same',
            )
        try:
            _ = self.regulariser
        except ValidationError:
            message = f"penalty {self.penalty!r} cannot be this strong: {self.penalty_weight:g}"
            yield Conflict("penalty_weight", message, "leave it empty to have it as published")
        except LookupError:
            pass  # an unknown penalty is said elsewhere
        if self.auxiliary_weight and not model.auxiliary:
            yield Conflict(
                "auxiliary_weight", f"net {model.net!r} has no class head for an auxiliary loss",
                'set it to 0, or model.net = "acgan"',
            )  # fmt: skip
        if getattr(parts.get("schedule"), "name", "") == "plateau":
            yield Conflict(
                "name", "the loss of a GAN does not fall as it improves: a plateau schedule would only stop it",
                'set schedule.name = "constant" or "linear"',
            )  # fmt: skip
