"""Residual convolutional denoiser at full resolution.

If the net is conditioned on the noise level, that sets the affine parameters of every BatchNorm (conditional BatchNorm,
Dumoulin et al. 2017). The feature maps are as many in every block; or, with ``widths``, more from block to block and
then fewer again, each later block also seeing what the earlier one of its width gave, as in a UNet that never halves
the image.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.data.batch import ImageSpec
from engine.nets.embedding import coordinate_channels, noise_embedding
from engine.nets.normalisation import ConditionalBatchNorm, PlainBatchNorm
from engine.settings.nets import ResNet


class Block(nn.Module):
    """A residual block of two 3×3 convolutions: N,inputs,H,W -> N,outputs,H,W."""

    def __init__(self, settings: ResNet, inputs: int, outputs: int):
        super().__init__()
        self._settings = settings
        self.norm = self._norm(inputs if settings.block == "preactivation" else outputs)
        self.norm2 = self._norm(outputs) if settings.block != "single-norm" else None
        bias = settings.block != "single-norm"
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        projects = settings.block == "postactivation" or inputs != outputs
        self.skip = nn.Conv2d(inputs, outputs, 1) if projects else nn.Identity()

    def _norm(self, width: int) -> nn.Module:
        if self._settings.noise == "none":
            return PlainBatchNorm(width)
        return ConditionalBatchNorm(width, self._settings.noise_features, self._settings.relu_affine)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        if self.norm2 is None:
            h = self.conv2(self.norm(self.conv1(x.relu()), embedding).relu_())
        elif self._settings.block == "preactivation":
            h = self.conv1(self.norm(x, embedding).relu_())
            h = self.conv2(self.norm2(h, embedding).relu_())
        else:
            h = self.norm(self.conv1(x).relu_(), embedding)
            h = self.norm2(self.conv2(h).relu_(), embedding)
        return self.skip(x) + h


class ResNetDenoiser(nn.Module):
    """The denoiser described in the module docstring.

    With ``class_embedding`` above 0, so many channels of a class embedding are concatenated to the input image. With
    blocks of a single normalisation there is one more before the last convolution, whose weights begin at zero; with
    the others torch's initialisation is left as it is.
    """

    def __init__(self, settings: ResNet, spec: ImageSpec):
        super().__init__()
        c, h, w = spec.shape
        conditional = settings.noise == "batchnorm"
        self.embed = noise_embedding(settings.embedding, settings.noise_features) if conditional else None
        self.classes = nn.Embedding(spec.labels, settings.class_embedding) if settings.class_embedding else None
        extra = settings.class_embedding
        if settings.coordinates:
            channels = coordinate_channels(h, w, settings.coordinate_scale)
            self.register_buffer("coordinates", channels, persistent=False)
            extra += 4
        self.has_coordinates = settings.coordinates
        widths = settings.widths or [settings.channels] * (settings.blocks + 1)
        self.stem = nn.Conv2d(c + extra, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(settings, inputs, outputs) for inputs, outputs in pairwise(widths))
        self.narrowing = nn.ModuleList(
            Block(settings, 2 * inputs, outputs) for outputs, inputs in reversed([*pairwise(settings.widths)])
        )
        self.norm = PlainBatchNorm(widths[0]) if settings.block == "single-norm" else None
        self.head = nn.Conv2d(widths[0], c, 3, padding=1)
        if self.norm is not None:
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
        given = []
        for block in self.blocks:
            out = block(out, embedding)
            given.append(out)
        for block in self.narrowing:
            out = block(torch.cat([out, given.pop()], dim=1), embedding)
        return self.head(out if self.norm is None else self.norm(out, None).relu_())
