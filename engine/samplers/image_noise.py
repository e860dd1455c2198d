"""Fresh noise for stochastic samplers, image by image."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


class ImageNoise:
    """Noise for each image of a batch from a generator of its own, seeded by the image's initial noise.

    So an image depends neither on its batch, nor on the device, nor on torch's global generator, and images that
    start from the same noise with different labels stay comparable.
    """

    def __init__(self, noise: Tensor):
        """``noise``: N,…, the initial noise of sampling."""
        self._like = noise
        self._generators = [torch.Generator().manual_seed(_seed(image)) for image in noise.detach().cpu()]
        self._buffer = torch.empty(noise.shape, dtype=noise.dtype)

    def normal(self) -> Tensor:
        """The next standard normal noise of every image, shaped like the initial noise: N,…"""
        for row, generator in zip(self._buffer, self._generators, strict=True):
            torch.randn(row.shape, generator=generator, dtype=row.dtype, out=row)
        return self._buffer.to(self._like.device, copy=True)


def _seed(image: Tensor) -> int:
    digest = hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
