"""Philox4x32-10, a random number generator that is a function of a counter and a key, in operations of tensors.

Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3". Nothing is kept between calls, so a
number depends on its place alone: neither on those drawn before it, nor on the batch, nor on the device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
WORD = 0xFFFFFFFF
"""The largest word of 32 bits."""


def round_keys(keys: Tensor) -> Tensor:
    """The keys of every round, ROUNDS,2,…, of ``keys`` 2,…: words of 32 bits in int64."""
    rounds = torch.arange(ROUNDS, device=keys.device).view(-1, *[1] * (keys.dim() - 1))
    parts = [word + rounds * increment for word, increment in zip(keys, _INCREMENTS, strict=True)]
    return torch.stack(parts, dim=1) & WORD


def philox(even: Tensor, odd: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Encrypt counters of four words of 32 bits in int64: 0 and 2 in ``even`` 2,…, 1 and 3 in ``odd`` 2,….

    ``keys`` are ``round_keys`` that broadcast to them: ROUNDS,2,…. Both counters are overwritten with the random words,
    in the same places, and returned.
    """
    products = torch.empty_like(even)
    (word_0, word_2), (product_2, product_0) = even, products
    for key in keys:
        torch.mul(word_0, _MULTIPLIERS[0], out=product_0)
        torch.mul(word_2, _MULTIPLIERS[1], out=product_2)
        torch.bitwise_right_shift(products, 32, out=even)
        even &= WORD
        even ^= odd
        even ^= key
        torch.bitwise_and(products, WORD, out=odd)
    return even, odd


def normal(even: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
    """Two standard normal float32 tensors from two independent ones of words of 32 bits (Box & Muller 1958)."""
    radius = even.float().add_(0.5).mul_(2.0**-32).log_().mul_(-2.0).sqrt_()
    angle = odd.float().mul_(2.0 * math.pi * 2.0**-32)
    return radius * angle.cos(), radius.mul_(angle.sin_())
