"""The random numbers of stochastic samplers: Philox as published, and noise that depends on its place alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.samplers import image_noise
from engine.samplers.image_noise import ImageNoise
from engine.samplers.philox import normal, philox, round_keys

SHAPE = (3, 16, 16)
ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Counter, key and words of the known-answer tests of Random123, the reference implementation by its authors."""


def words(text: str) -> Tensor:
    return torch.tensor([int(word, 16) for word in text.split()])


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_philox_gives_the_known_answers(counter, key, answer):
    count = words(counter)
    even, odd = philox(count[0::2, None].clone(), count[1::2, None].clone(), round_keys(words(key)[:, None]))
    assert torch.stack([even[0], odd[0], even[1], odd[1]]).flatten().tolist() == words(answer).tolist()


def test_many_counters_and_keys_at_once_are_as_each_alone():
    counts, keys = torch.randint(0, 1 << 32, (2, 2, 5, 7)), torch.randint(0, 1 << 32, (2, 5, 1))
    even, odd = philox(counts[0].clone(), counts[1].clone(), round_keys(keys))
    alone = philox(counts[0, :, 3, 4:5].clone(), counts[1, :, 3, 4:5].clone(), round_keys(keys[:, 3]))
    assert torch.equal(even[:, 3, 4:5], alone[0]) and torch.equal(odd[:, 3, 4:5], alone[1])


def test_extreme_words_give_finite_numbers():
    extreme = torch.tensor([0, 1, (1 << 32) - 1])
    pairs = torch.cartesian_prod(extreme, extreme)
    one, other = normal(pairs[:, 0], pairs[:, 1])
    assert one.isfinite().all() and other.isfinite().all() and one.abs().max() < 7


@pytest.mark.parametrize("shape", [SHAPE, (1, 28, 28), (1, 3, 5), (7,)])
@pytest.mark.parametrize("together", [1, 100, 1 << 20])
def test_noise_depends_neither_on_the_batch_nor_on_how_much_is_made_at_once(monkeypatch, shape, together):
    begun = torch.randn(23, *shape)
    whole = [draw.clone() for draw in drawn(begun, 3)]
    monkeypatch.setattr(image_noise, "_NUMBERS_AT_ONCE", together)
    for size in (1, 4, 23):
        parts = [drawn(part, 3) for part in begun.split(size)]
        for step, expected in enumerate(whole):
            assert torch.equal(torch.cat([part[step] for part in parts]), expected)


def test_noise_has_the_type_and_the_place_of_what_it_is_for():
    assert ImageNoise(torch.randn(2, *SHAPE, dtype=torch.float64)).normal().dtype == torch.float64
    flipped = torch.randn(2, *SHAPE).transpose(2, 3)
    assert torch.equal(ImageNoise(flipped).normal(), ImageNoise(flipped.contiguous()).normal())


def test_one_changed_pixel_gives_other_noise():
    begun = torch.randn(1, *SHAPE)
    other = begun.clone()
    other[0, 2, 15, 15] = torch.nextafter(other[0, 2, 15, 15], torch.tensor(9.0))
    both = ImageNoise(torch.cat([begun, other])).normal()
    assert correlation(both[0], both[1]) < 5 / math.sqrt(both[0].numel())


def test_noise_is_standard_normal():
    values = torch.cat([draw.flatten() for draw in drawn(torch.randn(400, *SHAPE), 4)]).double()
    n = len(values)
    for power, moment, deviation in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(values.pow(power).mean() - moment) < 5 * math.sqrt(deviation / n), power
    levels = torch.linspace(-3, 3, 25, dtype=torch.float64)
    expected = torch.special.ndtr(levels)
    found = torch.searchsorted(values.sort().values, levels) / n
    assert (found - expected).abs().max() < 2 / math.sqrt(n)  # Kolmogorov & Smirnov: p < 7e-4


def test_noise_is_independent_from_pixel_to_pixel_step_to_step_and_image_to_image():
    begun = torch.randn(200, *SHAPE)
    first, second = drawn(begun, 2)
    limit = 5 / math.sqrt(first.numel())
    assert correlation(first, second) < limit
    assert correlation(first, begun) < limit
    assert correlation(first, first.roll(1, 0)) < limit
    for lag in (1, 2, 3, 4, 16, 128, 256, 384):
        assert correlation(first.flatten(1), first.flatten(1).roll(lag, 1)) < limit, lag
        assert correlation(first.flatten(1).abs(), first.flatten(1).abs().roll(lag, 1)) < limit, lag


def drawn(begun: Tensor, steps: int) -> list[Tensor]:
    noise = ImageNoise(begun)
    return [noise.normal() for _ in range(steps)]


def correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]).double())[0, 1].abs().item()
