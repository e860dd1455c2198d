"""A small pair of domains: ten classes of random images, and brighter ones as the target."""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.data.dataset import Dataset, Split


def split(n: int, seed: int, shift: float = 0.0) -> Split:
    """Images of ten brightnesses, a class each, noisy."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 10
    images = labels.view(-1, 1, 1, 1) * 20 + shift + 20 * torch.rand(n, 3, 28, 28, generator=generator)
    return Split(images.clamp(0, 255).to(torch.uint8), labels)


def two_domains() -> Dataset:
    target = Dataset(
        "bright", split(40, 3, 30), split(20, 4, 30), tuple("0123456789"), validation=split(20, 5, 30)
    )
    return Dataset(
        "pair", split(40, 0), split(20, 1), tuple("0123456789"), validation=split(20, 2),
        target=replace(target, fingerprint="t" * 64), fingerprint="s" * 64,
    )  # fmt: skip
