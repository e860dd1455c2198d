"""Reconstruction quality: SSIM between held-out images and their reconstructions."""

from __future__ import annotations

import time

import torch

from engine.data.dataset import Dataset, Progress, to_float, to_uint8
from engine.evaluation.protocol import Protocol
from engine.evaluation.score import Score, score_of_images
from engine.methods import Reconstructs
from engine.recipes.published import QUANTISATION

METRIC = "ssim"
MOST_IMAGES = 2000  # of the split, from its beginning


@torch.no_grad()
def reconstruction_score(
    method: Reconstructs,
    dataset: Dataset,
    split: str,
    device: torch.device,
    batch_size: int = 256,
    ema: bool = True,
    progress: Progress | None = None,
) -> Score:
    """Mean SSIM over a split (its first 2,000 images) ± its standard error, with reconstructions quantised to uint8.

    ``ema``: reconstruct with the averaged weights. ``progress(done, total)`` counts images and may raise to abandon
    the score.
    """
    from engine.evaluation.ssim import ssim, window  # imported here since scikit-image is seldom needed

    start = time.monotonic()
    images = dataset.split(split).images[:MOST_IMAGES]
    each, finite = [], True
    for first in range(0, len(images), batch_size):
        batch = images[first : first + batch_size]
        reconstructed = method.reconstruct(to_float(batch.to(device)), ema=ema)
        finite = finite and bool(reconstructed.isfinite().all())
        each.append(ssim(batch, to_uint8(reconstructed).cpu()))
        if progress is not None:
            progress(first + len(batch), len(images))
    protocol = Protocol(
        metric=METRIC,
        dataset=dataset.name,
        dataset_hash=dataset.fingerprint[:8],
        split=split,
        split_size=len(images),
        quantisation=QUANTISATION[True],
        ema=ema,
        how=window(*dataset.image_shape[1:]),
    )
    return score_of_images(METRIC, torch.cat(each), finite, protocol, time.monotonic() - start)
