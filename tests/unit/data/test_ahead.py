"""Batches that are fetched while the step before them trains are those that are indexed from resident images."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch

from engine.data.ahead import Ahead
from engine.data.batches import Batches
from engine.data.dataset import Dataset, Split

CPU = torch.device("cpu")


def split(count: int, first: int = 0) -> Split:
    images = torch.arange(first, first + count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    return Split(images.contiguous(), torch.arange(count) % 7)


def pair() -> Dataset:
    return replace(Dataset("x", split(50), split(10)), target=Dataset("y", split(30, 100), split(10)))


@pytest.mark.parametrize(
    "data", [split(50), Split(split(50).images), pair()], ids=["labels", "none", "two domains"]
)
@pytest.mark.parametrize(
    "steps", [range(12), [0, 0, 1, 0, 5, 6, 7, 5, 3, 4, 100, 101]], ids=["in order", "jumping"]
)
def test_fetched_batches_are_the_resident_ones(data, steps):
    resident, fetched = (Batches(data, 16, "cpu", seed=3, resident=resident) for resident in (True, False))
    for step in steps:
        expected, batch = resident.at(step), fetched.at(step)
        assert torch.equal(expected.images, batch.images)
        for one, other in ((expected.labels, batch.labels), (expected.target, batch.target)):
            assert (one is None) == (other is None) and (one is None or torch.equal(one, other))


def test_the_next_batch_is_gathered_meanwhile():
    tensor, gathered = torch.arange(20), threading.Event()

    def rows(step):
        if step == 1:
            gathered.set()
        return [(tensor, torch.tensor([step]))]

    ahead = Ahead(rows, CPU)
    assert ahead.at(0)[0].item() == 0
    assert gathered.wait(timeout=60)


def test_what_goes_wrong_is_raised_where_the_batch_is_asked_for():
    ahead = Ahead(lambda step: [(torch.arange(5), torch.tensor([step]))], CPU)
    for step in range(5):
        ahead.at(step)
    with pytest.raises(IndexError):
        ahead.at(5)
