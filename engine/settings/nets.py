"""Nets, and the data and methods they are compatible with. Torch-free.

``by_batch`` of a net says whether BatchNorm normalises in it: such a net cannot learn from batches of one image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.settings.datasets.base import Data
from engine.settings.registry import Conflict, Settings, is_part, register


@register("net", "dann")
class DANNNet(Settings):
    """Feature extractor, label predictor and domain classifier for 28×28 images; see ``engine.nets.dann``."""

    net: str = "dann"
    channels: int = Field(
        64, ge=4, le=1024, description="feature maps of the extractor's first two convolutions"
    )
    hidden: list[int] = Field(
        [1024, 256], min_length=2, max_length=2, description="widths of the two hidden layers of each predictor"
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="dropout probability of whole feature maps in the extractor"
    )
    passes: Literal["joint", "apart", "again"] = Field(
        "joint",
        description="how two domains pass the net, which decides BatchNorm's statistics: in one batch; each by "
        "itself; or the source for its labels, then both in one batch for the domains",
    )
    normalise: bool = Field(
        False,
        description="scale each channel by the mean and standard deviation of its own domain's training images",
    )
    factory: ClassVar[str] = "engine.nets.dann:DANN"
    by_batch: ClassVar[bool] = True

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, method = parts.get("data"), parts.get("method")
        if method is not None and not is_part(method, "method", "dann"):
            yield Conflict(
                "net", "net 'dann' predicts labels: only method 'dann' trains it", 'set method.name = "dann"'
            )
        if isinstance(data, Data) and data.image_shape[1:] != (28, 28):
            _, height, width = data.image_shape
            yield Conflict(
                "net", f"net 'dann' takes 28×28 images, not {height}×{width}", "set data.image_size = 28"
            )


@register("net", "cfg-unet")
class CFGUNet(Settings):
    """The small conditional UNet of classifier-free guidance on digits; see ``engine.nets.cfg_unet``."""

    net: str = "cfg-unet"
    features: int = Field(128, ge=8, le=1024, multiple_of=8, description="feature maps at full resolution")
    factory: ClassVar[str] = "engine.nets.cfg_unet:CFGUNet"
    conditional: ClassVar[bool] = True
    by_batch: ClassVar[bool] = True

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        data = parts.get("data")
        if not isinstance(data, Data):
            return
        _, height, width = data.image_shape
        if height % 4 or width % 4:
            yield Conflict(
                "net",
                f"halves images twice, and {height}×{width} cannot be",
                "choose a data.image_size divisible by 4",
            )
        if not data.classes:
            yield Conflict("net", "needs classes, and this data set has none", "choose another net")


Norm = Literal["batch", "layer", "none"]
Initialisation = Literal["dcgan", "torch"]


SMALLEST_SIDES = (4, 5, 6, 7)  # of a generator's first map


def doublings(side: int) -> int | None:
    """How often a map of 4 to 7 pixels a side must be doubled to have ``side`` pixels; None if that is impossible."""
    return next((n for n in range(1, 9) if side % 2**n == 0 and side >> n in SMALLEST_SIDES), None)


class GANPair(Settings):
    """Base of the pairs of generator and discriminator. ``engine.nets.build_pair`` says what the factory returns."""

    net: str
    latent: int = Field(100, ge=1, le=4096, description="dimensions of the latent vector")
    channels: int = Field(64, ge=1, le=1024, description="feature maps nearest the image; doubled per level")
    norm: Norm = Field("batch", description="normalisation in the discriminator: BatchNorm, LayerNorm, or none")
    spectral: bool = Field(
        False, description="spectral normalisation of the discriminator's weights, beside any of those"
    )
    bias: bool = Field(
        False, description="a bias in every layer; false: only where no normalisation shifts what a layer gives"
    )
    initialisation: Initialisation = Field(
        "dcgan", description="first weights: N(0, 0.02) as in DCGAN, or as torch draws them"
    )
    by_batch: ClassVar[bool] = True
    conditional: ClassVar[bool] = False
    """Whether the nets are conditioned on the class or the attributes."""
    auxiliary: ClassVar[bool] = False
    """Whether the discriminator also predicts the class or the attributes."""

    @model_validator(mode="before")
    @classmethod
    def _spectral_beside_a_norm(cls, values: Any) -> Any:
        """Read ``norm = "spectral"``, as recipes of earlier runs say."""
        if isinstance(values, Mapping) and values.get("norm") == "spectral":
            return {**values, "norm": "none", "spectral": True}
        return values

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        method, data = parts.get("method"), parts.get("data")
        if method is not None and not is_part(method, "method", "gan"):
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
        labels = getattr(data, "classes", ()) or getattr(data, "attributes", ())
        if self.conditional and not labels:
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
    channels: int = Field(32, ge=1, le=1024, description="feature maps nearest the image; doubled per level")
    condition_maps: bool = Field(
        True,
        description="concatenate the condition before every up-convolution but the last; false: once",
    )
    head: Literal["concat", "projection"] = Field(
        "concat",
        description="how the critic sees the condition: concatenated to the features, or by projection",
    )
    head_hidden: int = Field(
        0,
        ge=0,
        le=4096,
        description="width of a hidden layer in the heads for score and class; 0: linear heads",
    )
    factory: ClassVar[str] = "engine.nets.acgan:ACGAN"
    conditional: ClassVar[bool] = True
    auxiliary: ClassVar[bool] = True


Embedding = Literal["sinusoidal", "fourier"]
CoordinateScale = Literal["unit", "half"]


@register("net", "resnet")
class ResNet(Settings):
    """Residual conv denoiser at full resolution; see ``engine.nets.resnet``."""

    net: str = "resnet"
    channels: int = Field(64, ge=4, le=1024, description="feature maps in every layer")
    blocks: int = Field(6, ge=1, le=64, description="residual blocks of two 3×3 convolutions")
    widths: list[int] = Field(
        [],
        max_length=16,
        description="in place of channels and blocks: feature maps before and after each block, from the image "
        "inwards; as many blocks lead out again, with joined skips",
    )
    block: Literal["single-norm", "preactivation", "postactivation"] = Field(
        "single-norm",
        description="a block's layers: ReLU, conv, norm, ReLU, conv; or twice norm, ReLU, conv; or twice conv, ReLU, "
        "norm beside a 1×1 conv",
    )
    noise: Literal["none", "batchnorm"] = Field(
        "batchnorm", description="noise conditioning: none, or through BatchNorm's affine parameters"
    )
    embedding: Embedding = Field(
        "sinusoidal", description="features of the noise level: sinusoidal, or random Fourier features"
    )
    noise_features: int = Field(32, ge=2, le=1024, multiple_of=2, description="number of those features")
    relu_affine: bool = Field(
        False, description="ReLU on the scale and shift that BatchNorm gets from the noise"
    )
    coordinates: bool = Field(False, description="add input channels x, y and polar r, θ")
    coordinate_scale: CoordinateScale = Field(
        "unit", description="unit: x and y from -1 to 1, θ in half turns; half: from -0.5 to 0.5, θ in radians"
    )
    class_embedding: int = Field(
        0,
        ge=0,
        le=256,
        description="channels of a class embedding concatenated to the input; 0: unconditional",
    )
    factory: ClassVar[str] = "engine.nets.resnet:ResNetDenoiser"
    by_batch: ClassVar[bool] = True

    @property
    def conditional(self) -> bool:
        """Whether the net is conditioned on the class."""
        return self.class_embedding > 0

    @model_validator(mode="after")
    def _has_a_block(self) -> Self:
        if len(self.widths) == 1:
            raise ValueError("widths must name at least two: before and after the first block")
        if any(width < 1 for width in self.widths):
            raise ValueError(f"widths must be at least 1, not {min(self.widths)}")
        return self


@register("net", "unet")
class UNet(Settings):
    """UNet conditioned on the noise level and, in one of several ways, on the class; see ``engine.nets.unet``."""

    net: str = "unet"
    channels: int = Field(64, ge=8, le=1024, description="feature maps at full resolution")
    multipliers: list[int] = Field(
        [1, 2, 2], min_length=1, max_length=6, description="channel multiplier of each level"
    )
    blocks: int = Field(2, ge=1, le=8, description="residual blocks per level")
    attention: list[int] = Field([], description="levels with self-attention; 0 is full resolution")
    norm: Literal["group", "batch"] = Field(
        "group", description="GroupNorm, or BatchNorm with scale and shift from the noise level"
    )
    groups: int = Field(8, ge=1, le=64, description="groups of GroupNorm")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout probability inside residual blocks")
    class_conditioning: Literal["none", "block", "concat", "batchnorm"] = Field(
        "block",
        description="where the class enters: an embedding in each residual block (block), one concatenated to the "
        "input (concat), or BatchNorm's affine parameters (batchnorm)",
    )
    class_channels: int = Field(
        4, ge=1, le=256, description="channels of the class embedding at the input (concat)"
    )
    pool_first: bool = Field(
        False, description="max-pool at the start of each level, before any convolution; loses detail"
    )
    activation_checkpointing: bool = Field(
        False,
        description="keep no activations of the blocks for the backward pass but compute them again: less memory, more "
        "time, the same gradients",
    )
    factory: ClassVar[str] = "engine.nets.unet:UNet"

    @property
    def conditional(self) -> bool:
        """Whether the net is conditioned on the class."""
        return self.class_conditioning != "none"

    @property
    def by_batch(self) -> bool:
        """Whether BatchNorm normalises in the net."""
        return self.norm == "batch"

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
        if self.activation_checkpointing and self.by_batch:
            raise ValueError("activation_checkpointing would count each batch twice in BatchNorm's statistics")
        return self

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterable[Conflict]:
        data = parts.get("data")
        halvings = len(self.multipliers)
        if self.pool_first and isinstance(data, Data) and min(data.image_shape[1:]) < 2**halvings:
            _, height, width = data.image_shape
            yield Conflict(
                "pool_first", f"halves {height}×{width} images {halvings} times, to nothing", "use fewer levels"
            )


class VAENet(Settings):
    """Base of the autoencoders: each level halves the image, and the decoder restores its exact size."""

    net: str
    channels: int = Field(64, ge=4, le=1024, description="feature maps of the first level; doubled per level")
    max_channels: int = Field(512, ge=4, le=2048, description="upper limit on feature maps per level")
    latent: int = Field(256, ge=1, le=4096, description="dimensions of the latent vector")
    levels: int = Field(4, ge=1, le=7, description="times the image is halved; four take 64×64 to 4×4")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout probability of whole feature maps after each level"
    )


@register("net", "residual-vae")
class ResidualVAE(VAENet):
    """Residual convolutional encoder and decoder; see ``engine.nets.vae``."""

    net: str = "residual-vae"
    blocks: int = Field(1, ge=1, le=8, description="residual blocks of two 3×3 convolutions in each level")
    factory: ClassVar[str] = "engine.nets.vae:ResidualVAE"
    by_batch: ClassVar[bool] = True


@register("net", "pooled-vae")
class PooledVAE(VAENet):
    """Residual encoder and decoder that average-pool between levels; see ``engine.nets.vae``."""

    net: str = "pooled-vae"
    channels: int = Field(16, ge=4, le=1024, description="feature maps at full resolution; doubled per level")
    max_channels: int = Field(4096, ge=4, le=4096, description="upper limit on feature maps per level")
    groups: int = Field(8, ge=1, le=64, description="groups of GroupNorm")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout probability after each normalisation")
    factory: ClassVar[str] = "engine.nets.vae:PooledVAE"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.channels % self.groups:
            raise ValueError(f"channels ({self.channels}) cannot be split into {self.groups} groups")
        return self


@register("net", "conv-vae")
class ConvVAE(VAENet):
    """Encoder and decoder of strided convolutions alone, as in DCGAN; see ``engine.nets.vae``."""

    net: str = "conv-vae"
    channels: int = Field(32, ge=4, le=1024, description="feature maps of the first level; doubled per level")
    levels: int = Field(5, ge=1, le=7, description="times the image is halved; five take 128×128 to 4×4")
    factory: ClassVar[str] = "engine.nets.vae:ConvVAE"
    by_batch: ClassVar[bool] = True
