"""Generative adversarial networks (Goodfellow et al. 2014), composed of the parts that a recipe names.

The adversarial loss and the critic's regulariser are parts of their own. Discriminators that also predict an image's
classes or attributes have an auxiliary loss (Odena et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrize import is_parametrized

from engine.data.batch import Batch
from engine.methods import Context, Metrics, Trace
from engine.methods.adversarial import build_adversarial
from engine.methods.learner import Learner, autocast, eval_mode
from engine.methods.penalties import build_regulariser
from engine.nets import build_pair
from engine.ranks import sharing
from engine.settings import registry
from engine.settings.methods import GAN as GANSettings
from engine.settings.nets import GANPair
from engine.settings.samplers import Sample


class GAN:
    """Updates the discriminator on every batch, the generator on every ``critic_steps``-th.

    Images are generated with the labels of the batch's real images. The generator is updated on the same
    generated images as the discriminator just before.
    """

    def __init__(self, settings: GANSettings, context: Context):
        model, spec = context.model, context.spec
        if not isinstance(model, GANPair):
            raise TypeError(f"a GAN trains a pair of nets, not {type(model).__name__}")
        self.settings = settings
        self.precision = "fp32"
        self.loss_decreases = False
        self.steps_per_update = settings.critic_steps
        self.device = context.device
        self.latent = model.latent
        self.spec = spec
        self.conditional = bool(spec.condition_size) and model.conditional
        self.adversarial = build_adversarial(registry.default_settings("adversarial_loss", settings.loss))
        self.regulariser = build_regulariser(settings.regulariser)
        generator, discriminator = build_pair(model, spec)
        generator_context = replace(context, total_steps=max(1, context.total_steps // settings.critic_steps))
        self.generator = Learner(generator, generator_context)
        lr = settings.discriminator_lr
        self.discriminator = Learner(
            discriminator,
            context,
            ema=False,
            # torch.compile silently gives no second derivatives, and ignores the cache of `weights_computed_once`.
            compilable=self.regulariser.term is None and not any(map(is_parametrized, discriminator.modules())),
            optim=context.optim.model_copy(update={"lr": lr}) if lr else None,
        )
        self.nets = {"generator": self.generator.net, "discriminator": self.discriminator.net}
        self.has_average = self.generator.average is not None
        self.batches = 0

    def autocast(self) -> AbstractContextManager[object]:
        return autocast(self.device, self.precision)

    def condition(self, labels: Tensor | None) -> Tensor | None:
        """Labels of a batch as the nets take them: float32 N,A; None if they are not conditional.

        Raises ValueError if labels are needed and there are none.
        """
        if not self.conditional:
            return None
        if labels is None:
            raise ValueError("this GAN is conditional: labels are needed")
        return (F.one_hot(labels, self.spec.condition_size) if labels.dim() == 1 else labels).float()

    def generate(self, condition: Tensor | None, n: int) -> Tensor:
        """Generate ``n`` images N,C,H,W, float32, from fresh latents."""
        draw = torch.rand if self.settings.latents == "uniform" else torch.randn
        latents = sharing.draw(draw, *self.noise_shape(n), device=self.device)
        with self.autocast():
            return self.generator.forward(latents, condition).float()

    def discriminate(self, images: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The discriminator's scores N and logits of the condition N,A (or None), float32."""
        with self.autocast():
            score, logits = self.discriminator.forward(images, condition)
        return score.float(), None if logits is None else logits.float()

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, condition: Tensor | None
    ) -> tuple[Tensor, Metrics]:
        """The discriminator's total loss, and its terms as metrics."""
        settings, penalty = self.settings, None
        with weights_computed_once(self.discriminator.net):
            real_scores, real_logits = self.discriminate(real, condition)
            fake_scores, fake_logits = self.discriminate(fake, condition)
            if self.regulariser.term is not None:
                penalty = self.regulariser.term(lambda images: self.critic(images, condition), real, fake)
        on_real, on_fake = self.adversarial.discriminator(real_scores, fake_scores)
        total = on_real + on_fake
        parts: Metrics = {"loss_d_real": on_real.detach(), "loss_d_fake": on_fake.detach()}
        if penalty is not None:
            total = total + penalty
            parts["loss_d_penalty"] = penalty.detach()
        if settings.auxiliary_weight:
            auxiliary = self.auxiliary(real_logits, condition)
            if settings.auxiliary_fakes:
                auxiliary = auxiliary + self.auxiliary(fake_logits, condition)
            total = total + auxiliary
            parts["loss_d_aux"] = auxiliary.detach()
        if (threshold := self.adversarial.threshold) is not None:
            correct = (real_scores.detach() > threshold).float().mean() + (
                fake_scores.detach() < threshold
            ).float().mean()
            parts["d_accuracy"] = correct / 2
        if self.adversarial.estimates_distance:
            parts["wasserstein"] = real_scores.detach().mean() - fake_scores.detach().mean()
        return total, parts

    def generator_loss(self, fake: Tensor, condition: Tensor | None) -> tuple[Tensor, Metrics]:
        """The generator's total loss, and its terms as metrics."""
        with weights_computed_once(self.discriminator.net):
            scores, logits = self.discriminate(fake, condition)
        total = self.adversarial.generator(scores)
        parts: Metrics = {"loss_g_adv": total.detach()}
        if self.settings.auxiliary_weight:
            auxiliary = self.auxiliary(logits, condition)
            total = total + auxiliary
            parts["loss_g_aux"] = auxiliary.detach()
        return total, parts | {"loss_g": total.detach()}

    def critic(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """Scores N for penalties on their gradient: always float32, never compiled."""
        return self.discriminator.net(images, condition)[0]

    def auxiliary(self, logits: Tensor | None, condition: Tensor | None) -> Tensor:
        """λ times the binary cross entropy of the class head, averaged over attributes and images."""
        assert logits is not None and condition is not None, "an auxiliary loss needs a class head"
        return self.settings.auxiliary_weight * F.binary_cross_entropy_with_logits(logits, condition)

    def training_step(self, batch: Batch) -> Metrics:
        self.generator.scale_gradients(self.precision)
        self.discriminator.scale_gradients(self.precision)
        self.batches += 1
        updates_generator = self.batches % self.settings.critic_steps == 0
        condition = self.condition(batch.labels)
        metrics: Metrics = {"lr": self.generator.lr}
        if self.settings.discriminator_lr:
            metrics["lr_d"] = self.discriminator.lr
        with torch.set_grad_enabled(updates_generator):
            fake = self.generate(condition, len(batch))
        loss, parts = self.discriminator_loss(batch.images, fake.detach(), condition)
        metrics |= {"loss": loss.detach(), **parts, "grad_norm_d": self.discriminator.update(loss)}
        metrics |= self.discriminator.metrics("_d")
        if self.settings.auxiliary_weight and (norm := self.class_head_norm()) is not None:
            metrics["grad_norm_aux"] = norm
        if self.regulariser.constrain is not None:
            self.regulariser.constrain(self.discriminator.net)
        if updates_generator:
            with frozen(self.discriminator.net):
                loss, parts = self.generator_loss(fake, condition)
                metrics |= {**parts, "grad_norm_g": self.generator.update(loss)}
            metrics |= self.generator.metrics("_g")
        return metrics

    def class_head_norm(self) -> Tensor | None:
        """Norm of the class head's gradient in the step just taken, which comes from the auxiliary loss alone."""
        head = getattr(self.discriminator.net, "class_head", None)
        if not isinstance(head, nn.Module):
            return None
        return nn.utils.get_total_norm([p.grad for p in head.parameters() if p.grad is not None])

    def probe_gradient(self, batch: Batch) -> Tensor:
        """Both nets' gradients, each normalised to unit length so that neither hides the other."""
        condition = self.condition(batch.labels)
        fake = self.generate(condition, len(batch))
        of_discriminator = self.discriminator.gradient(
            self.discriminator_loss(batch.images, fake.detach(), condition)[0]
        )
        with frozen(self.discriminator.net):
            of_generator = self.generator.gradient(self.generator_loss(fake, condition)[0])
        return torch.cat([F.normalize(of_discriminator, dim=0), F.normalize(of_generator, dim=0)])

    def end_epoch(self, mean: Tensor | float, last: Tensor | float) -> None:
        for learner in (self.generator, self.discriminator):
            learner.schedule.after_epoch(mean, last)

    def noise_shape(self, n: int) -> tuple[int, ...]:
        return (n, self.latent)

    def sampled_net(self, ema: bool = True) -> nn.Module:
        return self.generator.evaluation_net(ema)

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
        with eval_mode(self.sampled_net(ema)) as net, self.autocast():
            images = net(noise, self.condition(labels)).float()
        if trace is not None:
            trace(1, 1, images)
        return images

    def weights(self) -> dict[str, dict[str, Tensor]]:
        return self.generator.weights("generator", "generator_ema") | self.discriminator.weights(
            "discriminator"
        )

    def load_weights(self, weights: dict[str, dict[str, Tensor]]) -> None:
        self.generator.load_weights(weights, "generator", "generator_ema")
        self.discriminator.load_weights(weights, "discriminator")

    def state(self) -> dict[str, Any]:
        return {
            "generator": self.generator.state(),
            "discriminator": self.discriminator.state(),
            "batches": self.batches,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.generator.load_state(state["generator"])
        self.discriminator.load_state(state["discriminator"])
        self.batches = state["batches"]


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Compute no gradients for the net's own weights: a backward pass through it then costs half."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


@contextmanager
def weights_computed_once(net: nn.Module) -> Iterator[None]:
    """Compute parametrised weights (spectral normalisation) once for all forward passes inside, in float32."""
    with parametrize.cached():
        for module in filter(is_parametrized, net.modules()):
            for name in module.parametrizations:  # type: ignore[union-attr]
                getattr(module, name)
        yield
