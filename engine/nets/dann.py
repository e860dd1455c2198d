"""The domain-adversarial classifier (Ganin et al. 2016, arXiv 1505.07818) for 28×28 images.

Feature extractor, without padding: 28×28 → 25×25 (4×4 convolution) → 12×12 (3×3 pooling, stride 2) → 8×8 (5×5) →
3×3 (pooling) → 1×1 (3×3) with 128 channels: the 128 features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.data.dataset import to_float
from engine.nets.dropout import Dropout2d
from engine.nets.normalisation import BatchNorm1d, BatchNorm2d
from engine.ranks import sharing
from engine.settings.nets import DANNNet

FEATURES = 128
SOURCE, TARGET = 0, 1
"""The domains, as the nets number them."""


class GradientReversal(torch.autograd.Function):
    """The identity, with its gradient multiplied by −strength (a scalar tensor)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength.to(gradients[0].dtype) * gradients[0], None


def reverse_gradient(x: Tensor, strength: Tensor) -> Tensor:
    """``x``, whose gradient is multiplied by −strength (a scalar tensor)."""
    reversed_: Tensor = GradientReversal.apply(x, strength)  # type: ignore[assignment]
    return reversed_


def extractor(settings: DANNNet, channels: int) -> nn.Sequential:
    """The feature extractor: N,C,28,28 -> N,128."""
    width = settings.channels
    return nn.Sequential(
        nn.Conv2d(channels, width, 4), BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(width, width, 5), BatchNorm2d(width), Dropout2d(settings.dropout), nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(width, FEATURES, 3), nn.Flatten(),
    )  # fmt: skip


def predictor(settings: DANNNet, outputs: int) -> nn.Sequential:
    """A predictor of labels or domains: N,128 -> logits N,outputs."""
    first, second = settings.hidden
    return nn.Sequential(
        nn.Linear(FEATURES, first), BatchNorm1d(first), nn.ReLU(inplace=True),
        nn.Linear(first, second), BatchNorm1d(second), nn.ReLU(inplace=True),
        nn.Linear(second, outputs),
    )  # fmt: skip


class DANN(nn.Module):
    """Feature extractor, label predictor and, behind gradient reversal, domain classifier.

    ``domain`` is None in a net that is trained without domain labels. ``channel_mean`` and ``channel_std``, of shape
    2,C, are what images of the source and of the target are normalised by: 0 and 1 unless ``normalise_by`` was called.
    Raises ValueError unless images are 28×28.
    """

    channel_mean: Tensor
    channel_std: Tensor

    def __init__(self, settings: DANNNet, spec: ImageSpec):
        super().__init__()
        if spec.shape[1:] != (28, 28):
            raise ValueError(f"net dann takes 28×28 images, not {spec.shape[1]}×{spec.shape[2]}")
        self.passes = settings.passes
        kept = settings.normalise  # nothing else is in the checkpoints of nets without it
        self.register_buffer("channel_mean", torch.zeros(2, spec.shape[0]), persistent=kept)
        self.register_buffer("channel_std", torch.ones(2, spec.shape[0]), persistent=kept)
        self.extractor = extractor(settings, spec.shape[0])
        self.labels = predictor(settings, spec.classes)
        self.domain: nn.Module | None = predictor(settings, 1)

    def normalise_by(self, source: Tensor, target: Tensor) -> None:
        """Normalise a domain's images by the mean of all their pixels, and by the mean over images of the standard
        deviation within each: channel by channel, from images uint8 N,C,H,W of both."""
        for domain, images in ((SOURCE, source), (TARGET, target)):
            parts = [to_float(chunk).flatten(2) for chunk in images.split(8192)]
            self.channel_mean[domain] = torch.cat([part.mean(2) for part in parts]).mean(0)
            self.channel_std[domain] = torch.cat([part.std(2) for part in parts]).mean(0).clamp_min(1e-6)

    def normalised(self, images: Tensor, domain: int) -> Tensor:
        """Images N,C,H,W in [-1, 1] of the domain ``SOURCE`` or ``TARGET``, normalised."""
        mean, std = (values[domain][:, None, None] for values in (self.channel_mean, self.channel_std))
        return (images - mean) / std

    def forward(
        self, images: Tensor, target: Tensor | None = None, strength: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Label logits N,K of ``images``, and domain logits N+M of ``images`` followed by ``target``, or None."""
        images = self.normalised(images, SOURCE)
        if target is None or self.domain is None:
            return self.labels(self.extractor(images)), None
        target = self.normalised(target, TARGET)
        assert strength is not None, "domain logits need a strength of reversal"
        if self.passes == "apart":
            source, other = self.extractor(images), self.extractor(target)
            domains = [self.domain(reverse_gradient(features, strength)) for features in (source, other)]
            return self.labels(source), torch.cat(domains).squeeze(1)
        labels = self.labels(self.extractor(images)) if self.passes == "again" else None
        with sharing.joined(2):
            features = self.extractor(torch.cat([images, target]))
            domains = self.domain(reverse_gradient(features, strength)).squeeze(1)
        return self.labels(features[: len(images)]) if labels is None else labels, domains
