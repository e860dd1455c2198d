"""The base of methods that learn to denoise: sampling over their noise process."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.methods import Context, Trace
from engine.methods.imagewise import ImagewiseMethod
from engine.methods.learner import eval_mode
from engine.nets import build_net
from engine.samplers import run_sampler
from engine.samplers.process import Level, Process
from engine.settings.samplers import Sample


class DenoisingMethod(ImagewiseMethod):
    """A method whose net denoises."""

    def __init__(self, context: Context, spec: ImageSpec | None = None):
        """``spec`` replaces ``context.spec`` for the net, which may have a null class in addition."""
        super().__init__(build_net(context.model, spec or context.spec), context)
        self.conditional = bool(context.spec.classes) and getattr(context.model, "conditional", False)

    @property
    def data_std(self) -> float:
        """Standard deviation of the images; noisy ones are displayed at this scale."""
        return 1.0

    def as_images(self, x: Tensor) -> Tensor:
        """What the noise process works on, in the range of images, [-1, 1]: N,C,H,W."""
        return x

    @abstractmethod
    def process(self, net: nn.Module, settings: Sample, labels: Tensor | None) -> Process:
        """The noise process with ``net`` as its denoiser, for ``labels`` (None if unconditional)."""

    def noise_shape(self, n: int) -> tuple[int, ...]:
        return (n, *self.spec.shape)

    @torch.no_grad()
    def sample(
        self,
        settings: Sample,
        noise: Tensor,
        labels: Tensor | None,
        *,
        ema: bool = True,
        trace: Trace | None = None,
    ) -> Tensor:
        def show(done: int, total: int, x: Tensor, level: Level) -> None:
            if trace is not None:  # rescaled to the standard deviation of images, whatever the noise level
                scale = self.data_std / math.hypot(level.alpha * self.data_std, level.sigma)
                trace(done, total, self.as_images(x * scale))

        with eval_mode(self.sampled_net(ema)):
            net = self.learner.sampling_net(ema)
            process = self.process(net, settings, labels if self.conditional else None)
            return self.as_images(run_sampler(settings, process, noise, show))
