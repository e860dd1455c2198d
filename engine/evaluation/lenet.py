"""A LeNet (LeCun et al. 1998) for colour digits, read from the file of weights that comes with a course's data."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from engine.data.dataset import to_float
from engine.evaluation.classifiers import fit
from engine.evaluation.extractors import Extractor, unusable
from engine.evaluation.tensor_file import read_tensors
from engine.settings import extractors as settings
from engine.settings.datasets.base import DIGITS

DIMS = 64


class LeNet(nn.Module):
    """Maps float N,3,28,28 in [-1, 1] to features N,64; ``head`` maps these to logits N,10."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, DIMS), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(DIMS, 10)


class LeNetExtractor(Extractor):
    """The LeNet as an extractor and classifier of digits."""

    channels = 3
    size = (28, 28)
    interpolation = "bilinear-antialias"
    dims = DIMS
    classes = DIGITS

    def __init__(self, chosen: settings.Extractor, path: Path, device: torch.device):
        given, self.hash = read_tensors(path, chosen.expected_sha256, chosen.extractor)
        self.net = LeNet()
        try:  # by their order, since the names of the layers are the author's own
            self.net.load_state_dict(dict(zip(self.net.state_dict(), given.values(), strict=True)))
        except (RuntimeError, ValueError) as error:
            raise unusable(path, chosen.extractor, error) from error
        self.name, self.classifies, self.device = chosen.extractor, chosen.classifies, device
        self.net = self.net.to(device).eval().requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        return self.features_and_logits(images)[0]

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        batch = fit(to_float(self.prepare(images)), self.size)
        with torch.autocast(self.device.type, enabled=False):
            features = self.net.body(batch)
            return features, self.net.head(features)


def load_lenet(chosen: settings.Extractor, path: Path, device: torch.device) -> LeNetExtractor:
    return LeNetExtractor(chosen, path, device)
