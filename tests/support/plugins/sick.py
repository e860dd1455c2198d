"""Parts that are ill on purpose, as plug-ins: each makes one kind of run go wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from engine.settings.methods import EDM
from engine.settings.nets import DCGAN, UNet
from engine.settings.registry import register


@register("net", "nan-unet")
class NaNUNet(UNet):
    """A UNet whose output is NaN from a step of training on."""

    net: str = "nan-unet"
    at: int = Field(30, ge=1, description="the step")
    factory: ClassVar[str] = f"{__name__}:nan_unet"


@register("net", "shuffled-unet")
class ShuffledUNet(UNet):
    """A UNet that is told the classes of other images of the batch."""

    net: str = "shuffled-unet"
    factory: ClassVar[str] = f"{__name__}:shuffled_unet"


@register("net", "frozen-dcgan")
class FrozenDCGAN(DCGAN):
    """A DCGAN whose generator is deaf to its noise: it has one output."""

    net: str = "frozen-dcgan"
    factory: ClassVar[str] = f"{__name__}:frozen_dcgan"


@register("method", "shrunk-edm")
class ShrunkEDM(EDM):
    """EDM whose samples are shrunk to their mean."""

    name: str = "shrunk-edm"
    factory: ClassVar[str] = f"{__name__}:shrunk_edm"


def nan_unet(settings, spec):
    import torch

    from engine.nets.unet import UNet as Net

    class Sick(Net):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

        def forward(self, x, noise, labels=None):
            out = super().forward(x, noise, labels)
            if self.training:
                self.steps += 1
            return torch.where(self.steps >= settings.at, torch.full_like(out, torch.nan), out)

    return Sick(settings, spec)


def shuffled_unet(settings, spec):
    import torch

    from engine.nets.unet import UNet as Net

    class Sick(Net):
        def forward(self, x, noise, labels=None):
            if labels is not None:
                labels = labels[torch.randperm(len(labels), device=labels.device)]
            return super().forward(x, noise, labels)

    return Sick(settings, spec)


def frozen_dcgan(settings, spec):
    from torch import nn

    from engine.nets.dcgan import DCGAN as Net

    pair: Any = Net(settings, spec)

    class Deaf(nn.Module):
        def __init__(self, generator):
            super().__init__()
            self.generator = generator

        def forward(self, latents, condition=None):
            return self.generator(latents * 0 + 1, condition)

    pair.generator = Deaf(pair.generator)
    return pair


def shrunk_edm(settings, context):
    from engine.methods.diffusion import EDM as Method

    class Sick(Method):
        def sample(self, *arguments, **options):
            images = super().sample(*arguments, **options)
            return images.mean(0) + 0.1 * (images - images.mean(0))

    return Sick(settings, context)
