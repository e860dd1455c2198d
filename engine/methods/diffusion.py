"""Diffusion by noise level: the preconditioning and loss of Karras et al. 2022 (EDM, arXiv 2206.00364)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from engine import registry
from engine.methods import Context, Trace
from engine.methods.averaging import Averaged
from engine.optim import build_optimizer, build_schedule
from engine.settings.methods import EDM as EDMSettings
from engine.settings.samplers import Sample


class EDM:
    """A net F becomes the denoiser D(x; σ) = c_skip·x + c_out·F(c_in·x; ln σ / 4)   (EDM eq. 7, table 1)."""

    def __init__(self, settings: EDMSettings, context: Context):
        recipe = context.recipe
        self.settings = settings
        self.device = context.device
        self.precision = "fp32"
        self.spec = context.spec
        self.conditional = bool(context.spec.classes) and getattr(recipe.model, "conditional", False)
        self.sigma_data = settings.sigma_data or measure_sigma_data(context.images)
        net: nn.Module = registry.build(recipe.model, context.spec).to(context.device)
        if recipe.train.channels_last:
            net = net.to(memory_format=torch.channels_last)
        self.net = net.train()
        self.nets = {"model": self.net}
        self.average = Averaged(self.net, recipe.train.ema) if recipe.train.ema else None
        self.averages = self.average is not None
        self.clip = recipe.train.clip
        self.optimizer = build_optimizer(recipe.optim, self.net.parameters())
        self.schedule = build_schedule(recipe.schedule, self.optimizer, context.total_steps)

    def autocast(self) -> AbstractContextManager[object]:
        enabled = self.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def denoise(self, net: nn.Module, x: Tensor, sigma: Tensor, labels: Tensor | None) -> Tensor:
        """D(x; σ): x N,C,H,W, sigma N -> N,C,H,W, in float32."""
        s, d = sigma[:, None, None, None], self.sigma_data
        total = s**2 + d**2
        with self.autocast():
            f = net(x * total.rsqrt(), sigma.log() / 4, labels).float()
        return x * (d**2 / total) + f * (s * d * total.rsqrt())

    def loss(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The EDM loss, λ(σ)·‖D − y‖² averaged over pixels, scalar.

        λ·c_out² = 1, so it is the squared error of F against (y − c_skip·x) / c_out.
        """
        n, d = len(images), self.sigma_data
        settings = self.settings
        sigma = torch.randn(n, device=images.device).mul(settings.p_std).add(settings.p_mean).exp()
        s = sigma[:, None, None, None]
        noisy = torch.addcmul(images, torch.randn_like(images), s)
        total = s**2 + d**2
        target = (images - noisy * (d**2 / total)) * (total.sqrt() / (s * d))
        with self.autocast():
            f = self.net(noisy * total.rsqrt(), sigma.log() / 4, labels if self.conditional else None)
        return (f.float() - target).square().mean()

    def training_step(self, images: Tensor, labels: Tensor | None) -> dict[str, Tensor | float]:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(images, labels)
        loss.backward()
        parameters = [p for p in self.net.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.clip:
            nn.utils.clip_grads_with_norm_(parameters, self.clip, norm)
        metrics = {"loss": loss.detach(), "grad_norm": norm, "lr": self.optimizer.param_groups[0]["lr"]}
        self.optimizer.step()
        self.schedule.after_step()
        if self.average is not None:
            self.average.update()
        return metrics

    def rehearse(self, images: Tensor, labels: Tensor | None) -> Tensor:
        self.net.zero_grad(set_to_none=True)
        self.loss(images, labels).backward()
        return torch.cat([p.grad.flatten().float() for p in self.net.parameters() if p.grad is not None])

    def end_epoch(self, loss: float) -> None:
        self.schedule.after_epoch(loss)

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
        net = self.average.net if ema and self.average is not None else self.net
        training = net.training
        net.eval()
        labels = labels if self.conditional else None

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return self.denoise(net, x, sigma.float().expand(len(x)), labels)

        def show(done: int, total: int, x: Tensor, sigma: Tensor) -> None:
            if trace is not None:  # shown at the data's scale whatever the noise level
                trace(done, total, x * (self.sigma_data / (sigma**2 + self.sigma_data**2).sqrt()).clamp(max=1))

        try:
            return registry.build(
                settings, denoise, noise, self.settings.sigma_min, self.settings.sigma_max, show
            )
        finally:
            net.train(training)

    def weights(self) -> dict[str, dict[str, Tensor]]:
        found = {"model": self.net.state_dict()}
        if self.average is not None:
            found["ema"] = self.average.net.state_dict()
        return found

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None:
        self.net.load_state_dict(weights["model"])
        if self.average is not None:
            self.average.net.load_state_dict(weights["ema"])

    def state(self) -> dict[str, Any]:
        return {
            "sigma_data": self.sigma_data,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "ema_updates": self.average.updates if self.average is not None else 0,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.sigma_data = state["sigma_data"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.updates = state["ema_updates"]


def measure_sigma_data(images: Tensor | None) -> float:
    """Standard deviation of all pixels of a uint8 set, at the scale [-1,1]."""
    if images is None:
        return 0.5
    counts = torch.bincount(images.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    share = counts / counts.sum()
    mean = (share * values).sum()
    return max(float((share * (values - mean) ** 2).sum().sqrt()), 1e-3)
