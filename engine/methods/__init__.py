"""Methods: how a net learns and samples. The training loop knows ``Method`` and nothing of any family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from engine.recipe import Recipe
    from engine.settings.samplers import Sample

Trace = Callable[[int, int, Tensor], None]
"""Called while sampling with (steps done, steps in all, images so far: N,C,H,W in about [-1,1])."""


@dataclass(frozen=True)
class ImageSpec:
    """What a net must know of the data: C,H,W and the number of classes (0: none)."""

    shape: tuple[int, int, int]
    classes: int = 0


@dataclass(frozen=True)
class Context:
    """What a method is built from. ``images`` is the training set, uint8 N,C,H,W, for measuring it."""

    recipe: Recipe
    spec: ImageSpec
    device: torch.device
    total_steps: int
    steps_per_epoch: int
    images: Tensor | None = None


class Method(Protocol):
    """One way of learning a distribution of images. Owns its nets, optimisers, averages and schedule."""

    precision: str
    """``fp32`` or ``bf16``; set by the loop before training."""

    nets: dict[str, nn.Module]
    conditional: bool
    """Whether samples are asked for by label."""
    averages: bool
    """Whether averaged weights are kept."""

    def training_step(self, images: Tensor, labels: Tensor | None) -> dict[str, Tensor | float]:
        """One optimiser step on N,C,H,W images in [-1,1]. Metrics stay on the device; ``loss`` is required."""
        ...

    def rehearse(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Forward and backward without a step: the flat gradient. For the precision probe, on a copy."""
        ...

    def end_epoch(self, loss: float) -> None:
        """Told the epoch's mean loss."""
        ...

    def sample(
        self,
        settings: Sample,
        noise: Tensor,
        labels: Tensor | None,
        *,
        ema: bool = True,
        trace: Trace | None = None,
    ) -> Tensor:
        """Images N,C,H,W in about [-1,1] from ``noise`` (standard normal, see ``noise_shape``)."""
        ...

    def noise_shape(self, n: int) -> tuple[int, ...]:
        """Shape of the noise ``sample`` starts from."""
        ...

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Every net's tensors by name (``model``, ``ema``, …): what goes into safetensors."""
        ...

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None: ...

    def state(self) -> dict[str, Any]:
        """Everything else needed to go on exactly: optimisers, schedules, counters. Tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None: ...
