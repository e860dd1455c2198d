"""What the watchers of a run's curves say, and what they keep quiet about."""

from __future__ import annotations

import json
import math
import random

import pytest
import torch

from engine.health import Panel
from engine.health.curves import (
    DiscriminatorWins,
    Divergence,
    HighRate,
    NonFinite,
    Overfitting,
    Slowness,
    StalledRate,
    Trend,
)
from engine.methods.optim import build_schedule
from engine.settings.health import Health
from engine.settings.optim import Linear

SETTINGS = Health()


def divergence(loss_decreases=True):
    return Divergence(SETTINGS, Trend(), loss_decreases)


def said(watcher, rows):
    """(step, alarm) of the first alarm over rows of metrics, or None."""
    for step, row in enumerate(rows, 1):
        if isinstance(trend := getattr(watcher, "trend", None), Trend):
            trend.observe(step, row)
        if (alarm := watcher.observe(step, row)) is not None:
            return step, alarm
    return None


def falling(steps, first=1.0, last=0.3, noise=0.05, seed=0):
    draw = random.Random(seed)
    return [
        {"loss": last + (first - last) * math.exp(-8 * i / steps) + draw.gauss(0, noise) * first}
        for i in range(steps)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("first", [1.0, 50.0, 7000.0])
def test_a_loss_that_falls_through_noise_is_healthy(first, seed):
    rows = falling(400, first=first, last=first / 3, seed=seed)
    assert said(divergence(), rows) is None


def test_a_jump_at_the_opening_is_divergence_at_once():
    step, alarm = said(divergence(), [{"loss": v} for v in (1.06, 99.5, 41.7, 10.8, 3.0)])
    assert (step, alarm.name, alarm.began) == (2, "divergence", 2)
    assert "from 1.06 to 99.5 at step 2" in alarm.sentence and "optim.lr" in alarm.remedy


def test_one_odd_batch_later_is_no_divergence():
    rows = falling(300)
    rows[200] = {"loss": 30.0}
    assert said(divergence(), rows) is None


def test_a_loss_that_rises_again_is_divergence_since_it_rose():
    rows = falling(200, noise=0.0) + [{"loss": 0.9}] * 20
    step, alarm = said(divergence(), rows)
    assert 200 < step <= 210 and alarm.began == 201


def test_a_loss_that_never_falls_learns_nothing():
    draw = random.Random(1)
    rows = [{"loss": 1.0}, *({"loss": draw.gauss(1.0, 0.02)} for _ in range(300))]
    step, alarm = said(divergence(), rows)
    assert step >= 100 and alarm.sentence.startswith("Nothing is learned")


def test_an_adversary_whose_loss_swings_is_healthy():
    rows = [{"loss": 1.5 + math.sin(i / 7)} for i in range(400)]
    assert said(divergence(loss_decreases=False), rows) is None


def test_a_wasserstein_loss_may_fall_far_below_zero():
    rows = [{"loss": 50.0 - i} for i in range(400)]
    assert said(divergence(loss_decreases=False), rows) is None


def test_nothing_is_learned_only_once_the_learning_rate_has_risen():
    warming = [{"loss": 1.0, "lr": 1e-6 * step} for step in range(1, 301)]
    assert said(divergence(), warming) is None
    step, alarm = said(divergence(), warming + [{"loss": 1.0, "lr": 3e-4}] * 200)
    assert step == 399 and alarm.sentence.startswith("Nothing is learned")


@pytest.mark.parametrize("first", [-0.0004, 0.0, 0.002])
def test_an_adversarial_loss_that_begins_near_zero_may_swing(first):
    rows = [{"loss": first}, *({"loss": 0.8 * math.sin(i / 3)} for i in range(200))]
    assert said(divergence(loss_decreases=False), rows) is None
    assert said(divergence(loss_decreases=False), [{"loss": first}, {"loss": 40.0}])[1].name == "divergence"


def test_validations_of_the_first_steps_are_no_overfitting():
    rows = [{"loss": loss, "val_loss": 1.5 * loss} for loss in (40.0, 20.0, 12.0, 8.0, 6.0, *[5.0] * 14)]
    assert said(Overfitting(SETTINGS, Trend()), rows) is None
    assert said(Overfitting(SETTINGS, Trend()), rows + rows[-1:] * 40)[0] > 20


def test_overfitting_is_a_gap_that_lasts():
    rows = falling(200, noise=0.0)
    for step in range(20, 200, 20):
        rows[step - 1]["val_loss"] = max(rows[step - 1]["loss"], 0.55)
    step, alarm = said(Overfitting(SETTINGS, Trend()), rows)
    assert alarm.name == "overfitting" and alarm.began < step and "validation" in alarm.sentence


def test_a_small_gap_and_a_lag_at_the_start_are_no_overfitting():
    rows = falling(200, noise=0.0)
    for step in range(5, 200, 5):
        rows[step - 1]["val_loss"] = rows[step - 1]["loss"] + 0.03
    assert said(Overfitting(SETTINGS, Trend()), rows) is None


def test_a_discriminator_without_a_loss_wins():
    def rows(loss):
        return [
            {"loss_d_real": v / 2, "loss_d_fake": v / 2, "d_accuracy": 1.0} for v in [2.0, 1.0, *[loss] * 60]
        ]

    step, alarm = said(DiscriminatorWins(SETTINGS), rows(0.001))
    assert alarm.name == "discriminator" and step <= 45
    assert said(DiscriminatorWins(SETTINGS), rows(0.2)) is None


def test_a_wasserstein_critic_cannot_win():
    rows = [{"loss_d_real": -50.0, "loss_d_fake": -50.0} for _ in range(100)]
    assert said(DiscriminatorWins(SETTINGS), rows) is None


def test_steps_as_large_as_the_weights_are_a_rate_too_high_and_healthy_ones_are_not():
    def rows(*changes):
        return [{"loss": -1.0, "health/change_d": change} for change in changes]

    step, alarm = said(HighRate(SETTINGS), rows(0.6, 0.3, 0.2, 0.1))
    assert (step, alarm.name, alarm.began) == (3, "high-rate", 1)
    assert "3 updates changed the discriminator's weights 1.1× their own size" in alarm.sentence
    assert said(HighRate(SETTINGS), [*rows(0.1, 0.1, 0.08, 0.07, 0.06, 0.05), {"loss": 1.0}] * 50) is None


def test_a_rate_that_ran_out_early_is_told_and_a_linear_decay_is_not():
    early = [{"lr": 1e-3 if step < 100 else 1e-6} for step in range(1000)]
    assert said(StalledRate(1000), early)[1].began == 101
    assert said(StalledRate(1000), [{"lr": 1e-3 * (1 - step / 1000)} for step in range(1000)]) is None


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("total", [1, 2, 3, 5, 10, 40, 200])
def test_no_schedule_of_a_short_run_stalls(total, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    schedule = build_schedule(Linear(warmup=warmup), optimizer, total)
    rates = []
    for _ in range(total):
        rates.append({"lr": optimizer.param_groups[0]["lr"]})
        optimizer.step()
        schedule.after_step()
    assert said(StalledRate(total), rates) is None


def test_slowness_is_against_the_runs_own_speed_and_must_last():
    def rows(*speeds):
        return [{"images_per_s": s} for s in speeds]

    usual = [1000.0] * 150
    assert said(Slowness(SETTINGS, 64), rows(*usual, *[100.0] * 10, *usual)) is None
    step, alarm = said(Slowness(SETTINGS, 64), rows(*usual, *[10.0] * 40))
    assert alarm.severity == "info" and alarm.began == 151 and step > 151


def test_a_loss_that_is_no_number_is_named():
    step, alarm = said(NonFinite(), [{"loss": 1.0, "loss_g": 1.0}, {"loss": 1.0, "loss_g": math.inf}])
    assert step == 2 and "loss_g" in alarm.sentence and alarm.severity == "error"


def test_an_alarm_is_given_once_and_is_not_forgotten_over_a_resume():
    def panel():
        trend = Trend()
        return Panel(
            [
                NonFinite(),
                trend,
                Divergence(SETTINGS, trend, True),
                Overfitting(SETTINGS, trend),
                Slowness(SETTINGS, 64),
            ]
        )

    one = panel()
    assert [a.name for a in one.observe(1, {"loss": math.nan})] == ["non-finite"]
    assert one.observe(2, {"loss": math.nan}) == []
    for step, row in enumerate(falling(50), 3):
        one.observe(step, row)
    two = panel()
    two.load_state(json.loads(json.dumps(one.state())))
    assert two.state() == one.state()
    assert two.observe(60, {"loss": math.nan}) == []


def test_a_resumed_panel_says_what_an_uninterrupted_one_says():
    def panel():
        return Panel([trend := Trend(), Divergence(SETTINGS, trend, True)])

    rows = falling(100, noise=0.0) + [{"loss": 0.9}] * 20
    whole = said(divergence(), rows)
    first, second = panel(), panel()
    assert not any(first.observe(step, row) for step, row in enumerate(rows[:103], 1))
    second.load_state(json.loads(json.dumps(first.state())))
    found = [alarm for step, row in enumerate(rows[103:], 104) for alarm in second.observe(step, row)]
    assert [alarm.sentence for alarm in found] == [whole[1].sentence]


def test_the_state_of_an_earlier_version_is_taken_as_far_as_it_goes():
    trend = Trend()
    trend.load_state({"first": 2.0, "now": 1.0, "steps": 50})
    assert trend.state() == {"first": 2.0, "now": 1.0, "steps": 50, "rate": 0.0, "warm_at": 0}
