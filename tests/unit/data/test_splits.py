"""Validation by content, target domains, attributes, fingerprints: what a data set promises the trainer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.data.batches import Batches
from engine.data.dataset import DataError, Dataset, Split, fingerprint, finish, open_dataset, validation_mask
from engine.settings.datasets.embedded import Digits, DigitsMToDigits


def digits(**values):
    return Digits.model_validate(values)


def pair(**values):
    return open_dataset(DigitsMToDigits.model_validate(values))


def contents(split):
    return {image.numpy().tobytes() for image in split.images}


def test_validation_is_held_out_of_training_and_nothing_is_lost():
    whole, held = open_dataset(digits()), open_dataset(digits(validation=0.2))
    assert held.validation is not None and whole.validation is None
    assert contents(held.train) | contents(held.validation) == contents(whole.train)
    assert not contents(held.train) & contents(held.validation)
    assert 0.15 < len(held.validation) / len(whole.train) < 0.25
    assert torch.equal(held.test.images, whole.test.images)
    assert held.split("validation") is held.validation
    with pytest.raises(KeyError, match="validation"):
        whole.split("validation")


def test_labels_go_with_their_images_into_the_validation_split():
    whole, held = open_dataset(digits()), open_dataset(digits(validation=0.3))
    labels = {i.numpy().tobytes(): int(n) for i, n in zip(whole.train.images, whole.train.labels, strict=True)}
    for image, label in zip(held.validation.images, held.validation.labels, strict=True):
        assert labels[image.numpy().tobytes()] == label


def test_who_is_held_out_depends_on_no_other_image_and_on_no_size():
    images = open_dataset(digits()).train.images
    all_of_them, some = validation_mask(images, 0.2), validation_mask(images[::3], 0.2)
    assert torch.equal(all_of_them[::3], some)
    small, large = open_dataset(digits(validation=0.2)), open_dataset(digits(validation=0.2, image_size=16))
    assert torch.equal(small.validation.labels, large.validation.labels)


def test_a_larger_part_holds_the_smaller_one():
    images = open_dataset(digits()).train.images
    small, large = validation_mask(images, 0.1), validation_mask(images, 0.3)
    assert (large | ~small).all() and large.sum() > small.sum()


def test_at_least_one_image_is_held_out_and_equal_images_together():
    images = torch.arange(3, dtype=torch.uint8).reshape(3, 1, 1, 1).repeat(2, 1, 1, 1)
    held = validation_mask(images, 1e-6)
    assert held.sum() == 2 and torch.equal(held[:3], held[3:])


def test_too_few_images_to_hold_any_out_is_a_sentence():
    one = Split(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(DataError, match=r"lower data\.validation"):
        finish(Dataset("tiny", one, one), digits(validation=0.5))


def test_attributes_reach_the_batch_as_zeros_and_ones():
    labels = torch.randint(0, 2, (20, 5), dtype=torch.uint8)
    split = Split(torch.zeros(20, 3, 4, 4, dtype=torch.uint8), labels)
    batch = Batches(Dataset("x", split, split, attributes=tuple("abcde")), 20, "cpu", seed=0).at(0)
    assert batch.labels.dtype == torch.float32 and batch.labels.shape == (20, 5)
    assert torch.equal(batch.labels.sum(0), labels.sum(0).float())
    assert batch.target is None


def test_batches_hand_out_target_images_but_never_their_labels():
    dataset = pair(batch_size=32)
    batches = Batches(dataset, 32, "cpu", seed=0)
    batch = batches.at(3)
    assert batch.target.shape == batch.images.shape == (32, 3, 28, 28)
    assert batch.labels.shape == (32,)
    assert batches.steps_per_epoch == len(dataset.train) // 32
    without = Batches(replace(dataset, target=replace(dataset.target, train=Split(dataset.target.train.images))),
                      32, "cpu", seed=0)  # fmt: skip
    assert torch.equal(without.at(3).target, batch.target)


def test_target_images_come_in_an_order_of_their_own_that_depends_on_the_step_alone():
    count = torch.arange(50, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    source = Dataset("s", Split(count, torch.arange(50)), Split(count))
    dataset = replace(source, target=replace(source, name="t"))
    batches = Batches(dataset, 10, "cpu", seed=0)
    first = [batches.at(step) for step in range(5)]
    assert not torch.equal(first[0].target, first[0].images)
    assert len(torch.cat([b.target for b in first]).unique()) == 50
    again = Batches(dataset, 10, "cpu", seed=0)
    assert torch.equal(again.at(4).target, first[4].target)
    assert torch.equal(again.at(0).target, first[0].target)
    assert torch.equal(Batches(source, 10, "cpu", seed=0).at(2).images, first[2].images), (
        "nor does the source's"
    )


def test_a_small_target_domain_gives_smaller_batches():
    source = Dataset("s", Split(torch.zeros(50, 1, 2, 2, dtype=torch.uint8)), Split(torch.zeros(1, 1, 2, 2)))
    target = replace(source, train=Split(torch.zeros(7, 1, 2, 2, dtype=torch.uint8)))
    batch = Batches(replace(source, target=target), 20, "cpu", seed=0).at(1)
    assert len(batch.images) == 20 and len(batch.target) == 7


def test_a_pair_learns_from_the_source_or_from_the_target():
    source, target = pair(), pair(supervision="target")
    plain = open_dataset(digits(image_size=28))
    assert torch.equal(target.train.images, plain.train.images.expand(-1, 3, -1, -1))
    assert torch.equal(target.train.labels, plain.train.labels)
    assert not torch.equal(source.train.images, target.train.images)
    for either in (source, target):
        assert either.target.name == "digits" and either.name == "digitsm-digits"
        assert torch.equal(either.target.test.images, plain.test.images.expand(-1, 3, -1, -1))
    assert source.fingerprint != target.fingerprint


def test_both_domains_of_a_pair_have_a_validation_split():
    dataset = pair(validation=0.1)
    assert dataset.validation and dataset.target.validation
    assert len(dataset.target.train) + len(dataset.target.validation) == 1437


def test_the_fingerprint_is_of_every_split_and_of_the_target():
    dataset = pair(validation=0.1)
    seen = {dataset.fingerprint, pair().fingerprint}
    blank = Split(torch.zeros(2, 3, 28, 28, dtype=torch.uint8))
    for changed in (
        replace(dataset, train=blank),
        replace(dataset, test=blank),
        replace(dataset, validation=blank),
        replace(dataset, target=None),
        replace(dataset, target=replace(dataset.target, fingerprint="other")),
        replace(dataset, train=replace(dataset.train, labels=None)),
    ):
        seen.add(fingerprint(changed))
    assert len(seen) == 8
