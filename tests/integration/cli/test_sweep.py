"""``run --sweep``: told, named, tagged, queued; or nothing of it."""

from __future__ import annotations

import json
import re

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import list_runs
from gentui.jobs import annotations


def test_a_sweep_is_told_named_and_tagged(gentui, home):
    done = gentui("run", "digits-unet", "--quick", "--sweep", "optim.lr=1e-3,1e-4", "--sweep", "seed=0..1")
    assert done.returncode == 0, done.stderr
    assert "digits-unet: 4 runs (optim.lr × 2, train.seed × 2), no estimate yet" in done.stderr
    runs = list_runs(home)
    assert done.stdout.split() == [run.id for run in runs] and len(runs) == 4
    assert [run.info()["name"] for run in runs] == [
        f"digits-unet lr={lr} seed={seed}" for lr in ("0.001", "0.0001") for seed in (0, 1)
    ]
    (tag,) = {annotations.read(run).tags for run in runs}
    assert tag[0].startswith("sweep-digits-unet-")
    found = gentui("runs", "--json", "--filter", f"tag:{tag[0]} seed:1 optim.lr<1e-3")
    assert [row["name"] for row in json.loads(found.stdout)] == ["digits-unet lr=0.0001 seed=1"]


def test_a_mistake_launches_nothing(gentui, home):
    done = gentui("run", "digits-unet", "--sweep", "optim.lr=1e-3,fast", "--sweep", "optim.lrr=1,2")
    assert done.returncode == 2 and "'fast'" in done.stderr and "optim.lrr" in done.stderr
    assert gentui("run", "digits-unet", "--seed", "3", "--sweep", "seed=0..2").returncode == 2
    assert gentui("run", "digits-unet", "--sweep", "nonsense").returncode == 2
    assert list_runs(home) == []


def test_the_estimate_goes_by_earlier_runs(gentui, make_run, home):
    make_run()
    done = gentui("run", "digits-unet", "--sweep", "train.steps=10,20", "--random", "1", "--name", "try")
    assert re.search(
        r"1 run \(train.steps × 2\), one after another about 0:\d\d \(from 1 run of yours\)", done.stderr
    )
    assert any(run.info()["name"].startswith("try steps=") for run in list_runs(home))


def test_a_net_of_another_size_is_estimated_by_a_stated_measure_and_another_net_not_at_all(make_run, home):
    from engine.recipes.axes import parse_axis
    from gentui.index import Index
    from gentui.runs.planning import Speeds

    make_run()
    index, recipe = Index(home), load("digits-unet")
    index.refresh()
    speeds = Speeds(index.runs(), "cpu")
    one = speeds.of(recipe)
    assert one is not None and not one.is_rough and one.seconds > 0
    wide = speeds.of(recipe.with_values({"model.channels": 64, "model.blocks": 2}))
    assert wide is not None and wide.seconds == pytest.approx(8 * one.seconds)
    assert wide.text(str).endswith(" (from 1 run of yours of another size, by channels² × blocks)")
    rough = speeds.of(recipe.with_values({"model.norm": "batch"}))
    assert (
        rough is not None and rough.text(str).startswith("roughly") and "with other settings" in rough.text(str)
    )
    assert speeds.of(load("fashion-unet")) is None
    assert Speeds(index.runs(), "cuda").of(recipe) is None
    axes = [parse_axis("model.channels=32,64"), parse_axis("optim.lr=1e-3,1e-4"), parse_axis("seed=0..2")]
    assert speeds.of_sweep(recipe, axes, 12).seconds == pytest.approx(12 * (1 + 4) / 2 * one.seconds)
