"""A probe taught to the end of its course."""

from __future__ import annotations

from engine.data.dataset import open_dataset
from engine.evaluation.extractors import load_extractor
from engine.evaluation.statistics import RealImages
from engine.settings.datasets.embedded import DigitsM


def test_digits_over_photographs_are_learnt_almost_as_well_as_by_the_classifier_that_ships(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path))
    dataset = open_dataset(DigitsM())
    floor = RealImages(dataset, load_extractor("probe", dataset=dataset)).statistics("test").accuracy
    assert floor is not None and floor >= 0.95
