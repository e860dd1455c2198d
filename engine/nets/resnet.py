"""Residual convolutional denoiser at full resolution.

Residual blocks with the activation before the convolution (He et al. 2016). If the net is conditioned on the noise
level, that sets the affine parameters of every block's BatchNorm (conditional BatchNorm, Dumoulin et al. 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.nets.embedding import NoiseEmbedding, coordinate_channels
from engine.nets.normalisation import ConditionalBatchNorm, PlainBatchNorm
from engine.settings.nets import ResNet

EMBEDDING = 32


class Block(nn.Module):
    """ReLU, 3×3 convolution, BatchNorm, ReLU, 3×3 convolution, residual: N,C,H,W -> N,C,H,W.

    One normalisation per block: a second one costs a tenth of the training step on a CPU.
    """

    def __init__(self, channels: int, conditional: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = ConditionalBatchNorm(channels, EMBEDDING) if conditional else PlainBatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        return x + self.conv2(self.norm(self.conv1(x.relu()), embedding).relu_())


class ResNetDenoiser(nn.Module):
    """The denoiser described in the module docstring.

    With ``class_embedding`` above 0, so many channels of a class embedding are concatenated to the input image.
    """

    def __init__(self, settings: ResNet, spec: ImageSpec):
        super().__init__()
        c, h, w = spec.shape
        conditional = settings.noise == "batchnorm"
        self.embed = NoiseEmbedding(EMBEDDING) if conditional else None
        self.classes = nn.Embedding(spec.labels, settings.class_embedding) if settings.class_embedding else None
        extra = settings.class_embedding
        if settings.coordinates:
            self.register_buffer("coordinates", coordinate_channels(h, w), persistent=False)
            extra += 4
        self.has_coordinates = settings.coordinates
        self.stem = nn.Conv2d(c + extra, settings.channels, 3, padding=1)
        self.blocks = nn.ModuleList(Block(settings.channels, conditional) for _ in range(settings.blocks))
        self.norm = PlainBatchNorm(settings.channels)
        self.head = nn.Conv2d(settings.channels, c, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """x N,C,H,W; noise N; labels N, or None if the net is unconditional -> N,C,H,W."""
        embedding = self.embed(noise) if self.embed is not None else None
        n, _, h, w = x.shape
        inputs = [x]
        if self.has_coordinates:
            inputs.append(self.get_buffer("coordinates").to(x.dtype).expand(n, -1, -1, -1))
        if self.classes is not None:
            if labels is None:
                raise ValueError("this net is class-conditional: labels are needed")
            inputs.append(self.classes(labels).to(x.dtype)[:, :, None, None].expand(-1, -1, h, w))
        out = self.stem(torch.cat(inputs, dim=1) if len(inputs) > 1 else x)
        for block in self.blocks:
            out = block(out, embedding)
        return self.head(self.norm(out, None).relu_())
