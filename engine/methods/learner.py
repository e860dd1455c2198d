"""``Learner``: a net with its optimiser, schedule, averaged weights and gradient scaler. Methods are made of these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.methods import Context
from engine.methods.averaging import AveragedNet
from engine.methods.compiling import choose_compile, compiled
from engine.methods.optim import Schedule, build_optimizer, build_schedule
from engine.ranks import sharing
from engine.settings.registry import Settings

MEASURED_UPDATES = 200
"""The first updates of an attempt measure the relative change of the weights: a bad learning rate shows by then."""
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}

N = TypeVar("N", bound=nn.Module)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Mixed precision for a forward pass; does nothing in fp32."""
    return torch.autocast(device.type, _DTYPES[precision]) if precision in _DTYPES else nullcontext()


def keeps_channels_last(net: nn.Module, device: torch.device) -> bool:
    """Whether every layer of ``net`` leaves images in the channels-last layout.

    torch's GroupNorm did so on CPUs alone until 2026: a GPU turned images there and back around each of them.
    """
    if not any(isinstance(module, nn.GroupNorm | nn.InstanceNorm2d) for module in net.modules()):
        return True
    image = torch.zeros(1, 2, 2, 2, device=device).contiguous(memory_format=torch.channels_last)
    return nn.functional.group_norm(image, 1).is_contiguous(memory_format=torch.channels_last)


@contextmanager
def eval_mode(net: N) -> Iterator[N]:
    """Put ``net`` in evaluation mode, and afterwards back into the mode it was in."""
    training = net.training
    net.eval()
    try:
        yield net
    finally:
        net.train(training)


class Learner:
    """A net with everything that trains it, as the tables [optim], [schedule] and [train] say.

    Training calls ``forward``: the net, compiled if [train] asks for it and ``compilable`` allows it. ``net``
    itself is saved and evaluated. With ``ema`` averaged weights are kept in ``average.net``.
    """

    def __init__(
        self,
        net: nn.Module,
        context: Context,
        *,
        ema: bool = True,
        compilable: bool = True,
        optim: Settings | None = None,
    ):
        train, device = context.train, context.device
        net = net.to(device)
        if train.channels_last and keeps_channels_last(net, device):
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.net = net.train()
        self.average = AveragedNet(self.net, train.ema) if ema and train.ema else None
        self.clip = train.clip
        self._optim, self._schedule = optim or context.optim, context.schedule
        self._total_steps = context.total_steps
        self.scaler = torch.amp.GradScaler(device.type, enabled=False)
        chosen = choose_compile(train.compile, device, context.total_steps)
        self._compile: bool | Literal["auto"] = train.compile if chosen.compiled and compilable else False
        self.forward: nn.Module = compiled(self.net, self._compile, device) if self._compile else self.net
        self._sampling: dict[nn.Module, nn.Module] = {}
        self._resumed: dict[str, Any] = {}
        # Gains and offsets have a scale of their own: their change would hide the weights'.
        self._weights = [p for p in self.net.parameters() if p.dim() > 1]
        self._updates = 0
        self.change: Tensor | None = None
        """‖Δw‖/‖w‖ of the last update, a scalar on the device; None if it was not measured."""

    @cached_property
    def _updated_by(self) -> tuple[Optimizer, Schedule]:
        """Built when training asks for it: what only draws samples is spared the import of torch's compiler by it."""
        optimizer = build_optimizer(self._optim, self.net.parameters())
        schedule = build_schedule(self._schedule, optimizer, self._total_steps)
        if self._resumed:
            optimizer.load_state_dict(self._resumed["optimizer"])
            schedule.load_state_dict(self._resumed["schedule"])
            self._resumed = {}
        return optimizer, schedule

    @property
    def optimizer(self) -> Optimizer:
        return self._updated_by[0]

    @property
    def schedule(self) -> Schedule:
        return self._updated_by[1]

    @property
    def lr(self) -> float:
        """The current learning rate."""
        return self.optimizer.param_groups[0]["lr"]

    def evaluation_net(self, ema: bool = True) -> nn.Module:
        """The averaged net if there is one and ``ema`` is true; else the trained net."""
        return self.average.net if ema and self.average is not None else self.net

    def sampling_net(self, ema: bool = True) -> nn.Module:
        """As ``evaluation_net``, for many passes: compiled if training is, but not where nothing is trained, since what
        is drawn there is too little to compile for. Samplers keep outputs, which a CUDA graph would overwrite."""
        net = self.evaluation_net(ema)
        if not self._compile or not self._updates:
            return net
        if net not in self._sampling:
            self._sampling[net] = compiled(net, self._compile, self.device, graphs=False)
        return self._sampling[net]

    def scale_gradients(self, precision: str) -> None:
        """Scale gradients in fp16, and in no other precision."""
        enabled = precision == "fp16"
        if enabled != self.scaler.is_enabled():
            self.scaler = torch.amp.GradScaler(self.device.type, enabled=enabled)

    def update(self, loss: Tensor) -> Tensor:
        """Backpropagate ``loss``, and step the optimiser, the schedule and the average.

        Returns the gradient's norm before clipping, a scalar on the device.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self.backpropagate(loss)
        return self.step()

    def backpropagate(self, loss: Tensor) -> None:
        """Add the gradient of ``loss``, scaled in fp16, to that of the net."""
        self.scaler.scale(loss).backward()

    def step(self) -> Tensor:
        """Step the optimiser by the gradient that is there, and the schedule and the average.

        Returns the gradient's norm before clipping, a scalar on the device.
        """
        sharing.average_gradients(self.net.parameters())
        self.scaler.unscale_(self.optimizer)
        parameters = [p for p in self.net.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.clip:
            nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
        before = [p.detach().clone() for p in self._weights] if self._updates < MEASURED_UPDATES else []
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._updates += 1
        self.change = _change(before, self._weights) if before else None
        self.schedule.after_step()
        if self.average is not None:
            self.average.update()
        return norm

    def metrics(self, suffix: str = "") -> dict[str, Tensor | float]:
        """Metrics of the last update, with ``suffix`` at the end of their names."""
        return {} if self.change is None else {f"health/change{suffix}": self.change}

    def gradient(self, loss: Tensor) -> Tensor:
        """The gradient of ``loss`` as a flat float32 vector. No step is taken."""
        self.net.zero_grad(set_to_none=True)
        loss.backward()
        return torch.cat([p.grad.flatten().float() for p in self.net.parameters() if p.grad is not None])

    def weights(self, name: str = "model", average: str = "ema") -> dict[str, dict[str, Tensor]]:
        """State dicts: the net's under ``name``, the averaged net's under ``average``."""
        weights = {name: self.net.state_dict()}
        if self.average is not None:
            weights[average] = self.average.net.state_dict()
        return weights

    def load_weights(
        self, weights: dict[str, dict[str, Tensor]], name: str = "model", average: str = "ema"
    ) -> None:
        self.net.load_state_dict(weights[name])
        if self.average is not None:
            self.average.net.load_state_dict(weights[average])

    def state(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema_updates": self.average.updates if self.average is not None else 0,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self._resumed = state
        vars(self).pop("_updated_by", None)
        if state["scaler"]:
            self.scale_gradients("fp16")
            self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.updates = state["ema_updates"]


@torch.no_grad()
def _change(before: list[Tensor], after: list[nn.Parameter]) -> Tensor:
    """‖after − before‖ / ‖before‖ over all tensors together."""
    steps = [new - old for new, old in zip(after, before, strict=True)]
    return nn.utils.get_total_norm(steps) / nn.utils.get_total_norm(before).clamp_min(1e-12)
