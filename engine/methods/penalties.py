"""Regularisers of a GAN's critic: penalties on the gradient of its scores with respect to images, and clipping.

Gradients are taken with their graph, once for the whole batch: row i of the gradient of the summed scores is the
gradient of score i, as long as no layer (BatchNorm) mixes the images of a batch. Callers run ``critic`` in float32,
outside mixed precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.ranks import sharing
from engine.settings import penalties as settings_
from engine.settings.registry import Settings, build

Critic = Callable[[Tensor], Tensor]
"""Images N,C,H,W -> scores N."""


@dataclass(frozen=True)
class Regulariser:
    """A regulariser: a loss term, a constraint on the weights, both or neither.

    - ``term(critic, real, fake)`` takes images N,C,H,W and returns a scalar that is added to the critic's loss.
    - ``constrain(net)`` is called after each step of the critic.
    """

    term: Callable[[Critic, Tensor, Tensor], Tensor] | None = None
    constrain: Callable[[nn.Module], None] | None = None


def build_regulariser(settings: Settings) -> Regulariser:
    """Build the regulariser that ``settings``, those of a penalty, describe."""
    return build(settings, Regulariser)


def gradients(critic: Critic, at: Tensor) -> Tensor:
    """∇D at each image: N,C·H·W, with a graph for second derivatives."""
    at = at.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    return gradient.flatten(1)


def norms(critic: Critic, at: Tensor) -> Tensor:
    """‖∇D‖ at each image: N."""
    return torch.linalg.vector_norm(gradients(critic, at), dim=1)


def random_interpolates(a: Tensor, b: Tensor) -> Tensor:
    """For each pair of images, a point drawn uniformly from the line between them: N,C,H,W."""
    return torch.lerp(a, b, sharing.draw(torch.rand, len(a), 1, 1, 1, device=a.device, dtype=a.dtype))


def mean_power(critic: Critic, at: Tensor, power: float) -> Tensor:
    """E‖∇D‖^power over the images ``at``; differentiable where ∇D is zero."""
    return gradients(critic, at).square().sum(1).pow(power / 2).mean()


def perturbed(images: Tensor, spread: float) -> Tensor:
    """x + spread·std(x)·U[0,1], x being the images N,C,H,W."""
    return images + spread * sharing.std(images) * sharing.draw_like(torch.rand_like, images)


def none(settings: settings_.NoPenalty) -> Regulariser:
    """No regularisation."""
    return Regulariser()


def gradient_penalty(settings: settings_.GradientPenalty) -> Regulariser:
    """λ·E(‖∇D‖ − 1)² between real and generated images (Gulrajani et al. 2017, eq. 3)."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return settings.weight * (norms(critic, random_interpolates(fake, real)) - 1).square().mean()

    return Regulariser(term)


def dragan(settings: settings_.DRAGAN) -> Regulariser:
    """λ·E(‖∇D‖ − 1)² on the lines from real images to perturbed ones, x + ½·std(x)·U[0,1] (Kodali et al. 2017)."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        points = random_interpolates(real, perturbed(real, settings.spread))
        return settings.weight * (norms(critic, points) - 1).square().mean()

    return Regulariser(term)


def one_sided_dragan(settings: settings_.OneSidedDRAGAN) -> Regulariser:
    """λ·E max(0, ‖∇D‖ − 1)² at perturbed real images x + ½·std(x)·U[0,1]."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return settings.weight * (norms(critic, perturbed(real, settings.spread)) - 1).relu().square().mean()

    return Regulariser(term)


def divergence(settings: settings_.Divergence) -> Regulariser:
    """k·E‖∇D‖^p between real and generated images (Wu et al. 2018, arXiv 1712.01026, algorithm 1)."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return settings.weight * mean_power(critic, random_interpolates(fake, real), settings.power)

    return Regulariser(term)


def divergence_at_ends(settings: settings_.DivergenceAtEnds) -> Regulariser:
    """k·(E‖∇D(x)‖^p + E‖∇D(x̃)‖^p) at real images x and generated ones x̃, as the divergence is often implemented."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        at_real, at_fake = (mean_power(critic, at, settings.power) for at in (real, fake))
        return settings.weight * (at_real + at_fake)

    return Regulariser(term)


def r1(settings: settings_.R1) -> Regulariser:
    """γ/2·E‖∇D‖² on real images (Mescheder, Geiger, Nowozin 2018, eq. 9)."""

    def term(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return settings.weight / 2 * gradients(critic, real).square().sum(1).mean()

    return Regulariser(term)


def clip(settings: settings_.Clip) -> Regulariser:
    """Clip every parameter of the critic to [−c, c] after each step (Arjovsky et al. 2017)."""

    @torch.no_grad()
    def constrain(net: nn.Module) -> None:
        for parameter in net.parameters():
            parameter.clamp_(-settings.weight, settings.weight)

    return Regulariser(constrain=constrain)
