"""Normalisation layers with one signature, (x N,C,H,W; embedding N,E) -> N,C,H,W: conditional on it or not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.ranks import sharing


class BatchNorm1d(nn.BatchNorm1d):
    """torch's BatchNorm; in a step that ranks take together, over the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        return _over_ranks(self, input) if _is_shared(self) else super().forward(input)


class BatchNorm2d(nn.BatchNorm2d):
    """torch's BatchNorm; in a step that ranks take together, over the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        return _over_ranks(self, input) if _is_shared(self) else super().forward(input)


def _is_shared(norm: nn.Module) -> bool:
    return norm.training and sharing.current().size > 1


def _over_ranks(norm: BatchNorm1d | BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise N,C,… by the mean and variance of each channel over the rows of all ranks, in float32.

    Twice differentiable, as gradient penalties need it; ``nn.SyncBatchNorm`` is neither that nor for processors.
    """
    assert norm.momentum is not None, "running statistics are exponential averages"
    axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
    count = x.numel() // x.shape[1] * sharing.current().size
    values = x.float()
    mean = sharing.mean(values.mean(axes))
    centred = values - mean.view(shape)
    variance = sharing.mean(centred.square().mean(axes))
    if norm.running_mean is not None and norm.running_var is not None:
        with torch.no_grad():
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
    normalised = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        normalised = torch.addcmul(norm.bias.view(shape), normalised, norm.weight.view(shape))
    return normalised.to(x.dtype)


class ConditionalBatchNorm(nn.Module):
    """BatchNorm whose scale and shift are a linear function of the embedding (Dumoulin et al. 2017).

    The scale begins at 1 and the shift at 0. With ``relu``, both are the ReLU of a linear function that begins as torch
    initialises it.
    """

    def __init__(self, channels: int, embedding: int, relu: bool = False):
        super().__init__()
        self.norm = BatchNorm2d(channels, affine=False)
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


class PlainBatchNorm(BatchNorm2d):
    """BatchNorm that ignores the embedding."""

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class PlainGroupNorm(nn.GroupNorm):
    """GroupNorm that ignores the embedding."""

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)
