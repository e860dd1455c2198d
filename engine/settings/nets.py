"""Nets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.settings.datasets import Data
from engine.settings.registry import Conflict, Settings, register


@register("net", "resnet")
class ResNet(Settings):
    """Residual conv denoiser at full resolution; see ``engine.nets.resnet``."""

    net: str = "resnet"
    channels: int = Field(64, ge=4, le=1024, description="feature maps in every layer")
    blocks: int = Field(6, ge=1, le=64, description="residual blocks of two 3×3 convolutions")
    noise: Literal["none", "batchnorm"] = Field(
        "batchnorm", description="how the noise level enters: not at all, or as BatchNorm's affine parameters"
    )
    coordinates: bool = Field(False, description="add input channels x, y and polar r, θ")
    class_embedding: int = Field(
        0,
        ge=0,
        le=256,
        description="channels of a learned class embedding joined to the input; 0: unconditional",
    )
    factory: ClassVar[str] = "engine.nets.resnet:ResNetDenoiser"

    @property
    def conditional(self) -> bool:
        """Whether the net is told the class."""
        return self.class_embedding > 0


@register("net", "unet")
class UNet(Settings):
    """UNet that is told the noise level and, in one of several ways, the class; see ``engine.nets.unet``."""

    net: str = "unet"
    channels: int = Field(64, ge=8, le=1024, description="feature maps at full resolution")
    multipliers: list[int] = Field([1, 2, 2], min_length=1, max_length=6, description="of channels, per level")
    blocks: int = Field(2, ge=1, le=8, description="residual blocks per level")
    attention: list[int] = Field([], description="levels with self-attention, 0 being full resolution")
    norm: Literal["group", "batch"] = Field(
        "group", description="GroupNorm, or BatchNorm with scale and shift from the noise level"
    )
    groups: int = Field(8, ge=1, le=64, description="groups of GroupNorm")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside residual blocks")
    class_conditioning: Literal["none", "block", "concat", "batchnorm"] = Field(
        "block",
        description="block: each residual block has its own class embedding, added between its convolutions; "
        "concat: one embedding joined to the input; batchnorm: the conditional BatchNorm follows it too",
    )
    class_channels: int = Field(
        4, ge=1, le=256, description="channels of the class joined to the input (concat)"
    )
    pool_first: bool = Field(
        False, description="every level begins with max-pooling, before any convolution: detail is thrown away"
    )
    factory: ClassVar[str] = "engine.nets.unet:UNet"

    @property
    def conditional(self) -> bool:
        """Whether the net is told the class."""
        return self.class_conditioning != "none"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for multiplier in self.multipliers:
            if multiplier < 1:
                raise ValueError(f"multipliers must be at least 1, not {multiplier}")
            if self.channels * multiplier % self.groups:
                raise ValueError(
                    f"channels × multiplier = {self.channels * multiplier} cannot be split into "
                    f"{self.groups} groups: choose channels divisible by groups"
                )
        for level in self.attention:
            if not 0 <= level < len(self.multipliers):
                raise ValueError(
                    f"attention level {level} does not exist: levels are 0…{len(self.multipliers) - 1}"
                )
        if self.class_conditioning == "batchnorm" and self.norm != "batch":
            raise ValueError('class_conditioning = "batchnorm" needs norm = "batch"')
        return self

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        data = parts.get("data")
        halvings = len(self.multipliers)
        if self.pool_first and isinstance(data, Data) and min(data.image_shape[1:]) < 2**halvings:
            _, height, width = data.image_shape
            yield Conflict(
                "pool_first", f"halves {height}×{width} images {halvings} times, to nothing", "use fewer levels"
            )
