"""Embeddings of scalars and of positions in the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NoiseEmbedding(nn.Module):
    """Sinusoidal features of a scalar, N -> N,dim (Vaswani et al. 2017), at frequencies that suit ln σ / 4."""

    def __init__(self, dim: int, max_frequency: float = 64.0):
        super().__init__()
        frequencies = torch.exp(torch.linspace(0, math.log(max_frequency), dim // 2))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        angles = noise.float()[:, None] * self.get_buffer("frequencies")
        return torch.cat([angles.cos(), angles.sin()], dim=1)


def coordinate_channels(height: int, width: int) -> Tensor:
    """Channels x, y in [-1,1] and polar r, θ/π: 1,4,H,W."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([x, y, torch.hypot(x, y), torch.atan2(y, x) / math.pi])[None]
