"""Diffusion by noise level: the preconditioning and loss of Karras et al. 2022 (EDM, arXiv 2206.00364)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.data.batch import Batch
from engine.methods import Context
from engine.methods.denoising import DenoisingMethod
from engine.methods.imagewise import Values
from engine.ranks import sharing
from engine.samplers.process import Continuous, Level
from engine.settings.methods import EDM as EDMSettings
from engine.settings.samplers import Sample


class EDM(DenoisingMethod):
    """The denoiser is the preconditioned net F: D(x; σ) = c_skip·x + c_out·F(c_in·x; ln σ / 4) (EDM eq. 7)."""

    def __init__(self, settings: EDMSettings, context: Context):
        super().__init__(context)
        self.settings = settings
        self.sigma_data = settings.sigma_data or measure_sigma_data(context.images)

    def denoise(self, net: nn.Module, x: Tensor, sigma: Tensor, labels: Tensor | None) -> Tensor:
        """D(x; σ) for ``x`` N,C,H,W and ``sigma`` N: N,C,H,W, float32."""
        s, d = sigma[:, None, None, None], self.sigma_data
        total = s**2 + d**2
        with self.autocast():
            f = net(x * total.rsqrt(), sigma.log() / 4, labels).float()
        return x * (d**2 / total) + f * (s * d * total.rsqrt())

    def draw(self, batch: Batch) -> Values:
        """The noise level ``sigma`` N, lognormal (EDM table 1), and standard normal ``noise`` N,C,H,W."""
        images, settings = batch.images, self.settings
        normal = sharing.draw(torch.randn, len(images), device=images.device)
        sigma = normal.mul(settings.p_std).add(settings.p_mean).exp()
        if settings.clip_sigma:
            sigma = sigma.clamp(settings.sigma_min, settings.sigma_max)
        return {"sigma": sigma, "noise": sharing.draw_like(torch.randn_like, images)}

    def losses(self, net: nn.Module, batch: Batch, draws: Values) -> Values:
        """The EDM loss λ(σ)·‖D − y‖² of each image, averaged over its pixels.

        Since λ·c_out² = 1, it equals the squared error of F against (y − c_skip·x) / c_out.
        """
        images, d, sigma = batch.images, self.sigma_data, draws["sigma"]
        s = sigma[:, None, None, None]
        noisy = torch.addcmul(images, draws["noise"], s)
        total = s**2 + d**2
        target = (images - noisy * (d**2 / total)) * (total.sqrt() / (s * d))
        with self.autocast():
            f = net(noisy * total.rsqrt(), sigma.log() / 4, batch.labels if self.conditional else None)
        return {"loss": (f.float() - target).square().mean(dim=(1, 2, 3))}

    @property
    def data_std(self) -> float:
        return self.sigma_data

    def process(self, net: nn.Module, settings: Sample, labels: Tensor | None) -> Continuous:
        def denoise(x: Tensor, level: Level) -> Tensor:
            return self.denoise(net, x, x.new_full((len(x),), level.sigma, dtype=torch.float32), labels)

        return Continuous(denoise, self.settings.sigma_min, self.settings.sigma_max)

    def state(self) -> dict[str, Any]:
        return {"sigma_data": self.sigma_data, **super().state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.sigma_data = state["sigma_data"]
        super().load_state(state)


def measure_sigma_data(images: Tensor | None) -> float:
    """Standard deviation of all pixels of uint8 ``images`` scaled to [-1, 1]; 0.5 without images."""
    if images is None:
        return 0.5
    counts = torch.bincount(images.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    share = counts / counts.sum()
    mean = (share * values).sum()
    return max(float((share * (values - mean) ** 2).sum().sqrt()), 1e-3)
