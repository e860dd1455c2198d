"""Whether all that a checkpoint would hold is finite: weights, statistics, averages, the optimiser's state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from engine.health import Alarm
from engine.methods import Method

ALARM = "non-finite-weights"
_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


class Finiteness:
    """Checks the tensors of a method. A tensor that is not finite in the fresh nets, such as a mask, may stay so."""

    def __init__(self, method: Method):
        self._method = method
        self._exempt: frozenset[str] = frozenset()
        self._exempt = frozenset(self._non_finite())
        self.fault = ""
        """The tensor that the newest check found, in words; "" if all were finite."""
        self.since: int | None = None
        """The step at which the present fault was first found."""
        self._checked_at = 0

    def check(self, step: int) -> bool:
        """Whether every tensor is finite now. Waits for each device once."""
        names = self._non_finite()
        self.fault = _in_words(names[0]) + (f" and {len(names) - 1} more" if names[1:] else "") if names else ""
        self.since = (self.since or step) if names else None
        self._checked_at = step
        return not names

    @property
    def lasted(self) -> int:
        """For how many steps the newest check has found a fault; 0 for none."""
        return self._checked_at - self.since + 1 if self.since is not None else 0

    def alarm(self, last_good: int | None) -> Alarm:
        """The alarm for the present fault. ``last_good``: the step of the newest checkpoint, which stays."""
        stays = f"; the checkpoint of step {last_good:,} stays" if last_good else ""
        return Alarm(
            ALARM, f"{self.fault} is not finite at step {self._checked_at:,}, though the loss may be{stays}.",
            "the learning rate is too high, or a value exceeded the range of the precision",
            "lower optim.lr, set train.clip, or train in fp32", self.since or self._checked_at, "error",
        )  # fmt: skip

    def _non_finite(self) -> list[str]:
        """Names of the tensors that are not finite."""
        groups: defaultdict[tuple[torch.device, torch.dtype], list[tuple[str, Tensor]]] = defaultdict(list)
        for name, tensor in _tensors(self._method):
            groups[tensor.device, tensor.dtype].append((name, tensor))
        found: defaultdict[torch.device, list[tuple[str, Tensor]]] = defaultdict(list)
        for (device, _), named in groups.items():
            norms = torch._foreach_norm([tensor for _, tensor in named], torch.inf)  # pyright: ignore[reportPrivateImportUsage]
            found[device] += [(name, norm.double()) for (name, _), norm in zip(named, norms, strict=True)]
        return [
            name
            for named in found.values()
            for (name, _), finite in zip(
                named, torch.stack([value for _, value in named]).isfinite().tolist(), strict=True
            )
            if not finite and name not in self._exempt
        ]


def _tensors(method: Method) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors of a checkpoint, by name: nets first."""
    for net, tensors in method.weights().items():
        yield from _walk(tensors, net)
    yield from _walk(method.state(), "")


def _walk(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        if value.dtype in _DTYPES and value.numel():
            yield name, value.detach()
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _walk(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _walk(part, f"{name}.{number}")


def _in_words(name: str) -> str:
    """``encoder.0.running_var of model``, for the first part of a name is its net's."""
    net, _, tensor = name.partition(".")
    return f"{tensor or net} of {net}"
