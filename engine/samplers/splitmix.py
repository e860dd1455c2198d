"""SplitMix64, a random number generator that is a function of a counter and a key, in operations of tensors.

Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators": number i of key k is a hash of k + i·GOLDEN.
Nothing is kept between calls, so a number depends on its place alone: neither on those drawn before it, nor on the
batch, nor on the device. Words have 64 bits and wrap around in int64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WORD = (1 << 32) - 1
"""The largest word of 32 bits."""


def _as_int64(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


GOLDEN = _as_int64(0x9E3779B97F4A7C15)
"""The step from counter to counter: 2⁶⁴ divided by the golden ratio."""
_ROUNDS = ((30, _as_int64(0xBF58476D1CE4E5B9)), (27, _as_int64(0x94D049BB133111EB)), (31, 1))


def mix_(words: Tensor, scratch: Tensor | None = None) -> Tensor:
    """Hash int64 ``words`` in place and return them: a bijection of 64 bits. ``scratch``: alike, overwritten."""
    shifted = torch.empty_like(words) if scratch is None else scratch
    for shift, factor in _ROUNDS:
        torch.bitwise_right_shift(words, shift, out=shifted)
        shifted &= (1 << (64 - shift)) - 1  # a right shift of int64 repeats the sign
        words ^= shifted
        if factor != 1:
            words *= factor
    return words


def normal(words: Tensor, out: Tensor, scratch: Tensor) -> Tensor:
    """Two standard normal numbers of each word, int64 N,D, in ``out``, float32 N,2,D (Box & Muller 1958).

    ``words`` are overwritten, and so is ``scratch``, a tensor like them.
    """
    low, high = scratch.view(torch.int32).unflatten(1, (2, -1)).unbind(1)
    low.copy_(words)
    high.copy_(words.bitwise_right_shift_(32))
    radius, angle = out.unbind(1)
    radius.copy_(low).abs_().add_(0.5).mul_(2.0**-31).log_().mul_(-2.0).sqrt_()
    angle.copy_(high).mul_(math.pi * 2.0**-31)
    cosine = torch.cos(angle, out=low.view(torch.float32))
    angle.sin_().mul_(radius)
    radius.mul_(cosine)
    return out
