"""A conditional GAN pair with an auxiliary classifier (Odena, Olah, Shlens 2017).

The condition is N,A: attributes of 0 and 1, or one-hot classes. At 128×128 and 32 ``channels`` the generator is a
linear layer to 512 maps of 4×4 and five up-convolutions, with the condition concatenated as A constant maps before
each but the last; the discriminator is its mirror image. Weights are drawn as in DCGAN.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.nets.dcgan import down, initialise_discriminator, initialise_generator, leaky, pyramid, up
from engine.nets.normalisation import BatchNorm2d
from engine.settings.nets import ACGAN as ACGANSettings


class Generator(nn.Module):
    """Latents N,Z and condition N,A -> images N,C,H,W in [-1, 1]."""

    def __init__(self, settings: ACGANSettings, spec: ImageSpec):
        super().__init__()
        side, widths = pyramid(settings.channels, spec.shape[1])
        conditions = spec.condition_size
        maps = conditions if settings.condition_maps else 0
        self.condition_maps = settings.condition_maps
        self.first = nn.Linear(settings.latent + conditions, widths[0] * side * side, bias=settings.bias)
        self.unflatten = nn.Unflatten(1, (widths[0], side, side))
        self.norm = nn.Sequential(BatchNorm2d(widths[0]), nn.ReLU(inplace=True))
        self.levels = nn.ModuleList(
            nn.Sequential(*up(inputs + maps, outputs, lambda: nn.ReLU(inplace=True), settings.bias))
            for inputs, outputs in itertools.pairwise(widths)
        )
        self.last = nn.Sequential(nn.ConvTranspose2d(widths[-1], spec.shape[0], 4, 2, 1), nn.Tanh())
        initialise_generator(self, settings)

    def forward(self, latents: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is None:
            raise ValueError("this generator is conditional: labels are needed")
        h = self.norm(self.unflatten(self.first(torch.cat([latents, condition.to(latents.dtype)], dim=1))))
        for level in self.levels:
            if self.condition_maps:
                maps = condition.to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])
                h = torch.cat([h, maps], dim=1)
            h = level(h)
        return self.last(h)


class Discriminator(nn.Module):
    """Images N,C,H,W and condition N,A -> (scores N, logits of the condition N,A).

    The score is a linear function of the features concatenated with the condition; or, with ``head = "projection"``,
    of the features summed over space, plus their inner product with a linear embedding of the condition (Miyato &
    Koyama 2018). With ``head_hidden``, it is a function with one hidden layer of that width, as the logits are.
    """

    def __init__(self, settings: ACGANSettings, spec: ImageSpec):
        super().__init__()
        side, widths = pyramid(settings.channels, spec.shape[1])
        widths, conditions = widths[::-1], spec.condition_size
        layers: list[nn.Module] = [nn.Conv2d(spec.shape[0], widths[0], 4, 2, 1), leaky()]
        for inputs, outputs in itertools.pairwise(widths):
            layers += down(settings, inputs, outputs)
        self.body = nn.Sequential(*layers)
        self.projects = settings.head == "projection"
        features = widths[-1] if self.projects else widths[-1] * side * side
        self.score_head = _head(settings, features if self.projects else features + conditions, 1)
        self.embedding = nn.Linear(conditions, features, bias=settings.bias) if self.projects else None
        self.class_head = _head(settings, features, conditions)
        initialise_discriminator(self, settings)

    def forward(self, images: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if condition is None:
            raise ValueError("this discriminator is conditional: labels are needed")
        h = self.body(images)
        condition = condition.to(h.dtype)
        if self.embedding is not None:
            features = h.sum((2, 3))
            score = self.score_head(features)[:, 0] + (self.embedding(condition) * features).sum(1)
        else:
            features = h.flatten(1)
            score = self.score_head(torch.cat([features, condition], dim=1))[:, 0]
        return score, self.class_head(features)


def _head(settings: ACGANSettings, features: int, outputs: int) -> nn.Module:
    """Features N,F -> N,outputs: linear, or with a hidden layer and ReLU."""
    if not (hidden := settings.head_hidden):
        return nn.Linear(features, outputs)
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))


class ACGAN(nn.Module):
    """Generator and discriminator. Raises ValueError for data without classes or attributes."""

    def __init__(self, settings: ACGANSettings, spec: ImageSpec):
        super().__init__()
        if not spec.condition_size:
            raise ValueError("an ACGAN needs data with classes or attributes")
        self.generator = Generator(settings, spec)
        self.discriminator = Discriminator(settings, spec)
