"""Variational autoencoders: their nets and the method. Torch-free."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.settings.figures import BESIDE
from engine.settings.registry import Settings, register


class VAENet(Settings):
    """What both nets have. Whatever the image's size, level by level it is halved, and restored exactly."""

    net: str
    channels: int = Field(
        64, ge=4, le=1024, description="feature maps of the first level; doubled at each next"
    )
    max_channels: int = Field(512, ge=4, le=2048, description="feature maps of any level at most")
    latent: int = Field(256, ge=1, le=4096, description="dimensions of the latent")
    levels: int = Field(4, ge=1, le=7, description="halvings of the image; 64×64 with four: 4×4")
    dropout: float = Field(0.0, ge=0, lt=1, description="of whole feature maps, after each level")


@register("net", "residual-vae")
class ResidualVAE(VAENet):
    """Residual convolutional encoder and decoder; see ``engine.nets.vae``."""

    net: str = "residual-vae"
    blocks: int = Field(1, ge=1, le=8, description="residual blocks of two 3×3 convolutions in each level")
    factory: ClassVar[str] = "engine.nets.vae:ResidualVAE"


@register("net", "conv-vae")
class ConvVAE(VAENet):
    """Encoder and decoder of strided convolutions alone, as a DCGAN's; see ``engine.nets.vae``."""

    net: str = "conv-vae"
    channels: int = Field(
        32, ge=4, le=1024, description="feature maps of the first level; doubled at each next"
    )
    levels: int = Field(5, ge=1, le=7, description="halvings of the image; 128×128 with five: 4×4")
    factory: ClassVar[str] = "engine.nets.vae:ConvVAE"


@register("method", "vae")
class VAE(Settings):
    """Variational autoencoder (Kingma & Welling 2014): squared error + ``kl_weight`` · KL divergence.

    ``pixels`` and ``latents`` say how each of the two is taken for one image; both are then averaged over the
    batch. With ``sum`` and ``sum`` the loss is, up to scale and constants, the negative evidence lower bound of
    a Gaussian decoder of variance kl_weight / 2.
    """

    name: str = "vae"
    kl_weight: float = Field(0.02, ge=0, le=1e6, description="of the KL divergence against the squared error")
    pixels: Literal["sum", "mean"] = Field(
        "sum", description="the squared error of an image: summed or averaged over pixels and channels"
    )
    latents: Literal["sum", "mean"] = Field(
        "sum", description="the KL divergence of an image: summed or averaged over the latent's dimensions"
    )
    factory: ClassVar[str] = "engine.methods.vae:VAE"
    family: ClassVar[str] = "vae"
    samplers: ClassVar[tuple[str, ...]] = ("direct",)
    figures: ClassVar[tuple[str, ...]] = ("grid", "reconstructions", "interpolation", *BESIDE)
