"""Structural similarity of image pairs (Wang, Bovik, Sheikh, Simoncelli 2004), by scikit-image."""

from __future__ import annotations

import torch
from torch import Tensor

GAUSSIAN_WINDOW, UNIFORM_WINDOW = 11, 7


def ssim(originals: Tensor, reconstructions: Tensor) -> Tensor:
    """Mean SSIM of each pair of images uint8 N,C,H,W: float64 N, -1…1; identical images have 1.

    As in the paper: Gaussian window of 11×11 with σ = 1.5, population covariance, K = (0.01, 0.03), dynamic
    range 255, averaged over all positions where the window fits and then over the channels. Images with a side
    below 11 have no such position: for them scikit-image's default is used, a uniform window of 7×7 with the
    sample covariance (8×8 images have 2×2 positions). ``window`` names the one that is used.

    Raises ValueError for images below 7×7, for unequal shapes and for anything but uint8.
    """
    from skimage.metrics import structural_similarity

    if originals.dtype != torch.uint8 or reconstructions.dtype != torch.uint8:
        raise ValueError(f"SSIM compares uint8 images, not {originals.dtype} with {reconstructions.dtype}")
    if originals.shape != reconstructions.shape or originals.dim() != 4:
        raise ValueError(
            f"SSIM compares N,C,H,W with the same, not {tuple(originals.shape)} with {tuple(reconstructions.shape)}"
        )
    height, width = originals.shape[2:]
    if min(height, width) < UNIFORM_WINDOW:
        raise ValueError(f"SSIM needs images of at least 7×7, not {height}×{width}")
    gaussian = min(height, width) >= GAUSSIAN_WINDOW
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False} if gaussian else {}
    values = [
        structural_similarity(a, b, data_range=255, channel_axis=0, **options)
        for a, b in zip(originals.cpu().numpy(), reconstructions.cpu().numpy(), strict=True)
    ]
    return torch.tensor(values, dtype=torch.float64)


def window(height: int, width: int) -> str:
    """The window used for images of that size, in the words of a protocol."""
    if min(height, width) >= GAUSSIAN_WINDOW:
        return f"gaussian {GAUSSIAN_WINDOW}×{GAUSSIAN_WINDOW} σ 1.5"
    return f"uniform {UNIFORM_WINDOW}×{UNIFORM_WINDOW}"
