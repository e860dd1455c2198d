"""Samplers against what can be known exactly: Gaussian data, whose ideal denoiser has a closed form.

Images are 1×2×2, independent pixels of different means and spreads, in float64, so that what is measured is the
solver's own error.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from engine.samplers import run_sampler
from engine.samplers.ancestral import posterior_mean, posterior_variance
from engine.samplers.image_noise import ImageNoise
from engine.samplers.process import CLEAN, Continuous, Discrete
from engine.settings.samplers import DDIM, DDPM, DPMSolver, Euler, Heun

MEAN = torch.tensor([[[0.3, -0.5], [0.1, 0.0]]], dtype=torch.float64)
SPREAD = torch.tensor([[[0.7, 0.2], [0.45, 1.1]]], dtype=torch.float64)


def ideal(x, level):
    """E[image | x] for images ~ N(MEAN, SPREAD²) and x = α·image + σ·noise."""
    gain = level.alpha * SPREAD**2 / (level.alpha**2 * SPREAD**2 + level.sigma**2)
    return MEAN + gain * (x - level.alpha * MEAN)


def spread_at(level):
    return (level.alpha**2 * SPREAD**2 + level.sigma**2).sqrt()


def on_the_ode(x, start, level):
    """Where the ODE carries ``x`` from one level to another: the normalised deviation never changes."""
    return level.alpha * MEAN + spread_at(level) * (x - start.alpha * MEAN) / spread_at(start)


def linear_alphas_bar(steps, scale=1.0):
    """Of DDPM's linear schedule, made finer: ``steps`` of them do what 1000 do."""
    betas = np.linspace(1e-4, 0.02, steps) * 1000 / steps * scale
    return np.cumprod(1 - betas).tolist()


def edm(denoise=ideal):
    return Continuous(denoise, 0.02, 80.0)


def ddpm(denoise=ideal, steps=1000):
    return Discrete(denoise, linear_alphas_bar(steps))


def draw(n, seed=0):
    return torch.randn(n, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def error(settings, process):
    """Largest distance from the exact solution just before the last step, which goes to no noise at all."""
    noise, seen = draw(64), []
    run_sampler(settings, process, noise, lambda done, total, x, level: seen.append((x, level)))
    (first, start), (x, level) = seen[0], seen[-2]
    assert seen[-1][1] == CLEAN
    return (x - on_the_ode(first, start, level)).abs().max().item()


ORDERS = [
    (Euler, {}, 1), (Heun, {}, 2),
    (DDIM, {"spacing": "karras"}, 1), (DDIM, {"spacing": "logsnr"}, 1),
    (DPMSolver, {"spacing": "karras"}, 2), (DPMSolver, {"spacing": "logsnr"}, 2),
]  # fmt: skip


@pytest.mark.parametrize(("sampler", "options", "order"), ORDERS)
@pytest.mark.parametrize("make", [edm, lambda: ddpm(steps=40_000)], ids=["edm", "ddpm"])
def test_solvers_reach_the_exact_solution_with_their_order(sampler, options, order, make):
    process = make()
    counts = [40, 80, 160, 320]
    errors = [error(sampler(steps=steps + 1, **options), process) for steps in counts]
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.1), errors
    assert errors[-1] < 0.05


def test_ddim_over_evenly_spaced_trained_steps_is_of_first_order():
    process = ddpm(steps=40_000)
    errors = [error(DDIM(steps=steps + 1), process) for steps in (100, 200, 400, 800)]
    slope = -np.polyfit(np.log([100, 200, 400, 800]), np.log(errors), 1)[0]
    assert slope == pytest.approx(1, abs=0.1), errors


def test_twenty_steps_of_dpm_solver_beat_twenty_of_ddim_and_are_near_the_exact_solution():
    for process in (edm(), ddpm()):
        second, first = error(DPMSolver(), process), error(DDIM(steps=20, spacing="logsnr"), process)
        assert second < first / 4
        assert second < 0.05


@pytest.mark.parametrize("make", [edm, ddpm])
def test_the_last_step_gives_the_expected_image(make):
    for settings in (Euler(steps=6), Heun(steps=6), DDIM(steps=6), DPMSolver(steps=6), DDPM(steps=6)):
        process, seen = make(), []
        got = run_sampler(settings, process, draw(3), lambda *state, seen=seen: seen.append(state))
        _, _, x, level = seen[-2]
        assert torch.allclose(got, ideal(x, level), atol=1e-12), settings.sampler


