"""torch-fidelity's Inception-v3 as an extractor: the network of published FID values."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor

from engine.evaluation.extractors import Extractor, read_weights, unusable
from engine.settings import extractors as settings

LOGITS = "logits_unbiased"  # the layer that torch-fidelity computes the Inception Score from


class InceptionExtractor(Extractor):
    """Pool features (2048) and logits (1008) of the network converted from TensorFlow's graph of 2015-12-05.

    Values equal torch-fidelity's, since this is torch-fidelity's module, including its resizing.
    """

    channels = 3
    size = (299, 299)
    interpolation = "tf1-bilinear"
    batch = 32
    quick = False

    def __init__(self, chosen: settings.Extractor, path: Path, device: torch.device):
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        content, self.hash = read_weights(path, chosen.expected_sha256)
        # torch-fidelity unpickles whatever it is given, which may run code. It gets our own copy of what
        # ``weights_only=True`` has read, never the file itself.
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if not (isinstance(state, dict) and all(isinstance(value, Tensor) for value in state.values())):
                raise TypeError("it holds something else than tensors by name")
            trusted = io.BytesIO()
            torch.save(state, trusted)
            trusted.seek(0)
            self.net = FeatureExtractorInceptionV3(
                chosen.extractor, [str(chosen.dims), LOGITS], feature_extractor_weights_path=trusted
            )
        except Exception as error:  # a damaged pickle may raise anything
            raise unusable(path, "Inception-v3", error) from error
        self.net = self.net.to(device)
        self.name, self.dims, self.device = chosen.extractor, chosen.dims, device

    @property
    def tells_classes(self) -> bool:
        """The classes are ImageNet's: no data set here has them, but the Inception Score is computed from them."""
        return True

    def features(self, images: Tensor) -> Tensor:
        return self.features_and_logits(images)[0]

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, enabled=False):
            chunks = [self.net(chunk) for chunk in self.prepare(images).split(self.batch)]
            features, logits = zip(*chunks, strict=True)
            return torch.cat(features), torch.cat(logits)


def load_inception(chosen: settings.Extractor, path: Path, device: torch.device) -> InceptionExtractor:
    return InceptionExtractor(chosen, path, device)
