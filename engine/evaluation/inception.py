"""torch-fidelity's Inception-v3 as an extractor: the one published FID figures are made with."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor

from engine.evaluation.extractors import Extractor, read_weights, unusable
from engine.settings import extractors as settings

LOGITS = "logits_unbiased"  # the layer torch-fidelity takes the Inception Score of


class InceptionExtractor(Extractor):
    """Pool features (2048) and logits (1008) of the network torch-fidelity converted from TensorFlow's graph of
    2015-12-05.

    Equal to torch-fidelity's own: it is torch-fidelity's module, resizing included.
    """

    channels = 3
    size = (299, 299)
    interpolation = "tf1-bilinear"
    batch = 32
    quick = False

    def __init__(self, chosen: settings.Extractor, path: Path, device: torch.device):
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        content, self.hash = read_weights(path, chosen.expected_sha256)
        # torch-fidelity unpickles without restraint, so it is handed our own copy of what a restrained
        # unpickling found: the file on disk is never given the chance to run code.
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
        except Exception as error:  # a damaged pickle fails in any way there is
            raise unusable(path, "Inception-v3", error) from error
        self.net = self.net.to(device)
        self.name, self.dims, self.device = chosen.extractor, chosen.dims, device

    @property
    def tells_classes(self) -> bool:
        """Of ImageNet: no data set here has them, but the Inception Score is made of them."""
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
