"""Normalisation layers with one signature, (x N,C,H,W; embedding N,E) -> N,C,H,W: conditional on it or not."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConditionalBatchNorm(nn.Module):
    """BatchNorm whose scale and shift are a linear function of the embedding (Dumoulin et al. 2017).

    The scale begins at 1 and the shift at 0. With ``relu``, both are the ReLU of a linear function that begins as torch
    initialises it.
    """

    def __init__(self, channels: int, embedding: int, relu: bool = False):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(embedding, 2 * channels)
        self.relu = relu
        if not relu:
            nn.init.zeros_(self.affine.weight)
            nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        assert embedding is not None
        affine = self.affine(embedding)
        affine = affine.relu() if self.relu else affine
        scale, shift = affine.to(x.dtype)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), scale if self.relu else scale + 1)


class PlainBatchNorm(nn.BatchNorm2d):
    """BatchNorm that ignores the embedding."""

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class PlainGroupNorm(nn.GroupNorm):
    """GroupNorm that ignores the embedding."""

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)
