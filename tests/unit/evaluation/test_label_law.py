"""Labels follow the data, take turns, or come from a file."""

from __future__ import annotations

import math
from dataclasses import replace

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


def test_all_combinations_of_attributes_are_equally_often_asked_for():
    faces = open_dataset(ToonFaces.model_validate({}))
    law = label_law("uniform", faces)
    combinations = math.prod(faces.groups)
    rows, counts = law.draw(5000).unique(dim=0, return_counts=True)
    assert len(rows) == combinations and law.name == f"uniform over {combinations} combinations"
    assert {*counts.tolist()} <= {5000 // combinations, 5000 // combinations + 1}


TABLE = "3\nblack brown tan light\n1 0 0 1\n0 1 1 0\n1 0 1 0\n"


def test_a_file_may_be_a_table_of_attributes(digits, tmp_path):
    two_groups = replace(digits, classes=(), attributes=("a", "b", "c", "d"), groups=(2, 2))
    path = tmp_path / "conditions.txt"
    path.write_text(TABLE)
    rows = [[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0]]
    law = label_law(str(path), two_groups)
    assert law.draw(4).tolist() == [*rows, rows[0]] and law.name.startswith("conditions.txt@")
    path.write_text(
        "\n".join(f"{i}.png {line}" if i > 1 else line for i, line in enumerate(TABLE.splitlines()))
    )
    assert label_law(str(path), two_groups).draw(3).tolist() == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TABLE.replace("tan ", ""), ":2: names 3 attributes"),
        (TABLE.replace("0 1 1 0", "0 1 1"), ":4: must have 0 or 1"),
        (TABLE.replace("0 1 1 0", "0 1 2 0"), ":4: must have 0 or 1"),
        ("3\nblack brown tan light\n \n", "names no label"),
    ],
)
def test_a_table_with_a_mistake_is_refused_at_its_line(digits, tmp_path, content, said):
    path = tmp_path / "conditions.txt"
    path.write_text(content)
    with pytest.raises(RecipeError, match=said):
        label_law(str(path), replace(digits, classes=(), attributes=("a", "b", "c", "d"), groups=(2, 2)))
