"""Labels follow the data, take turns, or come from a file."""

from __future__ import annotations

import pytest
import torch

from engine.data.dataset import open_dataset
from engine.evaluation.label_law import in_proportion, label_law
from engine.settings.datasets.embedded import ToonFaces
from engine.settings.diagnostics import RecipeError


def test_equal_classes_take_turns():
    assert in_proportion(torch.ones(3), 8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize("count", [1, 7, 100, 1001])
def test_every_beginning_has_the_classes_in_their_proportions(count):
    weights = torch.tensor([700, 0, 200, 90, 10])
    labels = in_proportion(weights, count)
    assert labels.shape == (count,) and labels.dtype == torch.int64
    for end in range(1, count + 1):
        counts = torch.bincount(labels[:end], minlength=5)
        assert (counts - weights / weights.sum() * end).abs().max() < 2, end


def test_attributes_come_from_training_images_or_are_equally_frequent():
    faces = open_dataset(ToonFaces.model_validate({}))
    real = faces.train.labels.float().mean(0)
    drawn, uniform = (label_law(law, faces).draw(2000) for law in ("data", "uniform"))
    assert drawn.dtype == uniform.dtype == torch.float32
    assert (drawn.mean(0) - real).abs().max() < 0.05
    start = 0
    for size in faces.groups:
        assert torch.equal(uniform[:, start : start + size].sum(1), torch.ones(2000))
        assert (uniform[:, start : start + size].mean(0) - 1 / size).abs().max() < 0.05
        start += size


def test_a_file_names_a_label_a_line(digits, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("3\n\n7\n3\n")
    law = label_law(str(path), digits)
    assert law.draw(5).tolist() == [3, 7, 3, 3, 7]
    assert law.name.startswith("mine.txt@") and len(law.name) == len("mine.txt@") + 8


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"3\nten\n", ":2: "), (b"\n", "names no label"), (b"\xff\xfe", "is not text"), (None, "cannot read")],
)
def test_a_file_without_labels_is_refused_in_one_line(digits, tmp_path, content, said):
    path = tmp_path / "labels"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=said) as caught:
        label_law(str(path), digits)
    assert "\n" not in caught.value.one_line and "evaluate.labels" in caught.value.one_line
