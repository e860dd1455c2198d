"""Embeddings of scalars and of positions in the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engine.settings.nets import CoordinateScale, Embedding


class NoiseEmbedding(nn.Module):
    """Sinusoidal features of a scalar, N -> N,dim (Vaswani et al. 2017), at frequencies that suit ln σ / 4."""

    def __init__(self, dim: int, max_frequency: float = 64.0):
        super().__init__()
        frequencies = torch.exp(torch.linspace(0, math.log(max_frequency), dim // 2))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        angles = noise.float()[:, None] * self.get_buffer("frequencies")
        return torch.cat([angles.cos(), angles.sin()], dim=1)


class FourierEmbedding(nn.Module):
    """Random Fourier features of a scalar, N -> N,dim: cos and sin of 2πw·noise, each w drawn from N(0, 1) once.

    Tancik et al. 2020. The frequencies are part of the net's state.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(dim // 2))

    def forward(self, noise: Tensor) -> Tensor:
        angles = 2 * math.pi * noise.float()[:, None] * self.get_buffer("frequencies")
        return torch.cat([angles.cos(), angles.sin()], dim=1)


def noise_embedding(kind: Embedding, dim: int) -> nn.Module:
    """The embedding of the noise level, N -> N,dim. ``dim`` is even."""
    return FourierEmbedding(dim) if kind == "fourier" else NoiseEmbedding(dim)


def coordinate_channels(height: int, width: int, scale: CoordinateScale = "unit") -> Tensor:
    """Channels x, y and polar r, θ of each pixel: 1,4,H,W.

    ``unit``: x, y in [-1,1] and θ/π. ``half``: x, y in [-0.5,0.5) and θ in radians.
    """
    if scale == "unit":
        rows, columns, turn = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), math.pi
    else:
        rows, columns, turn = torch.arange(height) / height - 0.5, torch.arange(width) / width - 0.5, 1.0
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y, torch.hypot(x, y), torch.atan2(y, x) / turn])[None]
