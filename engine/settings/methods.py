"""Training methods. Torch-free.

Class attributes of a method: ``family`` is the family of recipes that use it, ``samplers`` and ``figures`` are the
names of those it allows, ``imagewise`` says that its loss is a mean over images, so that a batch can be trained on in
parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator

from engine.settings import registry
from engine.settings.datasets.base import Data, Pair
from engine.settings.figures import IMAGE_FIGURES
from engine.settings.nets import DANNNet, GANPair
from engine.settings.registry import Conflict, Settings, is_part, register


@register("method", "dann")
class DANN(Settings):
    """Domain-adversarial training (Ganin et al. 2016) or, without the adversary, plain supervised training."""

    name: str = "dann"
    adversarial: bool = Field(
        True, description="train domain-invariant features; false: train on the labels alone"
    )
    gamma: float = Field(
        10.0, gt=0, description="how fast the reversal grows: λ = 2/(1+exp(−gamma·progress)) − 1"
    )
    domain_weight: float = Field(1.0, gt=0, description="weight of the domain loss, a mean over both domains")
    factory: ClassVar[str] = "engine.methods.dann:DANN"
    family: ClassVar[str] = "dann"
    samplers: ClassVar[tuple[str, ...]] = ("none",)
    figures: ClassVar[tuple[str, ...]] = ("tsne", "confusion")

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, net, metric = parts.get("data"), parts.get("model"), parts.get("evaluate")
        if net is not None and not isinstance(net, DANNNet):
            yield Conflict(
                "name", "method 'dann' needs a net that tells labels and domains", 'set model.net = "dann"'
            )
        if metric is not None and not is_part(metric, "metric", "accuracy"):
            yield Conflict("name", "method 'dann' makes no images to score", 'set evaluate.metric = "accuracy"')
        if data is None:
            return
        if not isinstance(data, Pair):
            yield Conflict(
                "name", "method 'dann' needs data of two domains", "choose a pair, such as digitsm-digits"
            )
        elif data.supervision == "target" and self.adversarial:
            yield Conflict(
                "adversarial", 'with data.supervision = "target" there is one domain only',
                "set method.adversarial = false",
            )  # fmt: skip


@register("method", "ddpm")
class DDPM(Settings):
    """Diffusion in discrete steps (Ho et al. 2020), with classifier-free guidance if labels are dropped in training."""

    name: str = "ddpm"
    steps: int = Field(1000, ge=2, le=100_000, description="number of noise levels in training")
    schedule: Literal["linear", "cosine"] = Field(
        "linear", description="noise schedule: β linear in the step, or cosine in ᾱ (Nichol & Dhariwal 2021)"
    )
    beta_start: float = Field(1e-4, gt=0, lt=1, description="β of the first step of the linear schedule")
    beta_end: float = Field(0.02, gt=0, lt=1, description="β of the last step of the linear schedule")
    drop_condition: float = Field(
        0.0, ge=0, lt=1, description="share of labels dropped in training; above 0 sampling can be guided"
    )
    clip: bool = Field(True, description="keep expected images within the range of pixels while sampling")
    pixels: Literal["symmetric", "unit"] = Field(
        "symmetric", description="range of the pixels that noise is added to: -1 to 1, or 0 to 1"
    )
    factory: ClassVar[str] = "engine.methods.ddpm:DDPM"
    imagewise: ClassVar[bool] = True
    family: ClassVar[str] = "diffusion"
    samplers: ClassVar[tuple[str, ...]] = ("ddpm", "ddim", "dpm++", "heun", "euler")

    @property
    def figures(self) -> tuple[str, ...]:
        return ("grid", "progress", *(("guidance",) if self.guided else ()), *IMAGE_FIGURES)

    @property
    def trained_steps(self) -> int:
        return self.steps

    @property
    def guided(self) -> bool:
        """Whether the net is also trained without labels, as guidance requires."""
        return self.drop_condition > 0

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.beta_start > self.beta_end:
            raise ValueError(f"beta_start ({self.beta_start:g}) must not be above beta_end ({self.beta_end:g})")
        return self

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        model, data = parts.get("model"), parts.get("data")
        has_labels = getattr(model, "conditional", False) and isinstance(data, Data) and data.classes
        if self.guided and model is not None and data is not None and not has_labels:
            yield Conflict("drop_condition", "there is no label to drop: the net gets none", "leave it out")


@register("method", "gan")
class GAN(Settings):
    """A generator against a discriminator, with an adversarial loss, a regulariser and optionally a class head."""

    name: str = "gan"
    loss: str = Field("bce", description="adversarial loss: bce, hinge, wasserstein, least_squares …")
    penalty: str = Field(
        "none", description="regulariser of the critic: none, gp, dragan, divergence, r1, clip …"
    )
    penalty_weight: float | None = Field(
        None,
        gt=0,
        description="strength of the regulariser (λ, k, γ; for clip, the bound); empty: as published",
    )
    penalty_with_batchnorm: bool = Field(
        False,
        description="allow gradient penalties with BatchNorm in the critic, as some published systems have",
    )
    latents: Literal["normal", "uniform"] = Field(
        "normal",
        description="distribution of the latents in training: standard normal, or uniform from 0 to 1; samples are "
        "drawn from the normal",
    )
    critic_steps: int = Field(1, ge=1, le=100, description="discriminator updates per generator update")
    auxiliary_weight: float = Field(
        0.0, ge=0, description="weight λ of the class head's cross entropy; 0: none"
    )
    auxiliary_fakes: bool = Field(
        True, description="train the class head on generated images too, as in the original ACGAN"
    )
    discriminator_lr: float | None = Field(
        None, gt=0, le=10, description="learning rate of the discriminator; empty: that of [optim]"
    )
    factory: ClassVar[str] = "engine.methods.gan:GAN"
    family: ClassVar[str] = "gan"
    samplers: ClassVar[tuple[str, ...]] = ("direct",)
    figures: ClassVar[tuple[str, ...]] = ("grid", "progress", "interpolation", *IMAGE_FIGURES)
    part_fields: ClassVar[dict[str, str]] = {"loss": "adversarial_loss", "penalty": "penalty"}

    @property
    def regulariser(self) -> Settings:
        """The settings of the penalty. Raises LookupError if it is not registered, ValidationError for a bad weight."""
        penalty = registry.default_settings("penalty", self.penalty)
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
            pass  # an unknown penalty is reported by the check of part_fields
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


@register("method", "edm")
class EDM(Settings):
    """Noise-level diffusion with the preconditioning, loss and schedule of Karras et al. 2022 (EDM)."""

    name: str = "edm"
    sigma_data: float | None = Field(None, gt=0, description="standard deviation of the data; empty: measured")
    p_mean: float = Field(-1.2, description="mean of log σ in training")
    p_std: float = Field(1.2, gt=0, description="standard deviation of log σ in training")
    sigma_min: float = Field(0.002, gt=0, description="smallest noise level in sampling")
    sigma_max: float = Field(80.0, gt=0, description="largest noise level in sampling")
    clip_sigma: bool = Field(False, description="keep σ in training within those of sampling")
    factory: ClassVar[str] = "engine.methods.diffusion:EDM"
    imagewise: ClassVar[bool] = True
    family: ClassVar[str] = "diffusion"
    samplers: ClassVar[tuple[str, ...]] = ("heun", "euler", "dpm++", "ddim")
    figures: ClassVar[tuple[str, ...]] = ("grid", "progress", *IMAGE_FIGURES)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min ({self.sigma_min:g}) must be below sigma_max ({self.sigma_max:g})")
        return self


@register("method", "vae")
class VAE(Settings):
    """Variational autoencoder (Kingma & Welling 2014): squared error + ``kl_weight`` · KL divergence.

    ``pixels`` and ``latents`` say how each of the two is reduced per image; both are averaged over the batch. With
    ``sum`` and ``sum`` the loss is, up to scale and constants, the negative evidence lower bound of a Gaussian
    decoder of variance kl_weight / 2.
    """

    name: str = "vae"
    kl_weight: float = Field(
        0.02, ge=0, le=1e6, description="weight of the KL divergence relative to the squared error"
    )
    pixels: Literal["sum", "mean"] = Field(
        "sum", description="squared error per image: sum or mean over pixels and channels"
    )
    latents: Literal["sum", "mean"] = Field(
        "sum", description="KL divergence per image: sum or mean over latent dimensions"
    )
    factory: ClassVar[str] = "engine.methods.vae:VAE"
    imagewise: ClassVar[bool] = True
    family: ClassVar[str] = "vae"
    samplers: ClassVar[tuple[str, ...]] = ("direct",)
    figures: ClassVar[tuple[str, ...]] = ("grid", "reconstructions", "interpolation", *IMAGE_FIGURES)
