"""torch-fidelity's public API on the very tensors our scores are made of: what ours must equal."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.utils.data import Dataset

from engine.evaluation.extractors import load_extractor
from engine.methods.lazy_dynamo import import_on_demand

METRICS = {
    "frechet_inception_distance": "fid",
    "kernel_inception_distance_mean": "kid",
    "inception_score_mean": "isc",
    "precision": "precision",
    "recall": "recall",
}


class Images(Dataset):
    """uint8 N,C,H,W, one by one."""

    def __init__(self, images: torch.Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


@cache
def registered(extractor: str) -> str:
    """The name under which torch-fidelity knows our extractor of that name."""
    import_on_demand()
    from torch_fidelity import register_feature_extractor
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Ours(FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **kwargs: Any):
            super().__init__(name, features_list)
            self.ours = load_extractor(extractor)

        @staticmethod
        def get_provided_features_list():
            return "features", "logits"

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str):
            return "logits" if metric == "isc" else "features"

        @staticmethod
        def can_be_compiled():
            return False

        def forward(self, images: torch.Tensor):
            found = dict(zip(("features", "logits"), self.ours.features_and_logits(images), strict=True))
            return tuple(found[name] for name in self.features_list)

    name = f"gentui-{extractor}"
    register_feature_extractor(name, Ours)
    return name


def theirs(generated: torch.Tensor, real: torch.Tensor, **options: Any) -> dict[str, float]:
    """Every metric of the API by our names."""
    import_on_demand()
    from torch_fidelity import calculate_metrics

    asked = {"fid": True, "kid": True, "isc": True, "prc": True, **options}
    found = calculate_metrics(
        input1=Images(generated), input2=Images(real), cuda=False, cache=False, save_cpu_ram=True, verbose=False,
        **asked,
    )  # fmt: skip
    return {ours: found[name] for name, ours in METRICS.items() if name in found} | {
        f"{ours} std": found[name]
        for name, ours in (("kernel_inception_distance_std", "kid"), ("inception_score_std", "isc"))
        if name in found
    }
