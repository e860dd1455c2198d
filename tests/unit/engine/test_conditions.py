from __future__ import annotations

import itertools

import pytest
import torch

from engine.data.conditions import Conditions
from engine.recipes.labels import UnknownLabel

DIGITS = Conditions(classes=tuple("0123456789"))
FACES = Conditions(attributes=("black hair", "red hair", "blue eyes", "grey eyes", "beard"), groups=(2, 2, 1))
ALONE = Conditions(attributes=("smiling", "male", "young"))


def test_rows_of_a_grid_are_the_classes_as_many_as_there_are():
    assert DIGITS.grid_rows(4).tolist() == [0, 1, 2, 3]
    assert len(DIGITS.grid_rows(32)) == 10


@pytest.mark.parametrize("rows", [1, 5, 12])
def test_every_row_of_attributes_has_one_of_each_group(rows):
    labels = FACES.grid_rows(rows)
    assert labels.shape == (rows, 5) and labels.dtype == torch.float32
    for part in FACES.group_ranges[:2]:
        assert (labels[:, list(part)].sum(1) == 1).all()
    assert ((labels == 0) | (labels == 1)).all()


def test_neighbouring_rows_differ_and_all_combinations_of_two_pairs_come():
    labels = FACES.grid_rows(8)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(labels))
    assert len({tuple(row[:4].tolist()) for row in labels}) == 4


def test_a_class_is_named_by_its_name_in_any_case_or_by_its_number():
    fashion = Conditions(classes=("Bag", "Ankle boot"))
    assert fashion.parse("ankle BOOT", 3).tolist() == [1, 1, 1]
    assert fashion.parse("0", 2).tolist() == [0, 0]
    with pytest.raises(UnknownLabel, match="no class '2'; classes are 0 Bag, 1 Ankle boot"):
        fashion.parse("2", 1)


def test_attributes_are_named_with_commas_and_the_other_groups_are_drawn_from_the_seed():
    labels = FACES.parse("red hair, Blue_Eyes", 64, seed=3)
    assert (labels[:, 1] == 1).all() and (labels[:, 0] == 0).all()
    assert (labels[:, 2] == 1).all() and (labels[:, 4] == 0).all()
    only_hair = FACES.parse("red hair", 64, seed=3)
    assert {tuple(row[2:4].tolist()) for row in only_hair} == {(0.0, 1.0), (1.0, 0.0)}
    assert torch.equal(only_hair, FACES.parse("red hair", 64, seed=3))


def test_what_excludes_itself_or_is_not_known_is_said():
    with pytest.raises(UnknownLabel, match="black hair and red hair exclude each other"):
        FACES.parse("black hair,red hair", 1)
    with pytest.raises(UnknownLabel, match="did you mean 'red_hair'"):
        FACES.parse("red hiar", 1)


def test_attributes_that_stand_alone_are_on_when_named_and_off_otherwise():
    assert ALONE.parse("smiling,young", 2).tolist() == [[1, 0, 1], [1, 0, 1]]
    assert ALONE.describe(ALONE.parse("male", 1)[0]) == "male"


def test_any_label_goes_round_the_classes():
    assert DIGITS.any_labels(12).tolist() == [*range(10), 0, 1]
    assert (FACES.any_labels(16, seed=1)[:, :2].sum(1) == 1).all()


def test_conditions_survive_a_checkpoint():
    for conditions in (DIGITS, FACES, ALONE, Conditions()):
        assert Conditions.of(conditions.state()) == conditions
    assert not Conditions() and DIGITS and FACES
