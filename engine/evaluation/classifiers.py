"""The domain extractors that ship with the engine: small CNN classifiers and their penultimate features."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from engine import registry
from engine.data import to_float
from engine.evaluation.extractors import Extractor, ExtractorError, read_weights, unusable
from engine.settings import extractors as settings
from engine.settings.datasets import Data
from engine.settings.datasets_embedded import FACE_ATTRIBUTES

PLACES = 2 * 3 * 4
"""What photos-cnn tells apart: two photographs, three rows and four columns of places in each."""


def _conv(cin: int, cout: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class Classifier(nn.Module):
    """``body`` maps float N,C,H,W in [-1, 1] to features N,dims; ``head`` maps features to logits."""

    def __init__(self, body: nn.Module, dims: int, classes: int):
        super().__init__()
        self.body = body
        self.head = nn.Linear(dims, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


def digits_net(dims: int = 64, classes: int = 10) -> Classifier:
    """For 1×8×8. The last map is flattened, not averaged: at this size position is what tells digits apart."""
    body = nn.Sequential(
        _conv(1, 32), _conv(32, 64), nn.MaxPool2d(2), _conv(64, 64), _Residual(64),
        nn.Flatten(), nn.Linear(64 * 4 * 4, dims, bias=False), nn.BatchNorm1d(dims), nn.ReLU(inplace=True),
    )  # fmt: skip
    return Classifier(body, dims, classes)


def fashion_net(dims: int = 128, classes: int = 10) -> Classifier:
    """For 1×28×28: three resolutions, averaged over the last."""
    body = nn.Sequential(
        _conv(1, 32), _conv(32, 64, stride=2), _Residual(64), _conv(64, dims, stride=2), _Residual(dims),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return Classifier(body, dims, classes)


def digitsm_net(dims: int = 128, classes: int = 10) -> Classifier:
    """For 3×28×28: three resolutions, of which the last is flattened."""
    body = nn.Sequential(
        _conv(3, 32), _conv(32, 64, stride=2), _Residual(64), _conv(64, 64, stride=2), _Residual(64),
        nn.Flatten(), nn.Linear(64 * 7 * 7, dims, bias=False), nn.BatchNorm1d(dims), nn.ReLU(inplace=True),
    )  # fmt: skip
    return Classifier(body, dims, classes)


def colour_net(dims: int = 128, logits: int = 24) -> Classifier:
    """For 3×64×64: four resolutions, averaged over the last."""
    body = nn.Sequential(
        _conv(3, 16), _conv(16, 32, stride=2), _Residual(32), _conv(32, 64, stride=2), _Residual(64),
        _conv(64, dims, stride=2), _Residual(dims), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return Classifier(body, dims, logits)


class ClassifierExtractor(Extractor):
    """A classifier as an extractor: float32 whatever the trainer's precision, so scores compare.

    One that was taught something else than a data set's labels gives features alone.
    """

    interpolation = "bilinear-antialias"

    def __init__(self, chosen: settings.Extractor, net: Classifier, path: Path, device: torch.device):
        dataset = registry.find("dataset", chosen.classifies) if chosen.classifies else Data
        if dataset is None or not issubclass(dataset, Data):
            raise ExtractorError(f"extractor {chosen.extractor} classifies unknown data: {chosen.classifies!r}")
        content, self.hash = read_weights(path, chosen.expected)
        try:
            state = {name: tensor.float() for name, tensor in load(content).items()}
            net.load_state_dict(state)
        except (SafetensorError, RuntimeError, KeyError) as error:
            raise unusable(path, chosen.extractor, error) from error
        self.name, self.dims, self.classifies = chosen.extractor, chosen.dims, chosen.classifies
        self.classes, self.attributes = dataset.classes, dataset.attributes
        self.channels, self.size = chosen.channels, chosen.size
        self.device = device
        self.net = net.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        return self.features_and_logits(images)[0]

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        batch = fit(to_float(self.prepare(images)), self.size)
        with torch.autocast(self.device.type, enabled=False):
            features = self.net.body(batch.contiguous(memory_format=torch.channels_last))
            return features, self.net.head(features)


def fit(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Float N,C,H,W resized to ``size``: antialiased bilinear, not rounded again."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)


def load_digits_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return ClassifierExtractor(chosen, digits_net(chosen.dims), path, device)


def load_fashion_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return ClassifierExtractor(chosen, fashion_net(chosen.dims), path, device)


def load_photos_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return ClassifierExtractor(chosen, colour_net(chosen.dims, PLACES), path, device)


def load_toon_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return ClassifierExtractor(chosen, colour_net(chosen.dims, len(FACE_ATTRIBUTES)), path, device)


def load_digitsm_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return ClassifierExtractor(chosen, digitsm_net(chosen.dims), path, device)
