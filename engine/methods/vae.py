"""Variational autoencoders (Kingma & Welling 2014, arXiv 1312.6114; weighted as Higgins et al. 2017's β-VAE)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.data.batch import Batch
from engine.methods import Context, Metrics, Trace
from engine.methods.imagewise import ImagewiseMethod, Values
from engine.methods.learner import eval_mode
from engine.nets import build_net
from engine.nets.vae import Autoencoder, standard_normal_kl
from engine.ranks import sharing
from engine.settings.methods import VAE as VAESettings
from engine.settings.samplers import Sample


class VAE(ImagewiseMethod):
    """loss = mse + kl_weight · kl.

    Per image, ``mse`` is the sum or mean of (x − x̂)² over its C·H·W values in [-1, 1], and ``kl`` the sum or mean
    over latent dimensions of KL(q(z|x) ‖ N(0,1)) in nats, as the settings say; both are averaged over the batch.
    x̂ is decoded from one draw z ~ q(z|x).
    """

    conditional = False

    def __init__(self, settings: VAESettings, context: Context):
        super().__init__(build_net(context.model, context.spec), context)
        self.settings = settings
        assert isinstance(self.net, Autoencoder), "the net of a VAE must be an Autoencoder"
        self.latent = self.net.latent

    def draw(self, batch: Batch) -> Values:
        """The standard normal ``noise`` N,latent from which z is made."""
        return {"noise": sharing.draw(torch.randn, len(batch), self.latent, device=batch.images.device)}

    def losses(self, net: nn.Module, batch: Batch, draws: Values) -> Values:
        images = batch.images
        with self.autocast():
            decoded, mean, log_variance = net(images, draws["noise"])
        error = (decoded.float() - images).square().flatten(1)
        divergence = standard_normal_kl(mean, log_variance)
        mse = error.mean(1) if self.settings.pixels == "mean" else error.sum(1)
        kl = divergence.mean(1) if self.settings.latents == "mean" else divergence.sum(1)
        return {"loss": mse + self.settings.kl_weight * kl, "mse": mse, "kl": kl}

    @torch.no_grad()
    def validate(self, batch: Batch) -> Metrics:
        """The training losses of the trained (not the averaged) net, with z drawn as in training."""
        with eval_mode(self.net) as net:
            loss, parts = self.loss(net, batch)
        return {f"val_{name}": value for name, value in {"loss": loss, **parts}.items()}

    def noise_shape(self, n: int) -> tuple[int, ...]:
        return (n, self.latent)

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
        """Decode the latents ``noise`` to the decoder's mean: no pixel noise is added."""
        with eval_mode(self._autoencoder(ema)) as net, self.autocast():
            images = net.decode(noise).float()
        if trace is not None:
            trace(1, 1, images)
        return images

    @torch.no_grad()
    def encode(self, images: Tensor, *, ema: bool = True) -> Tensor:
        """The means of q(z|x) for images N,C,H,W in [-1, 1]: N,latent, which ``sample`` accepts as noise."""
        with eval_mode(self._autoencoder(ema)) as net, self.autocast():
            return net.encode(images)[0].float()

    @torch.no_grad()
    def reconstruct(self, images: Tensor, *, ema: bool = True) -> Tensor:
        with eval_mode(self._autoencoder(ema)) as net, self.autocast():
            return net.decode(net.encode(images)[0]).float()

    def _autoencoder(self, ema: bool) -> Autoencoder:
        net = self.learner.evaluation_net(ema)
        assert isinstance(net, Autoencoder)
        return net
