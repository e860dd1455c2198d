"""EDM's preconditioning and loss, averaging, schedules and the precision probe."""

from __future__ import annotations

import pytest
import torch

from engine.data.batch import Batch, ImageSpec
from engine.methods import Method
from engine.methods.averaging import AveragedNet
from engine.methods.building import context_of
from engine.methods.diffusion import EDM, measure_sigma_data
from engine.recipes.recipe import load
from engine.settings import registry
from engine.settings.samplers import Euler, Heun


@pytest.fixture
def method():
    recipe = load("digits-unet").with_values({"model.channels": 8, "model.groups": 4})
    torch.manual_seed(0)
    return registry.build(
        recipe.method, Method, context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 10, 5)
    )


def test_preconditioning_keeps_input_output_and_target_at_unit_scale(method):
    """With F = 0 the denoiser is c_skip·x, and the target of F has variance one (EDM appendix B.6)."""
    d = method.sigma_data = 0.5
    x = torch.randn(4, 1, 8, 8)
    sigma = torch.tensor([0.01, 0.5, 2.0, 50.0])
    denoised = method.denoise(method.net, x, sigma, torch.zeros(4, dtype=torch.int64))
    skip = d**2 / (sigma**2 + d**2)
    assert torch.allclose(denoised, x * skip[:, None, None, None], atol=1e-5)  # the head starts at zero


def test_loss_of_an_untrained_net_is_one_at_the_datas_own_scale(method):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(512, 1, 8, 8, generator=generator) * 0.5
    method.sigma_data = 0.5
    batch = Batch(images, torch.zeros(512, dtype=torch.int64))
    losses = [method.loss(method.net, batch)[0].item() for _ in range(4)]
    assert sum(losses) / 4 == pytest.approx(1.0, abs=0.05)


def test_sampling_leaves_training_and_the_global_generator_alone(method):
    before, mode = torch.get_rng_state(), method.net.training
    method.sample(Heun(steps=2), torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)),
                  torch.tensor([0, 1, 2]))  # fmt: skip
    assert torch.equal(before, torch.get_rng_state())
    assert method.net.training is mode


def test_sampling_in_one_batch_or_two_gives_the_same_images(method):
    for parameter in method.average.net.parameters():
        parameter.data.add_(0.02)
    noise, labels = torch.randn(4, 1, 8, 8), torch.arange(4)
    whole = method.sample(Euler(steps=3), noise, labels)
    parts = [method.sample(Euler(steps=3), noise[i : i + 2], labels[i : i + 2]) for i in (0, 2)]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-5)


def test_sigma_data_is_the_standard_deviation_of_the_pixels():
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    want = (images.double() / 127.5 - 1).std(correction=0).item()
    assert measure_sigma_data(images) == pytest.approx(want, rel=1e-9)


def test_average_is_ramped_and_follows_float_buffers():
    net = torch.nn.BatchNorm2d(2)
    average = AveragedNet(net, 0.999)
    net.weight.data.fill_(3.0)
    net.get_buffer("running_mean").fill_(5.0)
    net.get_buffer("num_batches_tracked").fill_(7)
    average.update()  # decay of the first update is 1/10
    assert torch.allclose(average.net.weight, torch.full((2,), 1.0 * 0.1 + 3.0 * 0.9))
    assert torch.allclose(average.net.get_buffer("running_mean"), torch.full((2,), 4.5))
    assert average.net.get_buffer("num_batches_tracked") == 7


def test_plateau_halves_after_three_epochs_without_improvement_down_to_its_floor():
    from engine.methods.optim import build_schedule
    from engine.settings.optim import Plateau

    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    schedule = build_schedule(Plateau(patience=3, min_lr=1e-4), optimizer, 0)
    rates = []
    for loss in [1.0, 0.9, *[0.95] * 20]:
        schedule.after_epoch(loss, 0.0)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:4] == [1e-3] * 4
    assert rates[4] == 5e-4
    assert rates[-1] == 1e-4


def test_a_plateau_can_be_one_of_the_last_batchs_loss_and_ask_for_more_than_a_trifle():
    from engine.methods.optim import build_schedule
    from engine.settings.optim import Plateau

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = build_schedule(Plateau(patience=4, min_lr=0, threshold=1e-4, loss="last"), optimizer, 0)
    rates = []
    for epoch in range(6):
        schedule.after_epoch(1.0 / (epoch + 1), 1.0 - epoch * 1e-5)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0] * 4 + [0.5] * 2


def test_a_linear_rate_can_change_by_the_epoch_and_goes_on_from_its_state():
    from engine.methods.optim import build_schedule
    from engine.settings.optim import Linear

    def built():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        return optimizer, build_schedule(Linear(by_epoch=True), optimizer, 12)

    optimizer, schedule = built()
    rates = []
    for step in range(1, 13):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
        if step == 5:
            state, (optimizer, schedule) = (optimizer.state_dict(), schedule.state_dict()), built()
            optimizer.load_state_dict(state[0])
            schedule.load_state_dict(state[1])
        if step % 4 == 0:
            schedule.after_epoch(0.0, 0.0)
    assert rates == pytest.approx([1.0] * 4 + [2 / 3] * 4 + [1 / 3] * 4)


def test_noise_levels_of_training_can_be_kept_within_those_of_sampling(method, monkeypatch):
    seen = []
    net = method.learner.net
    settings = method.settings.model_copy(update={"clip_sigma": True, "sigma_min": 0.3, "sigma_max": 0.4})
    monkeypatch.setattr(method, "settings", settings)
    batch = Batch(torch.zeros(64, 1, 8, 8), torch.zeros(64, dtype=torch.int64))
    hook = net.register_forward_pre_hook(lambda _, given: seen.append((4 * given[1]).exp()))
    method.loss(net, batch)
    hook.remove()
    assert seen[0].min() == pytest.approx(0.3) and seen[0].max() == pytest.approx(0.4)


def test_the_probe_prefers_fp32_when_gradients_disagree(method):
    from engine.training.precision import probe_precision

    state = torch.get_rng_state()
    exact = method.probe_gradient
    calls = []

    def probe_gradient(self, batch):
        calls.append(self.precision)
        gradient = exact(batch)
        return -gradient if self.precision == "bf16" else gradient

    type(method).probe_gradient, kept = probe_gradient, EDM.probe_gradient
    try:
        choice = probe_precision(
            method, Batch(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)), budget=0.1
        )
    finally:
        EDM.probe_gradient = kept
    assert choice["precision"] == "fp32" and "disagree" in choice["reason"]
    assert {"fp32", "bf16"} == set(calls)
    assert torch.equal(state, torch.get_rng_state())


def test_the_probe_compares_the_gradients_of_every_layer(method):
    from engine.training.precision import probe_precision

    seen = []
    exact = EDM.probe_gradient

    def probe_gradient(self, batch):
        gradient = exact(self, batch)
        seen.append([bool(p.grad.any()) for n, p in self.net.named_parameters() if "conv" in n])
        return gradient

    EDM.probe_gradient = probe_gradient
    try:
        probe_precision(method, Batch(torch.randn(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)), budget=0.1)
    finally:
        EDM.probe_gradient = exact
    assert all(map(all, seen))
    assert not method.net.head.weight.any()  # the net that will train is as it was
