"""Real digits and the classifier that ships for them."""

from __future__ import annotations

import pytest

from engine.data.dataset import Dataset, open_dataset
from engine.evaluation.extractors import Extractor, load_extractor
from engine.settings.datasets.embedded import Digits


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset(Digits())


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")
