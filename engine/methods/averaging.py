"""Exponential moving average of a net's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class AveragedNet:
    """An averaged copy of ``net``, kept in evaluation mode.

    The decay is ramped up, min(decay, (1 + n) / (10 + n)) after n updates, so that early averages do not
    remember the initial weights. Floating-point buffers (BatchNorm's statistics) are averaged too, since
    they must fit the averaged weights; the others are copied.
    """

    def __init__(self, net: nn.Module, decay: float):
        self.decay = decay
        self.updates = 0
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self._averaged, self._copied = self._split(self.net)
        self._sources, self._copied_from = self._split(net)

    @staticmethod
    def _split(net: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        tensors = [t.detach() for t in (*net.parameters(), *net.buffers())]
        return [t for t in tensors if t.is_floating_point()], [t for t in tensors if not t.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._averaged, self._sources, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        for ours, theirs in zip(self._copied, self._copied_from, strict=True):
            ours.copy_(theirs)
        self.updates += 1
