"""Structural similarity, against scikit-image and against the definition itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity

from engine.data.dataset import open_dataset
from engine.evaluation.ssim import ssim, window
from engine.settings.datasets.embedded import Digits


def pairs(n: int, channels: int, side: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth images and noisy ones of the same."""
    generator = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(0, 200, side)
    images = (ramp[:, None] + ramp) / 2 * torch.rand(n, channels, 1, 1, generator=generator)
    noise = (
        torch.randn(n, channels, side, side, generator=generator) * torch.arange(1, n + 1).view(-1, 1, 1, 1) * 8
    )
    return images.to(torch.uint8), (images + noise).clamp(0, 255).to(torch.uint8)


def wang(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 13 of Wang et al. 2004, averaged over the places where the 11×11 window fits; x, y H,W."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()

    def blur(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, weights, axis=0), weights, axis=1)[5:-5, 5:-5]

    x, y = x.astype(float), y.astype(float)
    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [11, 28, 64])
def test_it_is_the_published_definition(channels, side):
    a, b = pairs(4, channels, side)
    expected = [
        np.mean([wang(x, y) for x, y in zip(p, q, strict=True)])
        for p, q in zip(a.numpy(), b.numpy(), strict=True)
    ]
    assert ssim(a, b).numpy() == pytest.approx(expected, abs=1e-9)
    assert window(side, side) == "gaussian 11×11 σ 1.5"


def test_small_images_are_compared_in_windows_of_seven_on_every_test_digit():
    images = open_dataset(Digits()).test.images
    noise = torch.randint(-60, 60, images.shape, generator=torch.Generator().manual_seed(0))
    others = (images + noise).clamp(0, 255).to(torch.uint8)
    expected = [
        structural_similarity(x[0], y[0], data_range=255)
        for x, y in zip(images.numpy(), others.numpy(), strict=True)
    ]
    assert ssim(images, others).tolist() == pytest.approx(expected)
    assert window(8, 8) == "uniform 7×7"


@pytest.mark.parametrize("side", [7, 8, 11, 32])
def test_equal_images_have_one_and_worse_ones_less(side):
    a, b = pairs(6, 3, side)
    assert ssim(a, a).tolist() == pytest.approx([1.0] * 6)
    values = ssim(a, b)
    assert values.dtype == torch.float64 and values.shape == (6,)
    assert values[0] > values[-1] and values.max() < 1


def test_what_cannot_be_compared_is_refused():
    a, b = pairs(2, 3, 16)
    with pytest.raises(ValueError, match="uint8"):
        ssim(a.float(), b.float())
    with pytest.raises(ValueError, match="not \\(2, 3, 16, 16\\) with \\(1, 3, 16, 16\\)"):
        ssim(a, b[:1])
    with pytest.raises(ValueError, match="at least 7×7"):
        ssim(a[:, :, :6, :6], b[:, :, :6, :6])
