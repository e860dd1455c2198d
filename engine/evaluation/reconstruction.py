"""How well a method gives images back: SSIM of test images and their reconstructions."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from engine.data.dataset import Dataset, to_float, to_uint8
from engine.evaluation.evaluate import QUANTISATION, Score
from engine.evaluation.protocol import Protocol
from engine.methods import Reconstructs

METRIC = "ssim"
MOST_IMAGES = 2000  # of the test split, from its beginning


@torch.no_grad()
def reconstruction_score(
    method: Reconstructs,
    dataset: Dataset,
    device: torch.device,
    batch_size: int = 256,
    ema: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Mean SSIM over the test split (its first 2,000 images), quantised to uint8 as saved images are."""
    from engine.evaluation.ssim import ssim, window  # its library is only needed where images are reconstructed

    begun = time.monotonic()
    images = dataset.test.images[:MOST_IMAGES]
    total, finite = 0.0, True
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        made = method.reconstruct(to_float(batch.to(device)), ema=ema)
        finite = finite and bool(made.isfinite().all())
        total += float(ssim(batch, to_uint8(made).cpu()).sum())
        if progress is not None:
            progress(start + len(batch), len(images))
    protocol = Protocol(
        metric=METRIC,
        dataset=dataset.name,
        dataset_hash=dataset.fingerprint[:8],
        split="test",
        split_size=len(images),
        quantisation=QUANTISATION,
        ema=ema,
        how=window(*dataset.image_shape[1:]),
    )
    value = total / len(images) if finite else float("nan")
    return Score(METRIC, value, False, protocol, None, time.monotonic() - begun)
