"""Tensors that are not finite are found and named, whatever their type and place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.training.finiteness import Finiteness


class Method:
    """As much of a method as is stored: a net with a mask, its average, an optimiser that has stepped."""

    def __init__(self) -> None:
        self.net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.net.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {key: value.clone() for key, value in self.net.state_dict().items()}
        self.average["half"] = torch.ones(3, dtype=torch.bfloat16)
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.net(torch.rand(4, 1, 8, 8)).sum().backward()
        self.optimizer.step()

    def weights(self):
        return {"model": self.net.state_dict(), "ema": self.average}

    def state(self):
        return {"optimizer": self.optimizer.state_dict(), "schedule": {"best": float("inf")}}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(
    ("place", "named"),
    [
        (lambda m: m.net[1].running_var, "1.running_var of model"),
        (lambda m: m.net[0].weight.data, "0.weight of model"),
        (lambda m: m.average["half"], "half of ema"),
        (lambda m: m.optimizer.state[m.net[0].bias]["exp_avg_sq"], "state.1.exp_avg_sq of optimizer"),
    ],
)
def test_a_tensor_that_is_not_finite_is_named(place, named, value):
    method = Method()
    found = Finiteness(method)  # type: ignore[arg-type]
    assert found.check(7) and not found.fault and found.lasted == 0
    place(method).view(-1)[-1] = value
    assert not found.check(9)
    assert found.fault == named
    assert found.alarm(7).sentence == (
        f"{named} is not finite at step 9, though the loss may be; the checkpoint of step 7 stays."
    )
    assert not found.check(12) and (found.since, found.lasted) == (9, 4)
    place(method).view(-1)[-1] = 1.0
    assert found.check(13) and (found.since, found.lasted) == (None, 0)


def test_the_largest_finite_numbers_are_no_fault():
    method = Method()
    found = Finiteness(method)  # type: ignore[arg-type]
    method.net[1].running_var.fill_(torch.finfo(torch.float32).max)
    method.average["half"].fill_(torch.finfo(torch.bfloat16).max)
    method.average["double"] = torch.full((2,), torch.finfo(torch.float64).max, dtype=torch.float64)
    assert found.check(1)


def test_several_are_counted():
    method = Method()
    found = Finiteness(method)  # type: ignore[arg-type]
    method.net[1].running_var.fill_(torch.inf)
    method.average["1.running_var"].fill_(torch.inf)
    assert not found.check(1)
    assert found.fault == "1.running_var of model and 1 more"
