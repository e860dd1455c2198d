"""Choice of the training precision by a short measurement of speed and accuracy on a copy of the method."""

from __future__ import annotations

import copy
import time

import torch
from torch import Tensor

from engine.data.batch import Batch
from engine.devices import rng_state, set_rng_state
from engine.methods import Method
from engine.training.state import PrecisionChoice

LEAST_SPEEDUP, LEAST_AGREEMENT = 1.1, 0.98
"""A lower precision is chosen when it is this much faster and its gradients have this cosine with those in fp32."""
FEWEST_IMAGES = 16


def probe_precision(method: Method, batch: Batch, budget: float = 6.0) -> PrecisionChoice:
    """Time one forward and backward pass in fp32 and in a lower precision, compare the gradients and choose.

    The lower precision is bf16, or fp16 on a GPU without bf16. The result holds the ``precision`` to train in, the
    ``speedup`` of the lower one, the ``agreement`` of its gradient (cosine) and the ``reason`` for the choice.
    The random number generators and the method are left unchanged. Slow nets are measured on fewer images, to
    stay near ``budget`` seconds.
    """
    device = batch.images.device
    lower = "fp16" if device.type == "cuda" and not torch.cuda.is_bf16_supported() else "bf16"
    before = rng_state(device)
    probe = _Probe(method, batch)
    count = min(len(batch), FEWEST_IMAGES)
    try:
        probe.run("fp32", count)
        per_image = probe.run("fp32", count)[0] / count
        count = max(count, min(len(batch), int(budget / 8 / max(per_image, 1e-9))))
        probe.run(lower, count)
        timings = [(probe.run("fp32", count), probe.run(lower, count)) for _ in range(2)]
    finally:
        set_rng_state(before, device)
    speedup = min(full[0] for full, _ in timings) / min(reduced[0] for _, reduced in timings)
    exact, rounded = timings[0][0][1], timings[0][1][1]
    agreement = float(torch.nn.functional.cosine_similarity(exact, rounded, dim=0))
    return _choice(lower, speedup, agreement)


class _Probe:
    """A copy of a method whose gradient is timed, each time from the same random state."""

    def __init__(self, method: Method, batch: Batch):
        self._batch, self._device = batch, batch.images.device
        self._rng = rng_state(self._device)
        self._copy = copy.deepcopy(method)
        _fill_zero_weights(self._copy)

    def run(self, precision: str, count: int) -> tuple[float, Tensor]:
        """(seconds, flat gradient) on the first ``count`` images."""
        set_rng_state(self._rng, self._device)
        self._copy.precision = precision
        self._synchronise()
        start = time.perf_counter()
        gradient = self._copy.probe_gradient(self._batch.first(count))
        self._synchronise()
        return time.perf_counter() - start, gradient

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


@torch.no_grad()
def _fill_zero_weights(method: Method) -> None:
    """Give layers that are initialised with zeros small weights: their zeros would hide all gradients behind them."""
    for net in method.nets.values():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)


def _choice(lower: str, speedup: float, agreement: float) -> PrecisionChoice:
    if not agreement >= LEAST_AGREEMENT:  # also when it is NaN
        precision, reason = "fp32", f"{lower} gradients disagree (cosine {agreement:.4f} < {LEAST_AGREEMENT})"
    elif speedup < LEAST_SPEEDUP:
        precision, reason = "fp32", f"{lower} is not worth it here ({speedup:.2f}× the speed of fp32)"
    else:
        precision = lower
        reason = f"{lower} is {speedup:.2f}× as fast as fp32 and its gradients agree (cosine {agreement:.4f})"
    return {"precision": precision, "speedup": speedup, "agreement": agreement, "reason": reason}
