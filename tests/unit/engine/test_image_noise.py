"""The noise of stochastic samplers: SplitMix64 as published, and numbers that depend on their place alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.samplers import image_noise
from engine.samplers.image_noise import ImageNoise
from engine.samplers.splitmix import GOLDEN, mix_, normal

SHAPE = (3, 16, 16)
ANSWERS = [
    6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
]  # fmt: skip
"""The first numbers of the key 1234567, of the reference implementation by Sebastiano Vigna."""


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    torch.manual_seed(0)


def test_the_numbers_of_a_key_are_those_of_the_reference():
    words = mix_(1234567 + torch.arange(1, 6) * GOLDEN)
    assert [word % (1 << 64) for word in words.tolist()] == ANSWERS


def test_extreme_words_give_finite_numbers():
    extreme = torch.tensor([0, 1, 1 << 31, (1 << 31) - 1, (1 << 32) - 1])
    pairs = torch.cartesian_prod(extreme, extreme)
    words = ((pairs[:, 0] << 32) + pairs[:, 1])[None]
    drawn = normal(words, torch.empty(1, 2, len(pairs)), torch.empty_like(words))
    assert drawn.isfinite().all() and drawn.abs().max() < 7


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
