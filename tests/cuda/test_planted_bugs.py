"""What the pretended GPU is for: bugs that no test on a processor sees are found, and their line is told."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch

from engine.evaluation.frechet import Moments
from engine.methods.vae import VAE
from engine.training import attempt as attempt_module
from tests.support.device_runs import BARE, Attempted, attempt, device_run
from tests.support.engine import events

losses = VAE.losses


@pytest.fixture
def trained(gpu, tmp_path) -> Callable[..., Attempted]:
    """Trains a run, by default without scores."""
    return lambda **changes: attempt(device_run(tmp_path, "digits-vae", **{**BARE, **changes}), gpu)


def line_of(function: Callable[..., object], text: str) -> str:
    """``file:line`` of the line with ``text`` in a function of this file."""
    lines, first = inspect.getsourcelines(function)
    return (
        f"tests/cuda/test_planted_bugs.py:{first + next(i for i, line in enumerate(lines) if text in line)}: "
    )


def with_noise_of_the_cpu(method, net, batch, draws):
    noisy = batch.images + torch.randn(batch.images.shape)
    return losses(method, net, type(batch)(noisy, batch.labels), draws)


def with_a_generator_of_the_cpu(method, net, batch, draws):
    noise = torch.randn(batch.images.shape, generator=torch.Generator(), device=batch.images.device)
    return losses(method, net, type(batch)(batch.images + noise, batch.labels), draws)


def with_a_look_at_the_loss(method, net, batch, draws):
    values = losses(method, net, batch, draws)
    assert values["loss"].mean().item() >= 0
    return values


def without_a_copy_to_the_cpu(moments):
    return torch.cat(moments._rows).numpy()


def without_an_index(requested):
    return torch.device(requested)


def test_noise_made_on_the_cpu_is_caught(trained, monkeypatch):
    monkeypatch.setattr(VAE, "losses", with_noise_of_the_cpu)
    ended = trained()
    assert ended.code == 1 and "found at least two devices, cuda:0 and cpu" in ended.end["reason"]
    assert line_of(with_noise_of_the_cpu, "torch.randn") in ended.end["reason"]


def test_a_generator_of_another_device_is_caught(trained, monkeypatch):
    monkeypatch.setattr(VAE, "losses", with_a_generator_of_the_cpu)
    ended = trained()
    assert ended.code == 1 and "Expected a 'cuda' device type for generator" in ended.end["reason"]
    assert line_of(with_a_generator_of_the_cpu, "torch.randn") in ended.end["reason"]


def test_a_value_read_in_a_training_step_is_caught(trained, monkeypatch):
    monkeypatch.setattr(VAE, "losses", with_a_look_at_the_loss)
    ended = trained()
    assert ended.code == 0
    for step in ended.steps:
        (wait,) = step.waits
        assert line_of(with_a_look_at_the_loss, "item") in wait


def test_numpy_of_a_tensor_on_the_device_is_caught(trained, monkeypatch):
    monkeypatch.setattr(Moments, "factor", without_a_copy_to_the_cpu)
    ended = trained(evaluate__times=1)
    assert ended.code == 0  # scores that fail are an alarm
    told = [event["sentence"] for event in events(ended.run, "alert")]
    assert told and all("can't convert cuda:0 device type tensor to numpy" in sentence for sentence in told)
    assert all(line_of(without_a_copy_to_the_cpu, "numpy") in sentence for sentence in told)


def test_a_device_without_an_index_is_caught(trained, monkeypatch):
    monkeypatch.setattr(attempt_module, "choose_device", without_an_index)
    ended = trained()
    assert ended.code == 1
    assert (
        "Expected a torch.device with a specified index or an integer, but got:cuda (engine/devices.py:"
        in (ended.end["reason"])
    )
    assert "torch.cuda.set_device(device)" in ended.end["reason"]
