"""Encoders and decoders of variational autoencoders, for 1- or 3-channel images from 8×8 on.

A net is called as ``net(images, noise)`` in training; ``encode`` and ``decode`` are its halves. Odd sizes are rounded
as strided convolutions round them, and the decoder restores each level's exact size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.nets.dropout import Dropout, Dropout2d
from engine.nets.normalisation import BatchNorm2d
from engine.settings import nets as settings_

Size = tuple[int, int]


class Autoencoder(nn.Module, ABC):
    """An encoder and a decoder. Images are N,C,H,W in [-1, 1], latents N,latent.

    The decoder ends in a linear layer, so decoded images may leave [-1, 1].
    """

    latent: int

    @abstractmethod
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), both N,latent."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """The mean of p(x|z): N,C,H,W."""

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstructions, mean and log-variance, with z = mean + noise · exp(log-variance / 2)."""
        mean, log_variance = (moment.float() for moment in self.encode(images))
        return self.decode(mean + noise * (log_variance / 2).exp()), mean, log_variance


def widths(settings: settings_.VAENet) -> list[int]:
    """The number of feature maps at full resolution and after each level: levels + 1 numbers."""
    return [min(settings.channels << max(0, i - 1), settings.max_channels) for i in range(settings.levels + 1)]


class ResidualBlock(nn.Module):
    """Residual block of twice BatchNorm, SiLU and 3×3 convolution: N,C,H,W -> N,C,H,W (He et al. 2016)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm1, self.norm2 = BatchNorm2d(channels), BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(h)))


class Resized(nn.Module):
    """Nearest-neighbour resizing to ``size``, then a 3×3 convolution: no checkerboard (Odena et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, size: Size):
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, size=self.size))


