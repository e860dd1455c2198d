"""Choice of the training precision: one for the nets of a recipe on one kind of device, remembered in the home.

Where the device computes in bf16 natively, that is the choice if its gradients agree with those in fp32. No clock
decides there, so neither does chance, but for one case: a processor can need several times as long for nets of few
channels, which shows in the processor time whatever else runs beside. Elsewhere a short measurement decides. Either
way the first run's choice is remembered, and later runs take it over: the seeds of one experiment never mix two
precisions.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from engine.data.batch import Batch
from engine.devices import device_kind, has_native_bf16, rng_state, set_rng_state
from engine.methods import Method
from engine.runs.directory import RunDir
from engine.runs.precisions import PrecisionMemory, Remembered, home_of
from engine.training.state import PrecisionChoice

LEAST_SPEEDUP, LEAST_AGREEMENT = 1.1, 0.98
"""A lower precision is chosen when its gradients have this cosine with those in fp32 and, where it is not native, it
is this much faster."""
LEAST_NATIVE_SPEED = 0.75
"""Native bf16 is not chosen on a processor where it does less than this part of the work of fp32 in the same time."""
FEWEST_IMAGES = 16


def choose_precision(method: Method, batch: Batch, run: RunDir) -> PrecisionChoice:
    """The precision for these nets on this device: what the run's home remembers; else measured, and remembered.

    The choice does not depend on the seed, the batch size or any other setting that leaves the nets as they are, so
    that the runs of a sweep over those can be compared. A home that cannot be written is no error: ``reason`` says so.
    """
    home = home_of(run)
    if home is None:
        choice = probe_precision(method, batch)
        return _explained(choice, "not remembered, because the run is in no home")
    memory, what = PrecisionMemory(home), _described(method, batch)
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
    if (stored := memory.recall(key)) is not None:
        return _recalled(stored)
    choice = probe_precision(method, batch)
    new = {
        **choice,
        "chosen": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "run": run.id,
        **_summary(method, what),
    }
    try:
        stored = memory.remember(key, new)
    except OSError as error:
        return _explained(
            choice, f"not remembered, because {memory.folder} cannot be written: {error.strerror}"
        )
    return choice if stored is new else _recalled(stored)


def _described(method: Method, batch: Batch) -> dict[str, Any]:
    """What a choice is for: nets by their layers and shapes, the method's class, the image C,H,W, device and torch."""
    layout = {
        name: [
            [[place, type(module).__qualname__] for place, module in net.named_modules()],
            [[place, list(parameter.shape)] for place, parameter in net.named_parameters()],
        ]
        for name, net in method.nets.items()
    }
    return {
        "method": type(method).__qualname__,
        "nets": layout,
        "image": list(batch.images.shape[1:]),
        "device": device_kind(batch.images.device),
        "torch": ".".join(torch.__version__.split(".")[:2]),
    }


def _summary(method: Method, what: dict[str, Any]) -> dict[str, Any]:
    """The description for people who read the file: of each net only its class and number of parameters."""
    nets = {
        name: f"{type(net).__qualname__}, {sum(p.numel() for p in net.parameters()):,} parameters"
        for name, net in method.nets.items()
    }
    return {**what, "nets": nets}


def _recalled(stored: Remembered) -> PrecisionChoice:
    """A remembered choice, with when it was made."""
    reason = f"as chosen for these nets on {stored['device']} on {stored['chosen'][:10]}: {stored['reason']}"
    choice: PrecisionChoice = {"precision": stored["precision"], "reason": reason}
    if isinstance(speedup := stored.get("speedup"), float):
        choice["speedup"] = speedup
    if isinstance(agreement := stored.get("agreement"), float):
        choice["agreement"] = agreement
    return choice


def _explained(choice: PrecisionChoice, more: str) -> PrecisionChoice:
    return {**choice, "reason": f"{choice['reason']}; {more}"}


def probe_precision(method: Method, batch: Batch, budget: float = 6.0) -> PrecisionChoice:
    """Time one forward and backward pass in fp32 and in a lower precision, compare the gradients and choose.

    The lower precision is bf16, or fp16 on a GPU without bf16. The result holds the ``precision`` to train in, the
    ``speedup`` of the lower one, the ``agreement`` of its gradient (cosine) and the ``reason`` for the choice.
    The random number generators and the method are left unchanged. Gradients are always compared on the same few
    images. Where time decides, it is taken on as many as stay near ``budget`` seconds, else on those few.
    """
    device = batch.images.device
    native = has_native_bf16(device)
    lower = "fp16" if device.type == "cuda" and not native else "bf16"
    before = rng_state(device)
    probe = _Probe(method, batch)
    few = min(len(batch), FEWEST_IMAGES)
    try:
        exact, rounded = probe.run("fp32", few)[1], probe.run(lower, few)[1]
        count = few if native else _affordable(few, len(batch), probe.run("fp32", few)[0], budget)
        if count > few:
            probe.run(lower, count)
        rounds = range(2 if device.type == "cpu" or not native else 1)
        timings = [(probe.run("fp32", count)[0], probe.run(lower, count)[0]) for _ in rounds]
    finally:
        set_rng_state(before, device)
    speedup = min(full for full, _ in timings) / min(reduced for _, reduced in timings)
    agreement = float(torch.nn.functional.cosine_similarity(exact, rounded, dim=0))
    least = (LEAST_NATIVE_SPEED if device.type == "cpu" else 0.0) if native else LEAST_SPEEDUP
    return _choice(lower, native, speedup, agreement, least)


def _affordable(few: int, most: int, seconds: float, budget: float) -> int:
    """The number of images to time, when ``few`` of them take ``seconds``."""
    return max(few, min(most, int(budget / 8 * few / max(seconds, 1e-9))))


class _Probe:
    """A copy of a method whose gradient is timed, each time from the same random state."""

    def __init__(self, method: Method, batch: Batch):
        self._batch, self._device = batch, batch.images.device
        self._rng = rng_state(self._device)
        # The time that a processor worked is the same beside other processes; a GPU's is not counted.
        self._clock = time.process_time if self._device.type == "cpu" else time.perf_counter
        self._copy = copy.deepcopy(method)
        _fill_zero_weights(self._copy)

    def run(self, precision: str, count: int) -> tuple[float, Tensor]:
        """(seconds, flat gradient) on the first ``count`` images; on a processor, seconds that it worked."""
        set_rng_state(self._rng, self._device)
        self._copy.precision = precision
        self._synchronise()
        start = self._clock()
        gradient = self._copy.probe_gradient(self._batch[:count])
        self._synchronise()
        return self._clock() - start, gradient

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


def _choice(lower: str, native: bool, speedup: float, agreement: float, least: float) -> PrecisionChoice:
    """``least``: the speed, in that of fp32, from which the lower precision is worth it."""
    if not agreement >= LEAST_AGREEMENT:  # also when it is NaN
        precision, reason = "fp32", f"{lower} gradients disagree (cosine {agreement:.4f} < {LEAST_AGREEMENT})"
    elif speedup < least:
        precision, reason = "fp32", f"{lower} is not worth it here ({speedup:.2f}× the speed of fp32)"
    elif native:
        precision = lower
        agree = f"its gradients agree (cosine {agreement:.4f})"
        reason = f"{lower} is native here and {agree}; {speedup:.2f}× the speed of fp32"
    else:
        precision = lower
        reason = f"{lower} is {speedup:.2f}× as fast as fp32 and its gradients agree (cosine {agreement:.4f})"
    return {"precision": precision, "speedup": speedup, "agreement": agreement, "reason": reason}
