"""Training methods, as protocols: what the training loop requires of every method, and optional abilities.

The training loop uses ``Method`` alone and knows no family of models. A method that can do more implements
``Generates``, ``Reconstructs``, ``Validates``, ``Classifies`` or ``TrainsInParts`` as well; code that needs such an
ability tests for it with ``isinstance``.
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
"""Called during sampling with (steps done, total steps, intermediate images N,C,H,W in about [-1, 1])."""

Metrics = dict[str, Tensor | float]
"""Scalars by name. Tensors stay on the device until the log is flushed."""


@dataclass(frozen=True)
class Context:
    """What a method is built from, beside its own settings.

    The first four are tables of the recipe. ``images`` is the training set, uint8 N,C,H,W, for methods that
    measure it, ``target_images`` that of the target domain; None where there is none to measure.
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
    target_images: Tensor | None = None


@runtime_checkable
class Method(Protocol):
    """A training method. Owns its nets, optimisers, averaged weights and learning-rate schedules.

    A method whose loss need not decrease when training goes well, such as a GAN, sets ``loss_decreases = False``; one
    that updates the net its samples come from at every k-th step only, ``steps_per_update = k``.
    """

    precision: str
    """``fp32``, ``bf16`` or ``fp16``; set by the loop before training."""

    nets: dict[str, nn.Module]

    def training_step(self, batch: Batch) -> Metrics:
        """Take one optimisation step on ``batch`` and return its metrics.

        ``loss`` is required, and must be non-finite exactly when training has gone wrong.
        """
        ...

    def probe_gradient(self, batch: Batch) -> Tensor:
        """Compute the gradient on ``batch`` without taking a step: a flat float32 vector.

        Called on a copy of the method, to compare precisions and to record layer shapes.
        """
        ...

    def end_epoch(self, mean: Tensor | float, last: Tensor | float) -> None:
        """Update the schedules after an epoch, given its mean loss and that of its last batch.

        These are scalars on the device, which only a schedule that needs them should wait for.
        """
        ...

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """State dicts of every net by name (``model``, ``ema``, …), as they are saved to safetensors files."""
        ...

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None:
        """Load what ``weights`` returned."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything else needed to resume exactly: optimisers, schedules, counters. Tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Load what ``state`` returned."""
        ...


@runtime_checkable
class Generates(Method, Protocol):
    """A method that generates images."""

    conditional: bool
    """Whether ``sample`` needs labels: classes or attributes."""
    has_average: bool
    """Whether averaged weights (EMA) are kept."""

    def sample(
        self,
        settings: Sample,
        noise: Tensor,
        labels: Tensor | None,
        *,
        ema: bool = True,
        trace: Trace | None = None,
    ) -> Tensor:
        """Generate images N,C,H,W in about [-1, 1] from standard normal ``noise``, see ``noise_shape``.

        ``labels`` are int64 N or float N,A as in ``Batch``; None if the method is not conditional. With ``ema`` the
        averaged weights are used, where there are any. Any further noise that a sampler draws must be determined
        by ``noise`` alone, image by image: see ``engine.samplers.image_noise``.
        """
        ...

    def noise_shape(self, n: int) -> tuple[int, ...]:
        """Shape of the noise that ``sample`` takes for ``n`` images."""
        ...

    def sampled_net(self, ema: bool = True) -> nn.Module:
        """The net that ``sample`` draws from."""
        ...


@runtime_checkable
class Reconstructs(Protocol):
    """A method that encodes images to latents and decodes them."""

    def reconstruct(self, images: Tensor, *, ema: bool = True) -> Tensor:
        """Encode ``images`` N,C,H,W in [-1, 1] and decode the mean of their latent distribution: N,C,H,W."""
        ...

    def encode(self, images: Tensor, *, ema: bool = True) -> Tensor:
        """Encode ``images`` N,C,H,W in [-1, 1] to latents, which ``sample`` accepts as noise."""
        ...


@runtime_checkable
class TrainsInParts(Protocol):
    """A method whose training step can pass a batch through the net in parts, which changes only the rounding."""

    part: int | None
    """The most images at once; None: the whole batch. The method halves it when memory runs out."""

    def smaller_part(self, count: int) -> int | None:
        """Half the images of a batch of ``count`` that now pass at once; None when they cannot be fewer."""
        ...


@runtime_checkable
class Validates(Protocol):
    """A method that has losses on held-out images."""

    def validate(self, batch: Batch) -> Metrics:
        """Mean losses on one batch, in evaluation mode and without gradients; their names begin with ``val_``."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """A method that predicts classes."""

    def classify(self, images: Tensor, of_target: bool = False) -> tuple[Tensor, Tensor]:
        """Classify images N,C,H,W in [-1, 1] in evaluation mode: (features N,D, logits N,K).

        ``of_target``: whether they are of the target domain.
        """
        ...
