"""Nets compiled by torch's own compiler, where there is a C++ compiler for what it writes."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import nn

from engine.data.batch import ImageSpec
from engine.methods.building import context_of
from engine.methods.learner import Learner
from engine.recipes.recipe import load


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="no C++ compiler")
def test_a_compiled_net_has_the_losses_of_a_plain_one_and_the_plain_one_is_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    images = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(2)) * 2 - 1
    losses, weights, drawn = [], [], []
    for compiled in (False, True):
        recipe = load("digits-unet", [f"train.compile={str(compiled).lower()}"])
        context = context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 10, 5)
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 1, 3, padding=1))
        one = Learner(net, context)
        losses.append([])
        for _ in range(4):
            loss = (one.forward(images) - images).square().mean()
            one.update(loss)
            losses[-1].append(float(loss))
        weights.append(one.weights()["model"])
        assert (one.sampling_net() is one.evaluation_net()) != compiled
        with torch.no_grad():
            drawn.append(one.sampling_net()(images))
    assert torch.allclose(*drawn, atol=1e-4)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name
