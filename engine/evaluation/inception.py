"""torch-fidelity's Inception-v3 as an extractor: the network of published FID values."""

from __future__ import annotations

import io
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.evaluation.extractors import Extractor, unusable
from engine.evaluation.tensor_file import read_tensors
from engine.methods.lazy_dynamo import import_on_demand
from engine.recipes.published import RESIZING
from engine.settings import extractors as settings

LOGITS = "logits_unbiased"  # the layer that torch-fidelity computes the Inception Score from


class InceptionExtractor(Extractor):
    """Pool features (2048) and logits (1008) of the network converted from TensorFlow's graph of 2015-12-05.

    The net is torch-fidelity's. With ``resize = "tf1"`` values equal torch-fidelity's, which copies the resizing and
    the scaling (x − 128) / 128 of TensorFlow's graph; with ``half-pixel`` they equal pytorch-fid's and piq's, which
    resize between pixel centres and scale to 2 x / 255 − 1.
    """

    channels = 3
    size = (299, 299)
    quick = False

    def __init__(self, chosen: settings.Extractor, path: Path, device: torch.device):
        import_on_demand()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        state, self.hash = read_tensors(path, chosen.expected_sha256, "Inception-v3")
        # torch-fidelity unpickles whatever it is given, which may run code. It gets our own copy of what
        # ``weights_only=True`` has read, never the file itself.
        try:
            trusted = io.BytesIO()
            torch.save(state, trusted)
            trusted.seek(0)
            self.net = FeatureExtractorInceptionV3(
                chosen.extractor, [str(chosen.dims), LOGITS], feature_extractor_weights_path=trusted
            )
        except RuntimeError as error:  # the tensors are of another net
            raise unusable(path, "Inception-v3", error) from error
        # With the channels last, a processor takes two thirds of the time for features that differ by 4e-6.
        self.net = self.net.to(device)
        self.batch = 256 if device.type == "cuda" else 16
        self.name, self.dims, self.device = chosen.extractor, chosen.dims, device
        self.resizing = getattr(chosen, "resize", "tf1")
        self.interpolation = RESIZING[self.resizing]
        self.variant = "" if self.resizing == "tf1" else self.resizing

    @property
    def tells_classes(self) -> bool:
        """The classes are ImageNet's: no data set here has them, but the Inception Score is computed from them."""
        return True

    def features(self, images: Tensor) -> Tensor:
        return self.features_and_logits(images)[0]

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, enabled=False):
            chunks = [self._embed(chunk) for chunk in self.prepare(images).split(self.batch)]
            features, logits = zip(*chunks, strict=True)
            return torch.cat(features), torch.cat(logits)

    def _embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pool features and logits of images N,3,H,W from 0 to 255."""
        if self.resizing == "tf1":
            if images.dtype == torch.uint8:
                return self.net(images)
            from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

            resized = interpolate_bilinear_2d_like_tensorflow1x(images, size=self.size, align_corners=False)
            x = (resized - 128) / 128
        else:
            x = 2 * F.interpolate(images.float() / 255, self.size, mode="bilinear", align_corners=False) - 1
        for name, layer in self.net.named_children():
            if name == "fc":
                break
            x = layer(x)
        features = x.flatten(1)
        return features, features @ self.net.fc.weight.T


def load_inception(chosen: settings.Extractor, path: Path, device: torch.device) -> InceptionExtractor:
    return InceptionExtractor(chosen, path, device)
