"""Nets: ``torch.nn.Module`` alone, without losses, optimisers or sampling.

A denoiser is called as ``net(x, noise, labels)`` and returns a tensor shaped like ``x``:

- ``x``: N,C,H,W;
- ``noise``: N, a scalar that stands for the noise level: ln σ / 4 in EDM, t/T in DDPM. Both span about one unit,
  so that nets embed them alike;
- ``labels``: int64 N, or None for an unconditional net. ``ImageSpec.classes`` itself is the label of the null
  class, where there is one.

GAN pairs and autoencoders have interfaces of their own: ``build_pair`` and ``engine.nets.vae.Autoencoder``.
"""

from __future__ import annotations

from torch import nn

from engine.data.batch import ImageSpec
from engine.settings.registry import FactoryError, Settings, build


def build_net(settings: Settings, spec: ImageSpec) -> nn.Module:
    """Build the net that ``settings`` describe, freshly initialised, on the CPU."""
    return build(settings, nn.Module, spec)


def build_pair(settings: Settings, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
    """Build the generator and the discriminator of a GAN.

    The factory returns a module with children ``generator``, called with latents N,Z and a condition N,A or
    None, and ``discriminator``, called with images N,C,H,W and a condition, which returns scores N and logits of
    the condition N,A (or None).

    Raises FactoryError if either child is missing.
    """
    children = dict(build_net(settings, spec).named_children())
    if not {"generator", "discriminator"} <= children.keys():
        raise FactoryError(
            f"{settings.factory} returned a module without the children generator and discriminator"
        )
    return children["generator"], children["discriminator"]
