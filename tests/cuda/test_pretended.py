"""The pretended GPU waits where ``torch.cuda.set_sync_debug_mode`` tells of it, and refuses what a GPU refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

Use = Callable[[Tensor, Tensor], Any]
"""Of a vector on the device, and one on the CPU."""


@pytest.fixture
def vectors(gpu) -> tuple[Tensor, Tensor]:
    there, here = torch.tensor([2.0, 0.0, 1.0]).to("cuda:0"), torch.tensor([1.0, 1.0, 3.0])
    gpu.book.clear()
    return there, here


@pytest.mark.parametrize(
    "use",
    [
        lambda there, here: there[0].item(),
        lambda there, here: bool(there.any()),
        lambda there, here: f"{there.sum():.2f}",
        lambda there, here: there.tolist(),
        lambda there, here: there.cpu(),
        lambda there, here: here.copy_(there),
        lambda there, here: here.to("cuda:0"),
        lambda there, here: there.copy_(here),
        lambda there, here: torch.tensor([1.0], device=there.device),
        lambda there, here: there.nonzero(),
        lambda there, here: there[there > 0],
        lambda there, here: there.unique(),
        lambda there, here: there.repeat_interleave(there.long()),
        lambda there, here: torch.cuda.synchronize(),
    ],
)
def test_the_cpu_waits(gpu, vectors, use: Use):
    use(*vectors)
    assert gpu.book.waits.total() == 1
    assert "tests/cuda/test_pretended.py" in next(iter(gpu.book.waits))


@pytest.mark.parametrize(
    "use",
    [
        lambda there, here: there + 1,
        lambda there, here: there * here.sum(),
        lambda there, here: there[there.long()],
        lambda there, here: torch.where(there > 0, 3.0, there),
        lambda there, here: torch.zeros(3, device=there.device) + torch.rand_like(there),
        lambda there, here: torch.nn.functional.one_hot(there.long(), 4),
        lambda there, here: there + here.pin_memory().to(there.device, non_blocking=True),
        lambda there, here: there.to(torch.float16).to("cuda:0"),
        lambda there, here: torch.nn.functional.cross_entropy(there[None], there.argmax()[None]),
    ],
)
def test_the_cpu_does_not_wait(gpu, vectors, use: Use):
    made = use(*vectors)
    assert not gpu.book.waits and gpu.book.operations
    assert made.is_cuda and str(made.device) == "cuda:0"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda there, here: there + here, "found at least two devices"),
        (lambda there, here: torch.cat([there, here]), "found at least two devices"),
        (lambda there, here: here.index_select(0, there.long()), "found at least two devices"),
        (lambda there, here: there.numpy(), "can't convert cuda:0"),
        (lambda there, here: np.asarray(there), "can't convert cuda:0"),
        (lambda there, here: there.pin_memory(), "cannot pin"),
        (lambda there, here: there.normal_(generator=torch.Generator()), "'cuda' device type for generator"),
        (lambda there, here: torch.cuda.set_device("cuda"), "with a specified index"),
    ],
)
def test_it_is_refused(vectors, use: Use, said: str):
    with pytest.raises((RuntimeError, TypeError, ValueError), match=said):
        use(*vectors)


def test_views_are_made_in_inference_mode(vectors):
    there, _ = vectors
    with torch.inference_mode():
        inside = there * 2
        views = [there.expand(2, -1), there[None], inside[None].expand(2, -1)]
        assert [view.is_inference() for view in views] == [False, False, True]
        assert [(view + 1).cpu().shape[-1] for view in views] == [3, 3, 3]


def test_the_device_has_random_numbers_of_its_own(gpu):
    torch.manual_seed(3)
    state = torch.cuda.get_rng_state()
    first, here = torch.randn(4, device="cuda"), torch.randn(4)
    assert not torch.equal(first.cpu(), torch.randn(4, device="cuda").cpu())
    torch.cuda.set_rng_state(state)
    assert torch.equal(first.cpu(), torch.randn(4, device="cuda").cpu())
    torch.manual_seed(3)
    assert torch.equal(here, torch.randn(4)), "what is drawn on the device is not drawn on the CPU"
