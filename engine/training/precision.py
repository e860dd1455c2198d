"""Which precision to train in: a short measurement of speed and agreement on a copy of the method."""

from __future__ import annotations

import copy
import time
from typing import Any

import torch
from torch import Tensor

from engine.data.batch import Batch
from engine.devices import rng_state, set_rng_state
from engine.methods import Method

# A lower precision must pay for its loss of digits: at least this much faster, gradients at least this parallel.
WORTHWHILE, AGREEMENT = 1.1, 0.98


@torch.no_grad()
def _wake(method: Method) -> None:
    """Give layers that start at zero small weights: gradients they block could not be compared."""
    for net in method.nets.values():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)


def probe_precision(method: Method, batch: Batch, budget: float = 6.0) -> dict[str, Any]:
    """Time and compare one gradient computed in fp32 and in a lower precision on a copy of ``method``; say which to
    train in. The lower is bf16, or fp16 on a GPU that has no bf16.

    Returns {"precision", "speedup", "agreement" (cosine of the gradients), "reason"}. Leaves the RNG and the
    method as they were. Slow nets are probed on fewer images to stay near ``budget`` seconds.
    """
    device = batch.images.device
    lower = "fp16" if device.type == "cuda" and not torch.cuda.is_bf16_supported() else "bf16"
    before = rng_state(device)
    trial = copy.deepcopy(method)
    _wake(trial)
    count = min(len(batch), 16)

    def run(precision: str, n: int) -> tuple[float, Tensor]:
        set_rng_state(before, device)
        trial.precision = precision
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        gradient = trial.probe_gradient(batch.first(n))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start, gradient

    try:
        run("fp32", count)
        per_image = run("fp32", count)[0] / count
        count = max(count, min(len(batch), int(budget / 8 / max(per_image, 1e-9))))
        run(lower, count)
        timings = [(run("fp32", count), run(lower, count)) for _ in range(2)]
    finally:
        set_rng_state(before, device)
    speedup = min(a[0] for a, _ in timings) / min(b[0] for _, b in timings)
    exact, rounded = timings[0][0][1], timings[0][1][1]
    agreement = float(torch.nn.functional.cosine_similarity(exact, rounded, dim=0))
    if not agreement >= AGREEMENT:
        precision, reason = "fp32", f"{lower} gradients disagree (cosine {agreement:.4f} < {AGREEMENT})"
    elif speedup < WORTHWHILE:
        precision, reason = "fp32", f"{lower} is not worth it here ({speedup:.2f}× the speed of fp32)"
    else:
        precision = lower
        reason = f"{lower} is {speedup:.2f}× as fast as fp32 and its gradients agree (cosine {agreement:.4f})"
    return {"precision": precision, "speedup": speedup, "agreement": agreement, "reason": reason}
