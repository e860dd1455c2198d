"""What is said of samples at early looks: nothing while a healthy net is young, and every collapse in the end."""

from __future__ import annotations

import json

import pytest

from engine.health import Panel
from engine.health.curves import Trend
from engine.health.findings import Blob, Collapse, LabelIgnored, Memorisation, judged_from
from engine.settings.health import Health

SETTINGS = Health()

PHOTOS_DCGAN = {  # its 1,500 steps, averaged weights: step -> diversity, spread of pixels, contrast
    5: (0.0002, 0.001, 0.002), 10: (0.0002, 0.001, 0.003), 15: (0.001, 0.001, 0.006), 25: (0.002, 0.005, 0.028),
    35: (0.013, 0.012, 0.073), 55: (0.067, 0.024, 0.186), 75: (0.156, 0.079, 0.38), 95: (0.509, 0.304, 0.438),
    120: (0.496, 0.407, 0.612), 180: (0.847, 0.64, 0.877), 240: (0.812, 0.738, 1.005), 300: (0.76, 0.813, 1.111),
    360: (0.722, 0.894, 1.165), 420: (0.67, 0.926, 1.091), 480: (0.723, 0.931, 1.023),
}  # fmt: skip
QUICK_PHOTOS_DCGAN = {  # its 60 steps
    5: (0.00019, 0.0002, 0.005), 10: (0.00019, 0.0002, 0.004), 15: (0.0003, 0.0004, 0.004),
    20: (0.0004, 0.001, 0.004), 30: (0.001, 0.002, 0.009), 40: (0.002, 0.004, 0.019), 50: (0.006, 0.006, 0.028),
    60: (0.01, 0.008, 0.036),
}  # fmt: skip
QUICK_FACES_DCGAN = {
    5: (0.001, 0.001, 0.004), 10: (0.0013, 0.001, 0.004), 15: (0.002, 0.001, 0.003), 20: (0.003, 0.001, 0.004),
    30: (0.007, 0.003, 0.006), 40: (0.028, 0.01, 0.014), 50: (0.078, 0.019, 0.029), 60: (0.13, 0.028, 0.045),
}  # fmt: skip
QUICK_DIGITS_VAE = {  # its 150 steps
    5: (0.105, 0.086, 0.056), 10: (0.138, 0.123, 0.084), 15: (0.178, 0.17, 0.127), 20: (0.236, 0.216, 0.197),
    25: (0.311, 0.25, 0.295), 30: (0.365, 0.27, 0.398), 35: (0.409, 0.282, 0.486), 40: (0.455, 0.301, 0.559),
    50: (0.519, 0.334, 0.631), 70: (0.57, 0.363, 0.681), 100: (0.594, 0.391, 0.719), 150: (0.613, 0.409, 0.735),
}  # fmt: skip


def watchers(total, trend=None, steps_per_update=1):
    after = judged_from(total, steps_per_update)
    kinds = (Collapse, Blob, LabelIgnored, Memorisation)
    return Panel([kind(SETTINGS, trend, after) for kind in kinds])


def fallen(steps=10):
    """The trend of a loss that has fallen at once, as a VAE's does."""
    trend = Trend()
    for step in range(1, steps + 1):
        trend.observe(step, {"loss": 49.0 if step == 1 else 15.0})
    return trend


def values(diversity, spread, contrast, **more):
    return {"health/diversity": diversity, "health/pixel_spread": spread, "health/contrast": contrast,
            "health/nearest": 1.5, **more}  # fmt: skip


def said(panel, looks):
    """(step, name) of each alarm."""
    return [(step, alarm.name) for step, signals in looks.items() for alarm in panel.observe(step, signals)]


