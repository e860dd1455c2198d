"""Smoothing: over values, alone or in groups."""

from __future__ import annotations

import numpy as np
import pytest

from gentui.metrics.smoothing import Smoothing, smooth

EMA, WINDOW = Smoothing(0.9), Smoothing(0.9, "window")


def singly(values, smoothing: Smoothing) -> np.ndarray:
    values = np.array(values, float)
    finite = np.isfinite(values)
    return smooth(np.where(finite, values, 0.0), finite.astype(float), smoothing)


def test_smoothing_begins_without_bias_and_skips_gaps():
    assert singly([2, 2, 2], EMA) == pytest.approx([2, 2, 2])
    smoothed = singly([1, np.nan, 3], Smoothing(0.5))
    assert smoothed[0] == 1 and np.isnan(smoothed[1]) and smoothed[2] == pytest.approx((1 + 2 * 3) / 3)
    assert singly([5, 1], Smoothing()).tolist() == [5, 1] and not Smoothing() and EMA


def test_a_window_is_a_mean_of_as_many_values_as_the_average_weighs():
    assert Smoothing(0.6).width == 4 and WINDOW.width == 19 and Smoothing(0.97).width == 66
    smoothed = singly([0, 10, np.nan, 20, 1e300], Smoothing(0.5, "window"))
    assert smoothed[:2] == pytest.approx([5, 10]) and np.isnan(smoothed[2]) and np.isfinite(smoothed[4])
    assert singly(np.full(50, 3.0), Smoothing(0.97, "window")) == pytest.approx(np.full(50, 3.0))


@pytest.mark.parametrize("kind", ["ema", "window"])
@pytest.mark.parametrize("size", [2, 5, 16])
def test_a_group_has_the_mean_of_its_smoothed_values(kind, size):
    rng = np.random.default_rng(0)
    values = 3 * np.exp(-np.arange(800) / 150) + rng.normal(0, 0.3, 800)
    smoothing = Smoothing(0.97, kind)
    exact = singly(values, smoothing).reshape(-1, size).mean(1)
    grouped = smooth(values.reshape(-1, size).mean(1), np.full(800 // size, size), smoothing)
    assert np.abs(grouped - exact)[5:].max() < 0.03, "a tenth of the noise of one value"
    assert np.abs(grouped - exact).mean() < 0.015
