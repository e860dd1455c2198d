"""Fresh noise for stochastic samplers, image by image, made where the images are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.samplers.splitmix import GOLDEN, WORD, mix_, normal

_NUMBERS_AT_ONCE = 1 << 17
"""On the CPU, whose caches hold the work on that many."""


class ImageNoise:
    """Noise for each image of a batch that is determined by the image's initial noise and the step.

    So an image depends neither on its batch, nor on the device, nor on torch's global generator, and images that
    start from the same noise with different labels stay comparable. Devices differ by the rounding of log, cos and sin.

    SplitMix64 twice: its numbers of an image's hash are the keys of the steps, and its numbers of a step's key are the
    words of the pixels.
    """

    def __init__(self, noise: Tensor):
        """``noise``: N,…, the initial noise of sampling."""
        self._like = noise
        self._size = noise[0].numel()
        self._counters = _counters(math.ceil(self._size / 2), noise.device)
        self._state = _hashes(noise).unsqueeze(1)  # N,1

    def normal(self) -> Tensor:
        """The next standard normal noise of every image, shaped like the initial noise: N,…"""
        self._state += GOLDEN
        keys = mix_(self._state.clone())
        drawn = torch.empty(len(keys), 2, len(self._counters), device=keys.device)
        is_on_cpu = keys.device.type == "cpu"
        together = max(1, _NUMBERS_AT_ONCE // self._size) if is_on_cpu else len(keys)
        words, scratch = keys.new_empty(2, min(together, len(keys)), len(self._counters))
        for part, out in zip(keys.split(together), drawn.split(together), strict=True):
            of_part, beside = words[: len(part)], scratch[: len(part)]
            torch.add(part, self._counters, out=of_part)
            normal(mix_(of_part, beside), out, beside)
        return drawn.flatten(1)[:, : self._size].reshape(self._like.shape).to(self._like.dtype)


def _counters(count: int, device: torch.device) -> Tensor:
    return torch.arange(1, count + 1, device=device) * GOLDEN


def _hashes(images: Tensor) -> Tensor:
    """A hash of 64 bits of each image N,…: int64 N.

    Multilinear hashing of its bits (Lemire & Kaser 2014, "Strongly universal string hashing is fast"): sums, whose
    order does not matter, of which the upper halves count.
    """
    bits = images.detach().float().flatten(1).contiguous().view(torch.int32).long() & WORD
    factors = mix_(_counters(2 * bits.shape[1], bits.device)).view(2, -1)
    low, high = ((bits * factor).sum(dim=1) >> 32 & WORD for factor in factors)
    return low + (high << 32)
