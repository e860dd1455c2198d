"""UNet conditioned on the noise level and, optionally, on the class.

The net of Ronneberger et al. 2015 in the form of Ho et al. 2020: residual blocks of twice normalisation, SiLU and
3×3 convolution. With GroupNorm, a linear function of the noise embedding is added between the two convolutions of
each block; with BatchNorm, the embedding sets every normalisation's scale and shift. The class is added between
the convolutions too (``block``), or to the noise embedding (``batchnorm``), or concatenated to the input image
(``concat``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.data.batch import ImageSpec
from engine.nets.dropout import dropout
from engine.nets.embedding import NoiseEmbedding
from engine.nets.normalisation import ConditionalBatchNorm, PlainGroupNorm
from engine.settings.nets import UNet as UNetSettings


def _norm(settings: UNetSettings, channels: int, embedding: int) -> nn.Module:
    if settings.norm == "batch":
        return ConditionalBatchNorm(channels, embedding)
    return PlainGroupNorm(settings.groups, channels)


class ResidualBlock(nn.Module):
    """Residual block: N,inputs,H,W -> N,outputs,H,W. Embeds ``classes`` labels itself; 0: none."""

    def __init__(self, settings: UNetSettings, inputs: int, outputs: int, embedding: int, classes: int):
        super().__init__()
        self.norm1 = _norm(settings, inputs, embedding)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.noise = nn.Linear(embedding, outputs) if settings.norm == "group" else None
        self.classes = nn.Embedding(classes, outputs) if classes else None
        self.norm2 = _norm(settings, outputs, embedding)
        self.dropout = settings.dropout
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor, labels: Tensor | None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x, embedding)))
        shift = self._shift(embedding, labels)
        if shift is not None:
            h = h + shift.to(h.dtype)[:, :, None, None]
        h = F.silu(self.norm2(h, embedding))
        if self.dropout:
            h = dropout(h, self.dropout, self.training)
        return self.skip(x) + self.conv2(h)

    def _shift(self, embedding: Tensor, labels: Tensor | None) -> Tensor | None:
        """What is added between the convolutions: N,C, or None."""
        shift = self.noise(embedding) if self.noise is not None else None
        if self.classes is None or labels is None:
            return shift
        return self.classes(labels) if shift is None else shift + self.classes(labels)


class Attention(nn.Module):
    """Residual single-head self-attention over positions: N,C,H,W -> N,C,H,W."""

    def __init__(self, settings: UNetSettings, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(settings.groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.transpose(1, 2).reshape(n, c, h, w))


class Stage(nn.Module):
    """A residual block, followed by attention if its level has any."""

    def __init__(
        self, settings: UNetSettings, inputs: int, outputs: int, embedding: int, classes: int, attention: bool
    ):
        super().__init__()
        self.block = ResidualBlock(settings, inputs, outputs, embedding, classes)
        self.attention = Attention(settings, outputs) if attention else nn.Identity()
        self.checkpointing, self.dropout = settings.activation_checkpointing, settings.dropout

    def forward(self, x: Tensor, embedding: Tensor, labels: Tensor | None) -> Tensor:
        if not (self.checkpointing and self.training and torch.is_grad_enabled()):
            return self._compute(x, embedding, labels)
        # Chen et al. 2016, arXiv 1604.06174. The masks of dropout must be drawn again alike.
        return checkpoint(
            self._compute, x, embedding, labels, use_reentrant=False, preserve_rng_state=self.dropout > 0
        )

    def _compute(self, x: Tensor, embedding: Tensor, labels: Tensor | None) -> Tensor:
        return self.attention(self.block(x, embedding, labels))


class UNet(nn.Module):
    """The net described in the module docstring. Each level after the first halves the image by a strided convolution.

    With ``pool_first`` every level, also the first, begins with max-pooling instead: no convolution sees the image at
    full resolution, and no skip connection carries its detail.
    """

    def __init__(self, settings: UNetSettings, spec: ImageSpec):
        super().__init__()
        c, width = spec.shape[0], settings.channels
        conditioning, embedding = settings.class_conditioning, 4 * width
        self.conditional = conditioning != "none"
        classes = spec.labels if conditioning == "block" else 0
        self.joined = nn.Embedding(spec.labels, settings.class_channels) if conditioning == "concat" else None
        self.embedded = nn.Embedding(spec.labels, embedding) if conditioning == "batchnorm" else None
        self.pool_first = settings.pool_first
        self.embed = nn.Sequential(NoiseEmbedding(width), nn.Linear(width, embedding), nn.SiLU())

        def stage(inputs: int, outputs: int, level: int) -> Stage:
            return Stage(settings, inputs, outputs, embedding, classes, level in settings.attention)

        widths = [width * m for m in settings.multipliers]
        joined = settings.class_channels if conditioning == "concat" else 0
        self.stem = nn.Conv2d(c + joined, width, 3, padding=1)
        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        skips, current = [width], width
        for level, outputs in enumerate(widths):
            stages = nn.ModuleList()
            for _ in range(settings.blocks):
                stages.append(stage(current, outputs, level))
                current = outputs
                skips.append(current)
            self.down.append(stages)
            if level < len(widths) - 1:
                strided = nn.Conv2d(current, current, 3, stride=2, padding=1)
                self.downsample.append(nn.MaxPool2d(2) if self.pool_first else strided)
                skips.append(current)
        last = len(widths) - 1
        self.middle = nn.ModuleList([stage(current, current, last), stage(current, current, -1)])
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(len(widths))):
            stages = nn.ModuleList()
            for _ in range(settings.blocks + 1):
                stages.append(stage(current + skips.pop(), widths[level], level))
                current = widths[level]
            self.up.append(stages)
            if level or self.pool_first:
                self.upsample.append(nn.Conv2d(current, current, 3, padding=1))
        self.norm = _norm(settings, current, embedding)
        self.head = nn.Conv2d(current, c, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """x N,C,H,W; noise N; labels N, or None if the net is unconditional -> N,C,H,W."""
        if self.conditional and labels is None:
            raise ValueError("this net is class-conditional: labels are needed")
        embedding, size = self.embed(noise), x.shape[2:]
        if self.embedded is not None:
            embedding = embedding + self.embedded(labels).to(embedding.dtype)
        if self.joined is not None:
            channels = self.joined(labels).to(x.dtype)[:, :, None, None]
            x = torch.cat([x, channels.expand(-1, -1, *size)], dim=1)
        h = self.stem(F.max_pool2d(x, 2) if self.pool_first else x)
        skips = [h]
        for level, stages in enumerate(self.down):
            for stage in stages:  # type: ignore[union-attr]
                h = stage(h, embedding, labels)
                skips.append(h)
            if level < len(self.downsample):
                h = self.downsample[level](h)
                skips.append(h)
        for stage in self.middle:
            h = stage(h, embedding, labels)
        for level, stages in enumerate(self.up):
            for stage in stages:  # type: ignore[union-attr]
                h = stage(torch.cat([h, skips.pop()], dim=1), embedding, labels)
            if level < len(self.upsample):
                # to the size of the skip connection, so that odd sizes work
                h = self.upsample[level](F.interpolate(h, size=skips[-1].shape[2:] if skips else size))
        return self.head(F.silu(self.norm(h, embedding)))
