"""What every method is made of: a net with its optimiser, average, precision and compiled form."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from engine.data.batch import ImageSpec
from engine.methods.building import context_of
from engine.methods.compiling import choose_compile
from engine.methods.learner import Learner
from engine.recipes.recipe import load


def learner(seed: int = 0, **changes) -> Learner:
    values = {f"train.{key}": value for key, value in changes.items()}
    recipe = load("digits-unet").with_values({"optim.lr": 1e-2, "schedule.name": "constant", **values})
    context = context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 10, 5)
    torch.manual_seed(seed)
    return Learner(nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1)), context)


def train(one: Learner, steps: int, precision: str = "fp32") -> list[float]:
    generator = torch.Generator().manual_seed(1)
    losses = []
    one.scale_gradients(precision)
    for _ in range(steps):
        x = torch.randn(16, 4, generator=generator)
        loss = (one.forward(x) - x.sum(1, keepdim=True)).square().mean()
        one.update(loss)
        losses.append(loss.item())
    return losses


def test_scaled_gradients_of_fp16_take_the_steps_of_unscaled_ones():
    plain, scaled = learner(), learner()
    assert train(scaled, 20, "fp16") == pytest.approx(train(plain, 20), rel=1e-4)
    assert scaled.state()["scaler"]["scale"] >= 65536
    assert plain.state()["scaler"] == {}


def test_a_resumed_learner_takes_the_very_same_steps():
    for precision in ("fp32", "fp16"):
        whole, first, second = learner(), learner(), learner(seed=9)
        train(whole, 5, precision)
        train(first, 5, precision)
        second.load_weights(first.weights())
        second.load_state(first.state())
        assert train(second, 5, precision) == train(whole, 5, precision)
        for name, tensors in whole.weights().items():
            assert all(torch.equal(value, second.weights()[name][key]) for key, value in tensors.items())
        assert second.state()["scaler"] == whole.state()["scaler"]


def test_gradients_are_clipped_and_their_norm_before_that_is_told():
    one = learner(clip=1e-3)
    norm = one.update((one.net(torch.ones(4, 4)) * 100).square().mean())
    assert norm > 1
    assert nn.utils.get_total_norm([p.grad for p in one.net.parameters()]) == pytest.approx(1e-3, rel=1e-3)


def test_the_compiled_net_trains_and_the_plain_one_is_saved(monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled, plain = learner(compile=True), learner()
    assert compiled.forward is not compiled.net
    assert train(compiled, 5) == pytest.approx(train(plain, 5))
    assert compiled.weights()["model"].keys() == plain.weights()["model"].keys()


def test_what_must_not_be_compiled_is_not():
    recipe = load("digits-unet").with_values({"train.compile": True})
    context = context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 10, 5)
    critic = Learner(nn.Linear(4, 1), context, compilable=False)
    assert critic.forward is critic.net


def test_how_much_the_weights_change_is_told_of_the_first_updates(monkeypatch):
    monkeypatch.setattr("engine.methods.learner.MEASURED_UPDATES", 2)
    one = learner()
    before = torch.cat([p.detach().flatten() for p in one.net.parameters() if p.dim() > 1])
    train(one, 1)
    after = torch.cat([p.detach().flatten() for p in one.net.parameters() if p.dim() > 1])
    change = one.metrics("_g")["health/change_g"]
    assert float(change) == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-5)
    train(one, 2)
    assert one.metrics() == {}


@pytest.mark.parametrize("requested", [True, False])
def test_compiling_is_done_as_a_recipe_says(requested):
    assert choose_compile(requested, torch.device("cuda:0"), 5) == (requested, "as the recipe says")


def test_auto_does_not_compile_on_a_cpu():
    choice = choose_compile("auto", torch.device("cpu"), 10**6)
    assert not choice.compiled and "on a CPU" in str(choice)
    one = learner(compile="auto")
    assert one.forward is one.net


@pytest.mark.parametrize(("norm", "keeps", "layout"), [
    (nn.GroupNorm(2, 4), True, torch.channels_last),
    (nn.GroupNorm(2, 4), False, torch.contiguous_format),
    (nn.BatchNorm2d(4), False, torch.channels_last),
])  # fmt: skip
def test_a_net_is_laid_out_as_its_norm_leaves_images(monkeypatch, norm, keeps, layout):
    if not keeps:  # as a GPU's GroupNorm before torch had another one
        group_norm = nn.functional.group_norm
        monkeypatch.setattr(nn.functional, "group_norm", lambda *each: group_norm(*each).contiguous())
    recipe = load("digits-unet")
    context = context_of(recipe, ImageSpec((3, 8, 8)), torch.device("cpu"), 10, 5)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), norm)
    assert Learner(net, context).net[0].weight.is_contiguous(memory_format=layout)  # type: ignore[index]
