"""DDPM: noise predicted at discrete steps (Ho et al. 2020); classifier-free guidance (Ho & Salimans 2022)."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.data.batch import Batch
from engine.methods import Context, Metrics
from engine.methods.denoising import DenoisingMethod
from engine.methods.imagewise import Values
from engine.ranks import sharing
from engine.samplers.process import Discrete, Level
from engine.settings.methods import DDPM as DDPMSettings
from engine.settings.samplers import Sample

QUARTERS_FROM = 64  # smallest batch in which every quarter of the noise levels practically always has an image


class DDPM(DenoisingMethod):
    """The net predicts the noise ε in x = √ᾱ·image + √(1−ᾱ)·ε from x and t/T in (0, 1].

    t/T spans 1, and EDM's ln σ / 4 spans about 1.2 in training, so nets embed both alike. With ``drop_condition``
    above 0 the net has one more label than there are classes: the last, the null label of an unconditional pass.

    With pixels of 0 to 1, the net sees twice as much noise beside the image at each step; samples are in [-1, 1] again.
    """

    def __init__(self, settings: DDPMSettings, context: Context):
        spec = context.spec
        super().__init__(context, replace(spec, null_class=True) if settings.guided and spec.classes else spec)
        self.settings = settings
        self.alphas_bar = alphas_bar(settings)
        table = torch.tensor([1.0, *self.alphas_bar], dtype=torch.float64)  # indexed by the step, 1…T
        self._alpha = table.sqrt().float().to(context.device)
        self._sigma = (1 - table).sqrt().float().to(context.device)
        self._lowest = -1.0 if settings.pixels == "symmetric" else 0.0

    def draw(self, batch: Batch) -> Values:
        """The step ``t`` N in 1…T and standard normal ``noise`` N,C,H,W.

        With ``drop_condition`` also ``dropped`` N: whose label is replaced by the null label.
        """
        images, count = batch.images, len(batch)
        t = sharing.draw(self._draw_steps, count, device=images.device)
        draws = {"t": t, "noise": sharing.draw_like(torch.randn_like, images)}
        if self.conditional and self.settings.guided:
            draws["dropped"] = (
                sharing.draw(torch.rand, count, device=images.device) < self.settings.drop_condition
            )
        return draws

    def _draw_steps(self, count: int, device: torch.device) -> Tensor:
        return torch.randint(1, self.settings.steps + 1, (count,), device=device)

    def losses(self, net: nn.Module, batch: Batch, draws: Values) -> Values:
        """Mean squared error of the noise predicted in each image."""
        images, t, noise = self._ranged(batch.images), draws["t"], draws["noise"]
        noisy = images * self._alpha[t, None, None, None] + noise * self._sigma[t, None, None, None]
        labels = batch.labels if self.conditional else None
        if labels is not None and "dropped" in draws:
            labels = torch.where(draws["dropped"], self.spec.classes, labels)
        with self.autocast():
            predicted = net(noisy, t / self.settings.steps, labels)
        return {"loss": (predicted.float() - noise).square().mean(dim=(1, 2, 3))}

    def summary(self, values: Values, draws: Values) -> Metrics:
        """The mean loss by quarter of the steps (``loss_q1``: the least noisy), in batches with enough of each."""
        errors, t = values["loss"], draws["t"]
        if len(errors) < QUARTERS_FROM:
            return {}
        quarter = nn.functional.one_hot((t - 1) * 4 // self.settings.steps, 4).float()
        means = (errors @ quarter) / quarter.sum(dim=0)
        return {f"loss_q{i + 1}": means[i] for i in range(4)}

    def predict(
        self, net: nn.Module, x: Tensor, level: Level, labels: Tensor | None, guidance: float | None = None
    ) -> Tensor:
        """Predict the noise in ``x``: N,C,H,W, float32.

        With ``guidance`` w it is (1+w)·conditional − w·unconditional, computed in one batch of 2N.
        """
        time = x.new_full((len(x),), level.time / self.settings.steps, dtype=torch.float32)
        if not guidance or labels is None:
            with self.autocast():
                return net(x, time, labels).float()
        null = torch.full_like(labels, self.spec.classes)
        with self.autocast():
            both = net(torch.cat([x, x]), torch.cat([time, time]), torch.cat([labels, null]))
        conditional, unconditional = both.float().chunk(2)
        return (1 + guidance) * conditional - guidance * unconditional

    def process(self, net: nn.Module, settings: Sample, labels: Tensor | None) -> Discrete:
        guidance = getattr(settings, "guidance", None)

        def denoise(x: Tensor, level: Level) -> Tensor:
            image = (x - level.sigma * self.predict(net, x, level, labels, guidance)) / level.alpha
            return image.clamp(self._lowest, 1) if self.settings.clip else image

        return Discrete(denoise, self.alphas_bar)

    def _ranged(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] to the range of pixels that noise is added to."""
        return images if self.settings.pixels == "symmetric" else (images + 1) / 2

    def as_images(self, x: Tensor) -> Tensor:
        """The reverse of ``_ranged``."""
        return x if self.settings.pixels == "symmetric" else x * 2 - 1


def alphas_bar(settings: DDPMSettings) -> list[float]:
    """ᾱ of the steps 1…T: the share of the signal's variance that remains, decreasing."""
    steps = settings.steps
    if settings.schedule == "linear":
        gap = (settings.beta_end - settings.beta_start) / (steps - 1)
        betas = [settings.beta_start + i * gap for i in range(steps)]
    else:  # Nichol & Dhariwal 2021, eq. 17

        def f(t: int) -> float:
            return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

        betas = [min(1 - f(t + 1) / f(t), 0.999) for t in range(steps)]
    product, products = 1.0, []
    for beta in betas:
        product *= 1 - beta
        products.append(product)
    return products
