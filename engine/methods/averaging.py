"""Exponential moving average of a net's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class AveragedNet:
    """A copy of ``net`` with exponentially averaged weights, in evaluation mode: ``AveragedNet.net``.

    The decay is ramped up to ``decay``: it is min(decay, (1 + n) / (10 + n)) after n updates, so that the initial
    weights are soon forgotten. Floating-point buffers (BatchNorm's statistics) are averaged too, since they must
    match the averaged weights; other buffers are copied.
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
        """Move the averages towards the current weights of the net."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._averaged, self._sources, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        for target, source in zip(self._copied, self._copied_from, strict=True):
            target.copy_(source)
        self.updates += 1
