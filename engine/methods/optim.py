"""Optimisers and learning-rate schedules: torch's own, behind the interface that ``Learner`` uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from engine.methods import lazy_dynamo
from engine.settings import optim as settings_
from engine.settings import registry


@runtime_checkable
class Schedule(Protocol):
    """A learning-rate schedule, updated after every optimiser step and after every epoch.

    An epoch's losses are the ``mean`` over its batches and that of its ``last`` batch: scalars, perhaps on the device.
    """

    def after_step(self) -> None: ...
    def after_epoch(self, mean: Tensor | float, last: Tensor | float) -> None: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def build_optimizer(settings: registry.Settings, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build the optimiser of an [optim] table over ``parameters``."""
    lazy_dynamo.import_on_demand()
    return registry.build(settings, Optimizer, list(parameters))


def build_schedule(settings: registry.Settings, optimizer: Optimizer, total_steps: int) -> Schedule:
    """Build the learning-rate schedule of a [schedule] table for a run of ``total_steps`` optimiser steps."""
    return registry.build(settings, Schedule, optimizer, total_steps)


def adam(settings: settings_.Adam, parameters: list[nn.Parameter]) -> Optimizer:
    return Adam(parameters, fused=True, **_options(settings))


def adamw(settings: settings_.AdamW, parameters: list[nn.Parameter]) -> Optimizer:
    return AdamW(parameters, fused=True, **_options(settings))


def sgd(settings: settings_.SGD, parameters: list[nn.Parameter]) -> Optimizer:
    return SGD(
        parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay, fused=True
    )


def _options(settings: settings_.Adam | settings_.AdamW) -> dict[str, Any]:
    first, second = settings.betas
    return {
        "lr": settings.lr,
        "betas": (first, second),
        "eps": settings.eps,
        "weight_decay": settings.weight_decay,
    }


class Constant:
    """The learning rate stays constant."""

    def __init__(self, settings: settings_.Constant, optimizer: Optimizer, total_steps: int):
        pass

    def after_step(self) -> None: ...
    def after_epoch(self, mean: Tensor | float, last: Tensor | float) -> None: ...
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Plateau:
    """torch's ReduceLROnPlateau on the epoch's training loss."""

    def __init__(self, settings: settings_.Plateau, optimizer: Optimizer, total_steps: int):
        self._loss = settings.loss
        # torch lowers the rate when bad epochs *exceed* its patience; ours is the number of epochs to wait.
        self.inner = ReduceLROnPlateau(
            optimizer,
            factor=settings.factor,
            patience=settings.patience - 1,
            min_lr=settings.min_lr,
            threshold=settings.threshold,
        )

    def after_step(self) -> None: ...

    def after_epoch(self, mean: Tensor | float, last: Tensor | float) -> None:
        self.inner.step(float(last if self._loss == "last" else mean))

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.inner.load_state_dict(state)


class _Stepwise:
    """A learning rate multiplied by a function of the step; ``by_epoch``: that of the last epoch's end."""

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float], by_epoch: bool = False):
        self.inner = LambdaLR(optimizer, factor)
        self._by_epoch, self._done = by_epoch, 0

    def after_step(self) -> None:
        self._done += 1
        if not self._by_epoch:
            self.inner.step()

    def after_epoch(self, mean: Tensor | float, last: Tensor | float) -> None:
        if self._by_epoch:
            self.inner.last_epoch = self._done - 1  # torch counts a step more, and takes the factor of that
            self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        return {**self.inner.state_dict(), "done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        inner = dict(state)
        self._done = inner.pop("done", inner["last_epoch"])  # states of earlier versions have none
        self.inner.load_state_dict(inner)


class Linear(_Stepwise):
    """A linear warm-up, then a linear decay to the end of the run."""

    def __init__(self, settings: settings_.Linear, optimizer: Optimizer, total_steps: int):
        warmup = max(1, round(settings.warmup * total_steps)) if settings.warmup else 0

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            left = (total_steps - step) / max(1, total_steps - warmup)
            return settings.final + (1 - settings.final) * max(0.0, left)

        super().__init__(optimizer, factor, settings.by_epoch)


class DANN(_Stepwise):
    """lr / (1 + alpha·p)^beta, p going from 0 to 1 over the run (Ganin et al. 2016, §5.2.2)."""

    def __init__(self, settings: settings_.DANN, optimizer: Optimizer, total_steps: int):
        def factor(step: int) -> float:
            return (1 + settings.alpha * step / max(1, total_steps)) ** -settings.beta

        super().__init__(optimizer, factor)
