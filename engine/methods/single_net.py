"""The base of methods with a single net."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn

from engine.data.batch import Batch
from engine.methods import Context, Metrics
from engine.methods.learner import Learner, autocast


class SingleNetMethod(ABC):
    """A method that consists of one ``Learner`` and a loss.

    Subclasses implement ``loss``, and extend ``state`` and ``load_state`` if they have state of their own. Those whose
    loss is a mean over images derive from ``ImagewiseMethod``.
    """

    def __init__(self, net: nn.Module, context: Context):
        self.precision = "fp32"
        self.spec = context.spec
        self.device = context.device
        self.learner = Learner(net, context)
        self.net, self.average = self.learner.net, self.learner.average
        self.nets = {"model": self.net}
        self.has_average = self.average is not None

    @abstractmethod
    def loss(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Metrics]:
        """The scalar to minimise on ``batch``, and further metrics (detached)."""

    def autocast(self) -> AbstractContextManager[object]:
        return autocast(self.device, self.precision)

    def training_step(self, batch: Batch) -> Metrics:
        self.learner.scale_gradients(self.precision)
        lr = self.learner.lr
        metrics = self.backpropagate(batch)
        return metrics | {"grad_norm": self.learner.step(), "lr": lr, **self.learner.metrics()}

    def backpropagate(self, batch: Batch) -> Metrics:
        """Set the net's gradient to that of the loss on ``batch``. Returns the loss and its metrics."""
        self.net.zero_grad(set_to_none=True)
        loss, parts = self.loss(self.learner.forward, batch)
        self.learner.backpropagate(loss)
        return {"loss": loss.detach(), **parts}

    def probe_gradient(self, batch: Batch) -> Tensor:
        return self.learner.gradient(self.loss(self.net, batch)[0])

    def end_epoch(self, mean: Tensor | float, last: Tensor | float) -> None:
        self.learner.schedule.after_epoch(mean, last)

    def sampled_net(self, ema: bool = True) -> nn.Module:
        return self.learner.evaluation_net(ema)

    def weights(self) -> dict[str, dict[str, Tensor]]:
        return self.learner.weights()

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None:
        self.learner.load_weights(weights)

    def state(self) -> dict[str, Any]:
        return self.learner.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.learner.load_state(state)
