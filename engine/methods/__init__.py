"""Methods: how a net learns and what it can do. The training loop knows ``Method`` and nothing of any family.

``Method`` is what every one must be. What else one can do it says by having the methods of ``Generates``,
``Reconstructs``, ``Validates`` or ``Classifies``; whoever needs an ability asks for it with ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from engine.data.batch import Batch, ImageSpec

if TYPE_CHECKING:
    from engine.settings.registry import Settings
    from engine.settings.samplers import Sample
    from engine.settings.training import Train

Trace = Callable[[int, int, Tensor], None]
"""Called while sampling with (steps done, steps in all, images so far: N,C,H,W in about [-1,1])."""

Metrics = dict[str, Tensor | float]
"""Named scalars; tensors stay on the device until the log is flushed."""


@dataclass(frozen=True)
class Context:
    """What a method is built from, beside its own settings.

    The first four are tables of the recipe. ``images`` is the training set, uint8 N,C,H,W, for methods that
    measure it; None where there is none to measure.
    """

    model: Settings
    optim: Settings
    schedule: Settings
    train: Train
    spec: ImageSpec
    device: torch.device
    total_steps: int
    steps_per_epoch: int
    images: Tensor | None = None


@runtime_checkable
class Method(Protocol):
    """One way of learning. Owns its nets, optimisers, averages and schedules.

    One whose ``loss`` need not fall though training goes well, as an adversary's, has ``loss_decreases = False``.
    """

    precision: str
    """``fp32``, ``bf16`` or ``fp16``; set by the loop before training."""

    nets: dict[str, nn.Module]

    def training_step(self, batch: Batch) -> Metrics:
        """One step on one batch. ``loss`` is required, and non-finite exactly when training has gone wrong."""
        ...

    def probe_gradient(self, batch: Batch) -> Tensor:
        """Forward and backward without a step: the flat gradient. For the precision probe, on a copy."""
        ...

    def end_epoch(self, loss: float) -> None:
        """Told the epoch's mean loss."""
        ...

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Every net's tensors by name (``model``, ``ema``, …): what goes into safetensors."""
        ...

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None: ...

    def state(self) -> dict[str, Any]:
        """Everything else needed to go on exactly: optimisers, schedules, counters. Tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class Generates(Method, Protocol):
    """A method whose net makes images."""

    conditional: bool
    """Whether samples are asked for by label or attributes."""
    has_average: bool
    """Whether averaged weights are kept."""

    def sample(
        self,
        settings: Sample,
        noise: Tensor,
        labels: Tensor | None,
        *,
        ema: bool = True,
        trace: Trace | None = None,
    ) -> Tensor:
        """Images N,C,H,W in about [-1,1] from ``noise`` (standard normal, see ``noise_shape``).

        ``labels``: int64 N or float N,A as in ``Batch``; None where the method is not conditional. What a
        sampler draws besides must follow from ``noise`` alone, image by image (``engine.samplers.image_noise``).
        """
        ...

    def noise_shape(self, n: int) -> tuple[int, ...]:
        """Shape of the noise ``sample`` starts from."""
        ...


@runtime_checkable
class Reconstructs(Protocol):
    """A method that encodes and decodes."""

    def reconstruct(self, images: Tensor, *, ema: bool = True) -> Tensor:
        """N,C,H,W in [-1,1] -> the same, through the latent mean."""
        ...

    def encode(self, images: Tensor, *, ema: bool = True) -> Tensor:
        """N,C,H,W in [-1,1] -> latents as ``sample`` takes them for noise."""
        ...


@runtime_checkable
class Validates(Protocol):
    """A method with losses on images it does not train on."""

    def validate(self, batch: Batch) -> Metrics:
        """Mean losses of one batch, without gradients, in evaluation mode; their names begin with ``val_``."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """A method that predicts classes."""

    def classify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """N,C,H,W in [-1,1] -> (features N,D, logits N,K), in evaluation mode."""
        ...
