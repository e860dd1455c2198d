"""A probe taught for long enough to tell classes apart."""

from __future__ import annotations

from dataclasses import replace

from engine.data.dataset import Dataset, open_dataset
from engine.evaluation import probe
from engine.evaluation.extractors import load_extractor
from engine.evaluation.statistics import RealImages
from engine.settings.datasets.embedded import DigitsM


def test_a_third_of_its_course_teaches_digits_over_photographs_almost_as_well_as_the_classifier_that_ships(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path))
    whole = probe.course_for

    def third(dataset: Dataset):
        course, size = whole(dataset)
        return replace(course, most=course.most // 3), size

    monkeypatch.setattr(probe, "course_for", third)
    dataset = open_dataset(DigitsM())
    floor = RealImages(dataset, load_extractor("probe", dataset=dataset)).statistics("test").accuracy
    assert floor is not None and floor >= 0.95
