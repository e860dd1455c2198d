"""Fresh noise for stochastic samplers, image by image, made where the images are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.samplers.philox import WORD, normal, philox, round_keys

_NUMBERS_AT_ONCE = 1 << 17
"""On the CPU, whose caches hold the work on that many."""


class ImageNoise:
    """Noise for each image of a batch that is determined by the image's initial noise and the step.

    So an image depends neither on its batch, nor on the device, nor on torch's global generator, and images that
    start from the same noise with different labels stay comparable. Devices differ by the rounding of log, cos and sin.
    """

    def __init__(self, noise: Tensor):
        """``noise``: N,…, the initial noise of sampling."""
        self._like = noise
        self._size = noise[0].numel()
        self._blocks = torch.arange(math.ceil(self._size / 4), device=noise.device)
        self._keys = round_keys(_hashes(noise)).unsqueeze(-1)  # ROUNDS,2,N,1
        self._step = 0

    def normal(self) -> Tensor:
        """The next standard normal noise of every image, shaped like the initial noise: N,…"""
        is_on_cpu = self._like.device.type == "cpu"
        together = max(1, _NUMBERS_AT_ONCE // self._size) if is_on_cpu else len(self._like)
        parts = [self._drawn(keys) for keys in self._keys.split(together, dim=2)]
        self._step += 1
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(self._like.shape).to(self._like.dtype)

    def _drawn(self, keys: Tensor) -> Tensor:
        images = keys.shape[2]
        even = keys.new_zeros(2, images, len(self._blocks))
        odd = torch.zeros_like(even)
        even[0].copy_(self._blocks)
        odd[0].fill_(self._step)
        drawn = torch.stack(normal(*philox(even, odd, keys)))
        return drawn.movedim(2, 0).reshape(images, -1)[:, : self._size].contiguous()


def _hashes(images: Tensor) -> Tensor:
    """Two words of 32 bits for each image N,…, in int64: 2,N.

    Multilinear hashing of its bits (Lemire & Kaser 2014, "Strongly universal string hashing is fast"): a sum, whose
    order does not matter.
    """
    bits = images.detach().float().flatten(1).contiguous().view(torch.int32).long() & WORD
    even = bits.new_zeros(2, bits.shape[1])
    even[0] = torch.arange(bits.shape[1], device=bits.device)
    low, high = philox(even, torch.zeros_like(even), round_keys(bits.new_zeros(2, 1)))
    factors = low + (high << 32)  # 2,D
    return torch.stack([(bits * factor).sum(dim=1) for factor in factors]) >> 32 & WORD
