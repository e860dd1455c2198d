"""Dropout whose masks, in a step that ranks take together, are cut from those of the whole batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from engine.ranks import sharing


def dropout(x: Tensor, share: float, training: bool, *, by_channel: bool = False) -> Tensor:
    """Zero a ``share`` of the values of N,C,…, or ``by_channel`` of whole channels, and scale up the others."""
    if not training or not share or sharing.current().size == 1:
        function = F.dropout2d if by_channel else F.dropout
        return function(x, share, training)
    like = x[:, :, :1, :1] if by_channel else x
    mask = sharing.whole_like(like).bernoulli_(1 - share).div_(1 - share)
    return x * sharing.current().rows(mask)


class Dropout(nn.Dropout):
    """torch's Dropout; see ``dropout``."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


class Dropout2d(nn.Dropout2d):
    """torch's Dropout2d; see ``dropout``."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training, by_channel=True)
