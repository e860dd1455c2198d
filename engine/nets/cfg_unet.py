"""A small conditional UNet for classifier-free guidance (Ho & Salimans 2022) on digits.

A residual convolution block, two down blocks, a global vector and two up blocks. Class and step enter only before
each up block: h ← concat(h · class embedding + step embedding, skip).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.nets.normalisation import BatchNorm2d
from engine.settings.nets import CFGUNet as CFGUNetSettings


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), BatchNorm2d(outputs), nn.GELU())


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs), _convolution(outputs, outputs))


class ResidualPair(nn.Module):
    """Two convolutions whose outputs are summed and divided by √2: N,C,H,W -> N,outputs,H,W."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first, self.second = _convolution(inputs, outputs), _convolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return (h + self.second(h)) / 2**0.5


def _up(inputs: int, outputs: int) -> nn.Sequential:
    transposed = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    return nn.Sequential(transposed, _pair(outputs, outputs), _pair(outputs, outputs))


def _embedding(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


class CFGUNet(nn.Module):
    """The net described in the module docstring. ``noise`` is t/T, embedded as it is.

    The null label is ``classes``: its one-hot vector is zero. Raises ValueError unless height and width are
    divisible by 4.
    """

    def __init__(self, settings: CFGUNetSettings, spec: ImageSpec):
        super().__init__()
        (channels, height, width), n = spec.shape, settings.features
        if height % 4 or width % 4:
            raise ValueError(f"{height}×{width} images cannot be halved twice")
        self.labels = spec.classes
        self.stem = ResidualPair(channels, n)
        self.down1 = nn.Sequential(_pair(n, n), nn.MaxPool2d(2))
        self.down2 = nn.Sequential(_pair(n, 2 * n), nn.MaxPool2d(2))
        self.vector = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.GELU())
        self.unvector = nn.Sequential(
            nn.ConvTranspose2d(2 * n, 2 * n, (height // 4, width // 4)), nn.GroupNorm(8, 2 * n), nn.ReLU()
        )
        self.class1, self.class2 = _embedding(spec.classes, 2 * n), _embedding(spec.classes, n)
        self.time1, self.time2 = _embedding(1, 2 * n), _embedding(1, n)
        self.up1, self.up2 = _up(4 * n, n), _up(2 * n, n)
        self.head = nn.Sequential(
            nn.Conv2d(2 * n, n, 3, padding=1),
            nn.GroupNorm(8, n),
            nn.ReLU(),
            nn.Conv2d(n, channels, 3, padding=1),
        )

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """x N,C,H,W; noise N; labels N in 0…classes -> the predicted noise, N,C,H,W."""
        if labels is None:
            raise ValueError("this net is class-conditional: labels are needed")
        onehot = F.one_hot(labels, self.labels + 1)[:, : self.labels].to(noise.dtype)
        time = noise[:, None]
        stem = self.stem(x)
        down1 = self.down1(stem)
        down2 = self.down2(down1)
        h = self.unvector(self.vector(down2))
        h = self.up1(torch.cat([_modulated(h, self.class1(onehot), self.time1(time)), down2], dim=1))
        h = self.up2(torch.cat([_modulated(h, self.class2(onehot), self.time2(time)), down1], dim=1))
        return self.head(torch.cat([h, stem], dim=1))


def _modulated(h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """h · scale + shift, channel by channel: ``h`` N,C,H,W; ``scale`` and ``shift`` N,C."""
    return torch.addcmul(shift.to(h.dtype)[:, :, None, None], h, scale.to(h.dtype)[:, :, None, None])
