"""The base of methods whose loss is a mean over images, and which therefore can train on a batch part by part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.data.batch import Batch
from engine.devices import is_out_of_memory, release_memory
from engine.methods import Context, Metrics
from engine.methods.single_net import SingleNetMethod
from engine.ranks import sharing

Values = dict[str, Tensor]
"""Tensors by name, each with one row per image of a batch."""


class ImagewiseMethod(SingleNetMethod):
    """A method whose loss is the mean of one value per image.

    A batch larger than ``part`` passes the net in parts of at most that many images, whose gradients are summed. The
    random numbers of a step are drawn for the whole batch before, so that the parts change only the rounding, and the
    masks of dropout. When memory runs out in a step, ``part`` is halved and the same step is taken again.
    """

    def __init__(self, net: nn.Module, context: Context):
        super().__init__(net, context)
        self.part = context.train.part
        self._divisible = not getattr(context.model, "by_batch", False)

    @abstractmethod
    def draw(self, batch: Batch) -> Values:
        """Draw the random numbers of one training step."""

    @abstractmethod
    def losses(self, net: nn.Module, batch: Batch, draws: Values) -> Values:
        """The ``loss`` of each image N, whose mean is minimised, and further values to log."""

    def summary(self, values: Values, draws: Values) -> Metrics:
        """What is logged beside the loss, given the detached ``losses`` of a whole batch.

        ``draws`` are those with one number for each image.
        """
        return {name: value.mean() for name, value in values.items() if name != "loss"}

    def loss(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Metrics]:
        draws = self.draw(batch)
        values = self.losses(net, batch, draws)
        return values["loss"].mean(), self.summary(_detached(values), draws)

    def backpropagate(self, batch: Batch) -> Metrics:
        draws = self.draw(batch)
        while True:
            try:
                return self._backpropagate(batch, draws)
            except (RuntimeError, MemoryError) as error:
                smaller = self.smaller_part(len(batch))
                if not is_out_of_memory(error) or smaller is None:
                    raise
                self.part = smaller
            self.net.zero_grad(set_to_none=True)
            release_memory()

    def _backpropagate(self, batch: Batch, draws: Values) -> Metrics:
        count, seen = len(batch), []
        self.net.zero_grad(set_to_none=True)
        for part in parts(count, self.part):
            here = {name: drawn[part] for name, drawn in draws.items()}
            values = self.losses(self.learner.forward, batch[part], here)
            self.learner.backpropagate(values["loss"].sum() / count)
            seen.append(_detached(values))
        values = seen[0] if len(seen) == 1 else {name: torch.cat([v[name] for v in seen]) for name in seen[0]}
        whole = {name: sharing.gathered(rows) for name, rows in values.items()}
        numbers = {name: sharing.gathered(rows) for name, rows in draws.items() if rows.dim() == 1}
        return {"loss": whole["loss"].mean(), **self.summary(whole, numbers)}

    def smaller_part(self, count: int) -> int | None:
        size = min(count, self.part or count)
        return size // 2 if size > 1 and self._divisible else None

    def state(self) -> dict[str, Any]:
        return {**super().state(), "part": self.part}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.part = state.get("part", self.part)  # runs of early versions have none


def parts(count: int, most: int | None) -> Iterator[slice]:
    """Slices that cover ``count`` images, each of at most ``most``; None: one slice."""
    size = min(count, most or count)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _detached(values: Values) -> Values:
    return {name: value.detach() for name, value in values.items()}
