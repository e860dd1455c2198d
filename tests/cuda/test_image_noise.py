"""The noise of a sampler's steps is made on the GPU, in few operations, and is that of the processor."""

from __future__ import annotations

import pytest
import torch

from engine.samplers.image_noise import ImageNoise

MOST_OPERATIONS = 120


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (64, 3, 32, 32)])
def test_noise_is_made_in_few_operations_and_waits_for_none(gpu, shape):
    start = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    on_gpu = start.to("cuda:0")
    gpu.book.clear()
    here, there = ImageNoise(start), ImageNoise(on_gpu)
    assert not gpu.book.waits
    for _ in range(2):
        gpu.book.clear()
        drawn = there.normal()
        assert not gpu.book.waits
        assert gpu.book.operations.total() <= MOST_OPERATIONS
        assert str(drawn.device) == "cuda:0"
        assert torch.allclose(drawn.cpu(), here.normal(), rtol=0, atol=1e-6)
