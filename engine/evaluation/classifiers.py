"""Small CNN classifiers used as extractors by their penultimate features: those shipped with the engine, and probes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from engine.data.dataset import to_float
from engine.evaluation.extractors import Extractor, ExtractorError, read_weights, unusable
from engine.settings import extractors as settings
from engine.settings import registry
from engine.settings.datasets.base import Data
from engine.settings.datasets.embedded import FACE_ATTRIBUTES

PLACES = 2 * 3 * 4
"""Classes of photos-cnn: places in a photograph, of two photographs, three rows and four columns."""
_IN_CACHE = 1 << 17
"""Numbers in the images that a processor embeds at once: what it makes of them stays in its caches, which halves the
time of 64×64 images."""


def _conv(cin: int, cout: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class Classifier(nn.Module):
    """``body`` maps float N,C,H,W in [-1, 1] to features N,dims; ``head`` maps features to logits."""

    def __init__(self, body: nn.Module, dims: int, classes: int, channels: int):
        super().__init__()
        self.channels = channels
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


def digits_net(
    dims: int = 64, classes: int = 10, channels: int = 1, size: tuple[int, int] = (8, 8)
) -> Classifier:
    """Classifier for images of about 8×8. The last feature map is flattened, not averaged, since digits of this size
    differ by position."""
    flattened = 64 * (size[0] // 2) * (size[1] // 2)
    body = nn.Sequential(
        _conv(channels, 32), _conv(32, 64), nn.MaxPool2d(2), _conv(64, 64), _Residual(64),
        nn.Flatten(), nn.Linear(flattened, dims, bias=False), nn.BatchNorm1d(dims), nn.ReLU(inplace=True),
    )  # fmt: skip
    return Classifier(body, dims, classes, channels)


def fashion_net(dims: int = 128, classes: int = 10, channels: int = 1) -> Classifier:
    """Classifier for 1×28×28 images: three resolutions, averaged over the last."""
    body = nn.Sequential(
        _conv(channels, 32), _conv(32, 64, stride=2), _Residual(64), _conv(64, dims, stride=2), _Residual(dims),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return Classifier(body, dims, classes, channels)


def digitsm_net(
    dims: int = 128, classes: int = 10, channels: int = 3, size: tuple[int, int] = (28, 28)
) -> Classifier:
    """Classifier for images of about 28×28: three resolutions, of which the last is flattened."""
    flattened = 64 * -(size[0] // -4) * -(size[1] // -4)
    body = nn.Sequential(
        _conv(channels, 32), _conv(32, 64, stride=2), _Residual(64), _conv(64, 64, stride=2), _Residual(64),
        nn.Flatten(), nn.Linear(flattened, dims, bias=False), nn.BatchNorm1d(dims), nn.ReLU(inplace=True),
    )  # fmt: skip
    return Classifier(body, dims, classes, channels)


def colour_net(dims: int = 128, logits: int = 24, channels: int = 3) -> Classifier:
    """Classifier for 64×64 images: four resolutions, averaged over the last."""
    body = nn.Sequential(
        _conv(channels, 16), _conv(16, 32, stride=2), _Residual(32), _conv(32, 64, stride=2), _Residual(64),
        _conv(64, dims, stride=2), _Residual(dims), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return Classifier(body, dims, logits, channels)


class ClassifierExtractor(Extractor):
    """A classifier used as an extractor. It computes in float32 whatever the trainer's precision, so that scores are
    comparable.

    ``weights`` are the bytes that ``packed`` returns. ``teacher`` describes the labels its logits predict; without
    one, the logits are of no use here and only the features are used.
    """

    interpolation = "bilinear-antialias"

    def __init__(
        self,
        name: str,
        net: Classifier,
        weights: bytes,
        size: tuple[int, int],
        device: torch.device,
        teacher: Teacher | None = None,
    ):
        """Raises one of NO_WEIGHTS when ``weights`` are not those of ``net``."""
        net.load_state_dict({name: tensor.float() for name, tensor in load(weights).items()})
        self.name, self.hash = name, hashlib.sha256(weights).hexdigest()[:8]
        self.size, self.channels, self.dims = size, net.channels, net.head.in_features
        if teacher is not None:
            self.classifies, self.classes, self.attributes = teacher
        self.device = device
        self._at_once = self.batch
        if device.type == "cpu":
            self._at_once = max(1, _IN_CACHE // (net.channels * size[0] * size[1]))
        self.net = net.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        return self.features_and_logits(images)[0]

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, enabled=False):
            features = torch.cat([self._embed(part) for part in self.prepare(images).split(self._at_once)])
            return features, self.net.head(features)

    def _embed(self, images: Tensor) -> Tensor:
        fitted = fit(to_float(images), self.size)
        return self.net.body(fitted.contiguous(memory_format=torch.channels_last))


NO_WEIGHTS = (SafetensorError, RuntimeError, KeyError)
"""What loading raises for bytes that are not the weights of a net."""


class Teacher(NamedTuple):
    """The data set whose labels a classifier has learnt: its name, and its classes or attributes."""

    name: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...]


def packed(net: Classifier) -> bytes:
    """The net's weights as safetensors bytes, in half precision to halve the file."""
    state = net.to(memory_format=torch.contiguous_format).state_dict()
    return save({name: t.half() if t.is_floating_point() else t for name, t in state.items()})


def _shipped(
    chosen: settings.Extractor, net: Classifier, path: Path, device: torch.device
) -> ClassifierExtractor:
    dataset = registry.find("dataset", chosen.classifies) if chosen.classifies else Data
    if dataset is None or not issubclass(dataset, Data):
        raise ExtractorError(f"extractor {chosen.extractor} classifies unknown data: {chosen.classifies!r}")
    content, _ = read_weights(path, chosen.expected_sha256)
    teacher = Teacher(chosen.classifies, dataset.classes, dataset.attributes)
    try:
        return ClassifierExtractor(chosen.extractor, net, content, chosen.size, device, teacher)
    except NO_WEIGHTS as error:
        raise unusable(path, chosen.extractor, error) from error


def fit(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize float N,C,H,W to ``size``: antialiased bilinear, without rounding."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)


def load_digits_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return _shipped(chosen, digits_net(chosen.dims), path, device)


def load_fashion_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return _shipped(chosen, fashion_net(chosen.dims), path, device)


def load_photos_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return _shipped(chosen, colour_net(chosen.dims, PLACES), path, device)


def load_toon_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return _shipped(chosen, colour_net(chosen.dims, len(FACE_ATTRIBUTES)), path, device)


def load_digitsm_cnn(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    return _shipped(chosen, digitsm_net(chosen.dims), path, device)