@pytest.mark.parametrize(
    ("total", "measured", "trend"),
    [
        (1500, PHOTOS_DCGAN, None),
        (60, QUICK_PHOTOS_DCGAN, None),
        (60, QUICK_FACES_DCGAN, None),
        (150, QUICK_DIGITS_VAE, fallen()),
        (5, dict(list(QUICK_PHOTOS_DCGAN.items())[:1]), None),  # a run that ends there
        (10, dict(list(QUICK_PHOTOS_DCGAN.items())[:2]), None),
    ],
    ids=["photos-dcgan", "quick", "quick faces", "quick vae", "5 steps", "10 steps"],
)
def test_a_healthy_run_is_not_ill_at_any_choice_of_two_looks(total, measured, trend):
    looks = {step: values(*signals) for step, signals in measured.items()}
    assert said(watchers(total, trend), looks) == []
    for first in looks:
        for second in (step for step in looks if step > first):
            assert said(watchers(total, trend), {step: looks[step] for step in (first, second)}) == []


@pytest.mark.parametrize("total", [60, 1500, 1_000_000])
@pytest.mark.parametrize("looks", [4, 20, 100])
def test_a_generator_that_is_stuck_from_the_start_is_found(total, looks):
    steps = sorted({max(1, round(total * (look + 1) / looks)) for look in range(looks)})
    found = said(watchers(total), {step: values(0.0002, 0.0002, 0.01) for step in steps})
    assert [name for _, name in found] == ["collapse"]
    judged = [step for step in steps if step >= judged_from(total)]
    assert found[0][0] <= judged[1]


@pytest.mark.parametrize("contrast", [0.01, 0.9])
def test_samples_that_become_alike_are_found(contrast):
    looks = {step: values(0.6, 0.6, 0.8) for step in (300, 600, 900)}
    looks |= {step: values(0.01, 0.01, contrast) for step in (1200, 1500)}
    assert said(watchers(1500), looks) == [(1200, "collapse")]


def test_the_diversity_of_noise_is_no_height_to_fall_from():
    looks = {
        15: values(1.0, 1.0, 1.0),
        75: values(0.2, 0.35, 0.4),
        400: values(0.3, 0.5, 0.6),
        800: values(0.6, 0.7, 1),
    }
    assert said(watchers(1500, fallen()), looks) == []


def test_labels_are_judged_once_samples_could_show_them():
    asked = {"health/label_told": 0.01, "health/label": 0.0}
    early = {step: values(0.8, 0.8, 0.9, **asked) for step in (5, 10, 15, 24)}
    assert said(watchers(60, fallen()), early) == []
    assert said(watchers(60, fallen()), {step: values(0.8, 0.8, 0.9, **asked) for step in (15, 30, 45)}) == [
        (45, "class-ignored")  # at the second look that is judged
    ]


def test_labels_that_are_confused_for_a_moment_are_no_alarm():
    asked = {"health/label_told": 0.6, "health/label": 0.1}
    shown = {"health/label_told": 0.9, "health/label": 0.9}
    looks = {step: values(0.8, 0.8, 0.9, **asked) for step in (100, 101, 102, 120)}
    assert said(watchers(400, fallen()), looks | {140: values(0.8, 0.8, 0.9, **shown)}) == []
    assert said(watchers(400, fallen()), looks | {150: values(0.8, 0.8, 0.9, **asked)}) == [
        (150, "class-confused")
    ]


def test_samples_wait_for_the_updates_of_the_net_that_makes_them():
    assert judged_from(60) == 25
    assert judged_from(60, steps_per_update=5) == 125  # twelve updates: too few for any judgement
    assert judged_from(1500) == 375
    assert judged_from(1_000_000) == 1000
    assert judged_from(1_000_000, steps_per_update=5) == 5000


def test_a_resumed_watcher_says_what_an_uninterrupted_one_says():
    looks = [(step, values(0.01, 0.01, 0.5)) for step in (400, 500, 600, 700)]
    whole, first, second = watchers(1500), watchers(1500), watchers(1500)
    expected = said(whole, dict(looks))
    assert expected == [(600, "collapse")]
    found = said(first, dict(looks[:2]))
    second.load_state(json.loads(json.dumps(first.state())))
    assert second.state() == first.state()
    assert found + said(second, dict(looks[2:])) == expected


def test_the_state_of_an_earlier_version_is_taken():
    collapse = Collapse(SETTINGS)
    collapse.load_state({"since": None, "before": 0.2, "peak": 0.8, "peak_at": 700})
    assert collapse.observe(900, values(0.2, 0.2, 0.9)) is not None