class ResidualVAE(Autoencoder):
    """A stem, per level a strided convolution and residual blocks, a linear layer to the latent; then the reverse."""

    def __init__(self, settings: settings_.ResidualVAE, spec: ImageSpec):
        super().__init__()
        c, h, w = spec.shape
        channels, sizes = widths(settings), [(h, w)]
        self.latent = settings.latent

        def blocks(width: int) -> list[nn.Module]:
            rest = [Dropout2d(settings.dropout)] if settings.dropout else []
            return [*(ResidualBlock(width) for _ in range(settings.blocks)), *rest]

        down: list[nn.Module] = [nn.Conv2d(c, channels[0], 3, padding=1)]
        for narrow, wide in pairwise(channels):
            down += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), *blocks(wide)]
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        self.inner = (channels[-1], *sizes[-1])
        flat = channels[-1] * sizes[-1][0] * sizes[-1][1]
        self.encoder = nn.Sequential(*down, BatchNorm2d(channels[-1]), nn.SiLU(), nn.Flatten())
        self.moments = nn.Linear(flat, 2 * settings.latent)
        self.unpack = nn.Linear(settings.latent, flat)
        up: list[nn.Module] = []
        for wide, narrow, size in zip(channels[::-1], channels[-2::-1], sizes[-2::-1], strict=False):
            up += [*blocks(wide), Resized(wide, narrow, size)]
        up += [BatchNorm2d(channels[0]), nn.SiLU(), nn.Conv2d(channels[0], c, 3, padding=1)]
        self.decoder = nn.Sequential(*up)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.moments(self.encoder(images)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(self.unpack(latents).unflatten(1, self.inner))


class PooledBlock(nn.Module):
    """Twice 3×3 convolution, GroupNorm, dropout and SiLU, beside the input: N,inputs,H,W -> N,outputs,H,W."""

    def __init__(self, settings: settings_.PooledVAE, inputs: int, outputs: int):
        super().__init__()
        layers: list[nn.Module] = []
        for narrow in (inputs, outputs):
            norm = nn.GroupNorm(settings.groups, outputs)
            layers += [nn.Conv2d(narrow, outputs, 3, padding=1), norm, Dropout(settings.dropout), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.layers(x)


class PooledVAE(Autoencoder):
    """A residual block and average pooling per level, then a map for each latent dimension, and a linear layer.

    The decoder is the reverse, with nearest-neighbour resizing; first and last convolution are 3×3 and 1×1.
    """

    def __init__(self, settings: settings_.PooledVAE, spec: ImageSpec):
        super().__init__()
        c, h, w = spec.shape
        sizes = halved(h, w, settings.levels)
        channels = [
            min(settings.channels << level, settings.max_channels) for level in range(settings.levels + 1)
        ]
        deepest, self.latent = channels[-1], settings.latent
        self.inner = (settings.latent, *sizes[-1])
        flat = settings.latent * sizes[-1][0] * sizes[-1][1]
        down: list[nn.Module] = [nn.Conv2d(c, channels[0], 3, padding=1)]
        for narrow, wide in pairwise(channels):
            down += [PooledBlock(settings, narrow, wide), nn.AvgPool2d(2)]
        down += [PooledBlock(settings, deepest, deepest), nn.Conv2d(deepest, settings.latent, 1), nn.Flatten()]
        self.encoder = nn.Sequential(*down)
        self.moments = nn.Linear(flat, 2 * settings.latent)
        self.unpack = nn.Linear(settings.latent, flat)
        up: list[nn.Module] = [nn.Conv2d(settings.latent, deepest, 1), PooledBlock(settings, deepest, deepest)]
        for (narrow, wide), size in zip(reversed([*pairwise(channels)]), sizes[-2::-1], strict=True):
            up += [nn.Upsample(size), PooledBlock(settings, wide, narrow)]
        self.decoder = nn.Sequential(*up, nn.Conv2d(channels[0], c, 1))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.moments(self.encoder(images)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(self.unpack(latents).unflatten(1, self.inner))


class Transposed(nn.Module):
    """4×4 transposed convolution of stride 2, to exactly ``size``."""

    def __init__(self, inputs: int, outputs: int, size: Size, bias: bool):
        super().__init__()
        self.size = size
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x, output_size=self.size)


class ConvVAE(Autoencoder):
    """Convolutions only: 4×4 of stride 2 in each level, then one as large as the map to the latent; then the reverse.

    BatchNorm and LeakyReLU(0.2) follow each, as in the discriminator of DCGAN (Radford et al. 2016).
    """

    def __init__(self, settings: settings_.ConvVAE, spec: ImageSpec):
        super().__init__()
        c, h, w = spec.shape
        channels = widths(settings)[1:]
        sizes = halved(h, w, settings.levels)
        self.latent = settings.latent

        def between(width: int, norm: bool = True) -> list[nn.Module]:
            rest = [Dropout2d(settings.dropout)] if settings.dropout else []
            return [*([BatchNorm2d(width)] if norm else []), nn.LeakyReLU(0.2), *rest]

        down: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip([c, *channels], channels, strict=False)):
            down += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=i == 0), *between(outputs, i > 0)]
        self.encoder = nn.Sequential(*down)
        self.moments = nn.Conv2d(channels[-1], 2 * settings.latent, sizes[-1])
        up: list[nn.Module] = [
            nn.ConvTranspose2d(settings.latent, channels[-1], sizes[-1], bias=False),
            *between(channels[-1]),
        ]
        for inputs, outputs, size in zip(channels[::-1], channels[-2::-1], sizes[-2:0:-1], strict=False):
            up += [Transposed(inputs, outputs, size, bias=False), *between(outputs)]
        self.decoder = nn.Sequential(*up, Transposed(channels[0], c, sizes[0], bias=True))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.moments(self.encoder(images)).flatten(1).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents[:, :, None, None])


def halved(height: int, width: int, levels: int) -> Sequence[Size]:
    """Sizes H, W of the image and after each level of 4×4 convolutions with stride 2 and padding 1.

    Raises ValueError if a level would be below one pixel.
    """
    sizes = [(height >> i, width >> i) for i in range(levels + 1)]
    if 0 in sizes[-1]:
        raise ValueError(f"model.levels: {levels} halve {height}×{width} images below one pixel; use fewer")
    return sizes


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log-variance)) ‖ N(0, 1)) per dimension, in nats, shaped like ``mean``.

    Kingma & Welling 2014, appendix B.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2
