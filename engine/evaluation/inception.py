"""torch-fidelity's Inception-v3 as an extractor: the one published FID figures are made with."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import torch
from torch import Tensor

from engine.evaluation.extractors import Extractor, ExtractorError, read_weights
from engine.settings import extractors as settings


class InceptionExtractor(Extractor):
    """Pool features (2048) of the network torch-fidelity converted from TensorFlow's 2015-12-05 graph.

    Equal to torch-fidelity's own features: it is torch-fidelity's module, resizing included.
    """

    channels = 3
    size = (299, 299)
    interpolation = "tf1-bilinear"
    batch = 32

    def __init__(self, chosen: settings.Extractor, path: Path, device: torch.device):
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        content, self.hash = read_weights(path, chosen.sha256_prefix)
        # torch-fidelity unpickles without restraint, so it is handed our own copy of what a restrained
        # unpickling found: the file on disk is never given the chance to run code.
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            trusted = io.BytesIO()
            torch.save(state, trusted)
            trusted.seek(0)
            self.net = FeatureExtractorInceptionV3(
                chosen.extractor, [str(chosen.dims)], feature_extractor_weights_path=trusted
            )
        except (RuntimeError, pickle.UnpicklingError, EOFError, AttributeError, TypeError) as error:
            raise ExtractorError(f"{path} does not hold the weights of Inception-v3: {error}") from error
        self.net = self.net.to(device)
        self.name, self.dims, self.device = chosen.extractor, chosen.dims, device

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return torch.cat([self.net(chunk)[0] for chunk in self.prepare(images).split(self.batch)])


def load_inception(chosen: settings.Extractor, path: Path, device: torch.device) -> InceptionExtractor:
    return InceptionExtractor(chosen, path, device)
