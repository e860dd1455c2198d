"""Real digits, the classifier that ships for them, and evaluations of images that stand in for a generator's."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from engine.data.dataset import Dataset, open_dataset
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.label_law import label_law
from engine.evaluation.statistics import RealImages
from engine.settings.datasets.embedded import Digits
from engine.settings.evaluation import FID


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset(Digits())


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")


def made_up_inception(path: Path) -> Path:
    """Write weights of Inception's shape, drawn so that its features vary from image to image; returns the path."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        net = FeatureExtractorInceptionV3("made-up", ["2048"], feature_extractor_weights_path=empty)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(net.state_dict(), path)
    return path


ALL = ["kid", "isc", "prc"]


def drawings(dataset: Dataset, count: int) -> torch.Tensor:
    """Imperfect digits: training images in the order their labels are asked for, some of them smeared."""
    generator = torch.Generator().manual_seed(0)
    images, labels = dataset.train.images, dataset.train.labels
    of_label = [(labels == label).nonzero()[:, 0] for label in range(10)]
    wanted = label_law("data", dataset).draw(count).tolist()
    chosen = torch.stack(
        [of_label[k][torch.randint(len(of_label[k]), (), generator=generator)] for k in wanted]
    )
    noise = torch.randn(count, *dataset.image_shape, generator=generator) * torch.rand(count, 1, 1, 1) * 60
    return (images[chosen] + noise).clamp(0, 255).to(torch.uint8)


def measured(
    images, real: RealImages, conditional=False, progress=None, announce=None, **settings
) -> Evaluation:
    """An evaluation of a generator that makes these images."""
    chosen = FID(**{"samples": len(images), "batch_size": 64, **settings})
    stream = iter(images.split(chosen.batch_size))
    return evaluate(
        lambda n, labels: next(stream),
        real,
        chosen,
        sampling="none",
        labels=label_law("data", real.dataset) if conditional else None,
        progress=progress,
        announce=announce,
    )


def by_metric(evaluation: Evaluation) -> dict[str, float]:
    scores = evaluation.scores
    return {s.metric: s.value for s in scores} | {f"{s.metric} std": s.std for s in scores if s.std is not None}


def equal_theirs(ours: dict[str, float], expected: dict[str, float]) -> None:
    assert set(ours) == set(expected)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=1e-4 if name == "fid" else 1e-3, abs=1e-9), name
