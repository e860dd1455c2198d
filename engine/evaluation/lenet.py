"""A LeNet (LeCun et al. 1998) for colour digits, read from the file of weights that comes with a course's data."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from engine.evaluation.classifiers import NO_WEIGHTS, Classifier, ClassifierExtractor, Teacher
from engine.evaluation.extractors import unusable
from engine.evaluation.tensor_file import read_tensors
from engine.settings import extractors as settings
from engine.settings.datasets.base import DIGITS


def lenet(dims: int) -> Classifier:
    """Two 5×5 convolutions and three linear layers, for 3×28×28 images; 44,674 parameters with 64 ``dims``."""
    body = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, dims), nn.ReLU(),
    )  # fmt: skip
    return Classifier(body, dims, len(DIGITS), channels=3)


def load_lenet(chosen: settings.Extractor, path: Path, device: torch.device) -> ClassifierExtractor:
    given, digest = read_tensors(path, chosen.expected_sha256, chosen.extractor)
    net, teacher = lenet(chosen.dims), Teacher(chosen.classifies, DIGITS, ())
    try:  # by their order, since the names of the layers are the author's own
        weights = save({name: t.contiguous() for name, t in zip(net.state_dict(), given.values(), strict=True)})
        extractor = ClassifierExtractor(chosen.extractor, net, weights, chosen.size, device, teacher)
    except (*NO_WEIGHTS, ValueError) as error:
        raise unusable(path, chosen.extractor, error) from error
    extractor.hash = digest
    return extractor