def test_ddim_without_fresh_noise_is_eulers_method():
    for make in (edm, ddpm):
        a = run_sampler(Euler(steps=9), make(), draw(5))
        b = run_sampler(DDIM(steps=9, spacing="karras"), make(), draw(5))
        assert torch.allclose(a, b, atol=1e-10)


def test_ddim_with_all_the_fresh_noise_is_ddpm():
    a = run_sampler(DDPM(steps=30), ddpm(), draw(5))
    b = run_sampler(DDIM(steps=30, eta=1.0), ddpm(), draw(5))
    assert torch.allclose(a, b, atol=1e-10)


# -- the levels --------------------------------------------------------------------------------------------


def test_karras_levels_run_from_the_largest_to_none():
    levels = Continuous(ideal, 0.002, 80.0).levels(18)
    assert len(levels) == 19
    assert levels[0].sigma == pytest.approx(80) and levels[-2].sigma == pytest.approx(0.002)
    assert levels[-1] == CLEAN
    middle = (80 ** (1 / 7) + 9 / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert levels[9].sigma == pytest.approx(middle)
    assert all(a.sigma > b.sigma for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize("spacing", ["native", "karras", "logsnr"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 99, 100])
def test_a_discrete_process_uses_trained_steps_alone_each_once_from_the_last_one(spacing, steps):
    process = ddpm(steps=100)
    levels = process.levels(steps, spacing)
    assert len(levels) == steps + 1 and levels[-1] == CLEAN
    assert set(levels[:-1]) <= set(process.trained)
    times = [level.time for level in levels]
    assert all(a > b for a, b in itertools.pairwise(times))
    assert times[0] == 100
    if steps > 1:
        assert times[-2] == 1


def test_all_trained_steps_are_all_of_them():
    for spacing in ("native", "karras", "logsnr"):
        assert [level.time for level in ddpm(steps=50).levels(50, spacing)] == [*range(50, 0, -1), 0]


def test_more_steps_than_were_trained_are_refused():
    with pytest.raises(ValueError, match="51 steps were asked for, the net was trained at 50"):
        ddpm(steps=50).levels(51)


def test_levels_even_in_the_signal_to_noise_ratio_snap_to_the_nearest_trained_step():
    process = ddpm(steps=1000)
    levels = process.levels(12, "logsnr")[:-1]
    wanted = np.linspace(process.trained[-1].log_snr, process.trained[0].log_snr, 12)
    known = np.array([level.log_snr for level in process.trained])
    nearest = [float(np.abs(known - w).argmin()) + 1 for w in wanted]
    assert [level.time for level in levels] == nearest


# -- stochastic samplers -----------------------------------------------------------------------------------


def test_the_posterior_is_bayes_rule_and_the_papers():
    process = ddpm(steps=1000)
    generator = torch.Generator().manual_seed(1)
    x, image = (torch.randn(2, 1, 2, 2, dtype=torch.float64, generator=generator) for _ in range(2))
    for t, s in ((1000, 999), (500, 499), (2, 1), (1000, 400)):
        now, then = process.trained[t - 1], process.trained[s - 1]
        mean, variance = posterior_mean(x, image, now, then), posterior_variance(now, then)
        # the product of N(x; a·u, b) and N(u; α·image, σ²), as functions of u
        a = now.alpha / then.alpha
        b = now.sigma**2 - (a * then.sigma) ** 2
        precision = a**2 / b + 1 / then.sigma**2
        assert variance == pytest.approx(1 / precision, rel=1e-9)
        want = (a * x / b + then.alpha * image / then.sigma**2) / precision
        assert torch.allclose(mean, want, rtol=1e-9, atol=1e-12)
        # Ho et al. 2020, eq. 7, with β of the (possibly longer) step
        bar, bar_before = now.alpha**2, then.alpha**2
        beta = 1 - bar / bar_before
        paper = (math.sqrt(bar_before) * beta * image + math.sqrt(1 - beta) * (1 - bar_before) * x) / (1 - bar)
        assert torch.allclose(mean, paper, rtol=1e-8, atol=1e-12)
        assert variance == pytest.approx((1 - bar_before) / (1 - bar) * beta, rel=1e-8)


def moments_of_ancestral_sampling(process, steps, variance):
    """Exact mean and variance of what DDPM makes of the ideal denoiser: every step of it is affine."""
    levels = process.levels(steps)
    mean, var = torch.zeros_like(MEAN), torch.ones_like(MEAN)
    for now, then in itertools.pairwise(levels):
        gain = now.alpha * SPREAD**2 / spread_at(now) ** 2
        a = now.alpha / then.alpha
        beta = now.sigma**2 - (a * then.sigma) ** 2
        kept, given = a * then.sigma**2 / now.sigma**2, then.alpha * beta / now.sigma**2
        slope = kept + given * gain
        mean = slope * mean + given * (1 - gain * now.alpha) * MEAN
        fresh = beta if variance == "beta" else beta * then.sigma**2 / now.sigma**2
        var = slope**2 * var + fresh * (then.sigma > 0)
    return mean, var


@pytest.mark.parametrize(("steps", "variance"), [(200, "posterior"), (200, "beta"), (15, "posterior")])
def test_ancestral_sampling_has_the_mean_and_variance_its_steps_imply(steps, variance):
    count = 4000
    images = run_sampler(DDPM(steps=steps, variance=variance), ddpm(steps=200), draw(count))
    mean, var = moments_of_ancestral_sampling(ddpm(steps=200), steps, variance)
    five = 5 / math.sqrt(count)  # standard errors
    assert ((images.mean(0) - mean).abs() < five * var.sqrt()).all()
    assert ((images.var(0) - var).abs() < five * math.sqrt(2) * var).all()
    pixels = images.flatten(1).T
    off_diagonal = torch.corrcoef(pixels) - torch.eye(4)
    assert off_diagonal.abs().max() < five


def test_ancestral_sampling_over_all_trained_steps_gives_back_the_data():
    for variance in ("posterior", "beta"):
        mean, var = moments_of_ancestral_sampling(ddpm(steps=1000), 1000, variance)
        assert torch.allclose(mean, MEAN, atol=0.01)
        assert torch.allclose(var.sqrt(), SPREAD, rtol=0.03)


STOCHASTIC = [(DDPM(steps=8), ddpm), (DDPM(steps=8, variance="beta"), ddpm), (DDIM(steps=8, eta=0.7), ddpm),
              (DDIM(steps=8, eta=0.7), edm)]  # fmt: skip


@pytest.mark.parametrize(("settings", "make"), STOCHASTIC)
def test_an_image_is_the_same_whatever_batch_it_is_in(settings, make):
    noise = draw(6)
    whole = run_sampler(settings, make(), noise)
    alone = [run_sampler(settings, make(), noise[i : i + 1]) for i in range(6)]
    order = torch.tensor([3, 1, 5, 0, 4, 2])
    assert torch.equal(whole, torch.cat(alone))
    assert torch.equal(whole[order], run_sampler(settings, make(), noise[order]))


@pytest.mark.parametrize(("settings", "make"), STOCHASTIC)
def test_sampling_leaves_the_global_generator_alone_and_ignores_it(settings, make):
    before = torch.get_rng_state()
    one = run_sampler(settings, make(), draw(2))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(12345)
    assert torch.equal(one, run_sampler(settings, make(), draw(2)))
    torch.set_rng_state(before)


def test_fresh_noise_differs_from_draw_to_draw_and_from_image_to_image_and_is_standard_normal():
    draws = ImageNoise(draw(2000))
    a, b = draws.normal(), draws.normal()
    for values in (
        a,
        b,
        (a - b) / math.sqrt(2),
        (a - a.roll(1, 0)) / math.sqrt(2),
        (a - draw(2000)) / math.sqrt(2),
    ):
        assert abs(values.mean()) < 5 / math.sqrt(values.numel())
        assert values.std() == pytest.approx(1, abs=0.05)


def test_images_that_begin_alike_draw_alike():
    same = draw(1).expand(3, -1, -1, -1)
    drawn = ImageNoise(same).normal()
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])


# -- what recipes may ask ----------------------------------------------------------------------------------


def test_what_images_depend_on_is_in_the_words_of_a_score():
    assert DPMSolver().summary == "dpm++ 20"
    assert DDIM(steps=30, eta=0.5, guidance=2.0).summary == "ddim 30 · eta 0.5 · guidance 2.0"
    assert DDPM(steps=500, variance="beta", rows=3).summary == "ddpm 500 · variance beta"
    assert Heun(rho=5.0).summary == "heun 18 · rho 5.0"
