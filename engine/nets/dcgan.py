"""DCGAN, the convolutional GAN pair of Radford et al. 2016.

Weights are drawn from N(0, 0.02), unless they are left as torch draws them. Convolutions have no bias, except where a
discriminator has no normalisation to shift them (an image of zeros would otherwise always score zero) or ``bias`` asks
for one in every layer.

An image of side s is a map of 4…7 pixels doubled n times: 64 pixels are 4 doubled four times, with 512, 256, 128 and
64 feature maps at 64 ``channels``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from engine.data.batch import ImageSpec
from engine.nets.normalisation import BatchNorm2d
from engine.settings.nets import DCGAN as DCGANSettings
from engine.settings.nets import GANPair, Norm, doublings

LEAK = 0.2


def pyramid(channels: int, side: int) -> tuple[int, list[int]]:
    """For images of ``side`` pixels: the side of the smallest map, and the feature maps of each level from it up.

    Raises ValueError if no map of 4 to 7 pixels doubles to ``side``.
    """
    levels = doublings(side)
    if levels is None:
        raise ValueError(f"no map of 4 to 7 pixels doubles to {side}")
    return side >> levels, [channels << level for level in reversed(range(levels))]


def normalisation(norm: Norm, channels: int) -> list[nn.Module]:
    """The normalisation after a convolution of the discriminator: one layer, or none."""
    if norm == "batch":
        return [BatchNorm2d(channels)]
    return [nn.GroupNorm(1, channels)] if norm == "layer" else []


@torch.no_grad()
def initialise(net: nn.Module) -> nn.Module:
    """Initialise in place: weights from N(0, 0.02), scales of normalisations from N(1, 0.02), biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            module.weight.normal_(0, 0.02)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            module.weight.normal_(1, 0.02)
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            bias.zero_()
    return net


def spectrally_normalised(net: nn.Module) -> nn.Module:
    """Divide every convolution's and linear layer's weight by its largest singular value (Miyato et al. 2018).

    The singular vectors are buffers, updated by one power iteration per forward pass in training mode.
    """
    for module in list(net.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            parametrizations.spectral_norm(module)
    return net


def initialise_generator(generator: nn.Module, settings: GANPair) -> nn.Module:
    """Draw a generator's first weights as ``settings`` say, in place."""
    return initialise(generator) if settings.initialisation == "dcgan" else generator


def initialise_discriminator(discriminator: nn.Module, settings: GANPair) -> nn.Module:
    """Draw a discriminator's first weights, and normalise it spectrally, as ``settings`` say, in place."""
    if settings.initialisation == "dcgan":
        initialise(discriminator)
    return spectrally_normalised(discriminator) if settings.spectral else discriminator


def up(inputs: int, outputs: int, activation: Callable[[], nn.Module], bias: bool) -> list[nn.Module]:
    """Up-convolution, BatchNorm, activation: N,inputs,H,W -> N,outputs,2H,2W."""
    convolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
    return [convolution, BatchNorm2d(outputs), activation()]


def down(settings: GANPair, inputs: int, outputs: int) -> list[nn.Module]:
    """Strided convolution, the discriminator's normalisation, LeakyReLU: N,inputs,H,W -> N,outputs,H/2,W/2."""
    norm = normalisation(settings.norm, outputs)
    convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=settings.bias or not norm)
    return [convolution, *norm, leaky()]


def leaky() -> nn.Module:
    """LeakyReLU with the slope of DCGAN."""
    return nn.LeakyReLU(LEAK, inplace=True)


class Generator(nn.Module):
    """Latents N,Z -> images N,C,H,W in [-1, 1]. The condition is ignored."""

    def __init__(self, settings: DCGANSettings, spec: ImageSpec):
        super().__init__()
        side, widths = pyramid(settings.channels, spec.shape[1])
        bias = settings.bias
        first = nn.ConvTranspose2d(settings.latent, widths[0], side, bias=bias)
        layers: list[nn.Module] = [first, BatchNorm2d(widths[0]), leaky()]
        for inputs, outputs in itertools.pairwise(widths):
            layers += up(inputs, outputs, leaky, bias)
        layers += [nn.ConvTranspose2d(widths[-1], spec.shape[0], 4, 2, 1, bias=bias), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialise_generator(self, settings)

    def forward(self, latents: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(latents[:, :, None, None])


class Discriminator(nn.Module):
    """Images N,C,H,W -> (scores N, None). The condition is ignored; first and last layer have no normalisation."""

    def __init__(self, settings: DCGANSettings, spec: ImageSpec):
        super().__init__()
        side, widths = pyramid(settings.channels, spec.shape[1])
        widths = widths[::-1]
        first = nn.Conv2d(spec.shape[0], widths[0], 4, 2, 1, bias=settings.bias)
        levels = (down(settings, inputs, outputs) for inputs, outputs in itertools.pairwise(widths))
        last = nn.Conv2d(widths[-1], 1, side, bias=settings.bias)
        self.layers = nn.Sequential(first, leaky(), *itertools.chain.from_iterable(levels), last)
        initialise_discriminator(self, settings)

    def forward(self, images: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        return self.layers(images).flatten(), None


class DCGAN(nn.Module):
    """Generator and discriminator."""

    def __init__(self, settings: DCGANSettings, spec: ImageSpec):
        super().__init__()
        self.generator = Generator(settings, spec)
        self.discriminator = Discriminator(settings, spec)
