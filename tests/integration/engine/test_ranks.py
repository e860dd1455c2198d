"""Two ranks on a processor are the same experiment as one process: real processes, real collectives (gloo)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.recipes.recipe import load
from engine.settings import registry
from tests.support import rank_steps
from tests.support.engine import assert_same
from tests.support.processes import Forked

RANK = Path(rank_steps.__file__)
STEPS = 12
UNET = {
    "model.channels": 8, "model.multipliers": [1, 1], "model.groups": 4, "data.batch_size": 32, "train.steps": 100,
}  # fmt: skip
GAN = {
    "data.dataset": "digits", "data.batch_size": 16, "model.channels": 8, "model.latent": 16, "train.steps": 100,
    "model.norm": "none", "optim.name": "sgd", "optim.lr": 1e-3,
}  # fmt: skip
VAE = {"data.batch_size": 32, "model.channels": 8, "model.latent": 8, "train.steps": 100, "optim.lr": 1e-4}
SGD = {
    "optim.name": "sgd",
    "optim.lr": 1e-2,
}  # Adam divides rounding errors by their size where BatchNorm undoes a bias
DANN = {"data.batch_size": 16, "train.steps": 100, "train.ema": 0.9, **SGD, "optim.lr": 1e-3}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "edm": ("digits-unet", UNET),
    "edm, dropout": ("digits-unet", {**UNET, "model.dropout": 0.2}),
    "edm, augmented": ("digits-unet", {**UNET, "data.crop": 1, "data.flip": True, "data.rotation": 5}),
    "edm, in parts": ("digits-unet", {**UNET, "train.part": 5}),
    "edm, BatchNorm": ("digits-unet", {**UNET, "model.norm": "batch", **SGD}),
    "ddpm": ("digits-cfg", {"data.batch_size": 64, "model.features": 8, "train.steps": 100, **SGD}),
    "vae": ("digits-vae", {**VAE, "model.dropout": 0.1}),
    "vae of convolutions": ("digits-vae", {**VAE, "model.net": "conv-vae"}),
    "vae, pooled": ("digits-vae", {**VAE, "model.net": "pooled-vae", "model.groups": 4}),
    "dann": ("digitsm-digits-dann", DANN),
    "dann, apart": ("digitsm-digits-dann", {**DANN, "model.passes": "apart"}),
    "dann, source": ("digitsm-digits-source", DANN),
    "acgan": ("toonfaces-acgan", {**GAN, "optim.lr": 1e-4}),
    **{f"gan, {loss}": ("faces-dcgan", {**GAN, "model.norm": "batch", "method.loss": loss})
       for loss in registry.names("adversarial_loss")},
    **{f"gan, {penalty}": ("faces-dcgan", {**GAN, "method.penalty": penalty, "method.critic_steps": 2})
       for penalty in registry.names("penalty")},
    "gan, gp through BatchNorm": ("faces-dcgan", {
        **GAN, "model.norm": "batch", "method.penalty": "gp", "method.penalty_with_batchnorm": True}),
    "gan, spectral": ("faces-sngan", {**GAN, "model.spectral": True}),
}  # fmt: skip


def train(
    folder: Path,
    name: str,
    values: dict[str, Any],
    size: int,
    steps: int,
    load_from: Path | None = None,
    score: bool = False,
) -> list[dict[str, Any]]:
    """What each of ``size`` ranks has after ``steps`` steps of a recipe."""
    folder.mkdir()
    fixed = {"train.precision": "fp32", "evaluate.times": int(score), **values}
    (folder / "recipe.toml").write_text(load(name).with_values(fixed).to_toml())
    (folder / "plan.json").write_text(
        json.dumps({"steps": steps, "load": load_from and str(load_from), "score": score})
    )
    code = f"import runpy; runpy.run_path({str(RANK)!r}, run_name='__main__')"
    ranks = [Forked(["-c", code, folder, rank, size]) for rank in range(size)]
    for process in ranks:
        output, errors = process.communicate()
        assert process.wait() == 0, output + errors
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """‖Δw‖ / ‖w‖ over all weights of all nets."""
    pairs = [
        (w, other[net][name])
        for net, tensors in one.items()
        for name, w in tensors.items()
        if w.is_floating_point()
    ]
    changed = sum(float((a - b).double().square().sum()) for a, b in pairs)
    return (changed / sum(float(a.double().square().sum()) for a, _ in pairs)) ** 0.5


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_train_as_one_process(case, tmp_path):
    name, values = CASES[case]
    (alone,) = train(tmp_path / "alone", name, values, 1, STEPS)
    first, second = train(tmp_path / "both", name, values, 2, STEPS)
    assert_same(first["weights"], second["weights"])
    assert torch.equal(first["rng"]["cpu"], alone["rng"]["cpu"])
    assert difference(alone["weights"], first["weights"]) < 1e-4
    for one, other in zip(alone["metrics"], first["metrics"], strict=True):
        assert one.keys() == other.keys()
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("case", ["edm, BatchNorm", "ddpm", "dann"])
def test_with_adam_two_ranks_differ_in_what_batchnorm_undoes_alone(case, tmp_path):
    """The gradient of a bias before BatchNorm is rounding error, which Adam scales to the size of any other."""
    name, values = CASES[case]
    values = {key: value for key, value in values.items() if not key.startswith("optim.")}
    (alone,) = train(tmp_path / "alone", name, values, 1, STEPS)
    first, _ = train(tmp_path / "both", name, values, 2, STEPS)
    kept, found = (
        {net: {key: w for key, w in tensors.items() if not key.endswith(("bias", "running_mean"))}
         for net, tensors in each["weights"].items()}
        for each in (alone, first)
    )  # fmt: skip
    assert difference(kept, found) < 1e-3
    for one, other in zip(alone["metrics"], first["metrics"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_a_run_goes_on_with_another_number_of_ranks(tmp_path):
    name, values = CASES["vae"]
    (alone,) = train(tmp_path / "alone", name, values, 1, 9)
    train(tmp_path / "two", name, values, 2, 3)
    train(tmp_path / "one", name, values, 1, 3, tmp_path / "two" / "0.pt")
    last, _ = train(tmp_path / "again", name, values, 2, 3, tmp_path / "one" / "0.pt")
    assert last["step"] == 9
    assert torch.equal(last["rng"]["cpu"], alone["rng"]["cpu"])
    assert difference(alone["weights"], last["weights"]) < 1e-3


@pytest.mark.parametrize("also", [[], ["kid", "isc", "prc", "intra_fid", "fid_inf"]])
def test_scores_of_shared_images_are_those_of_one_process(also, tmp_path):
    values = {
        **UNET,
        "sample.steps": 3,
        "evaluate.samples": 1250,
        "evaluate.batch_size": 96,
        "evaluate.also": also,
    }
    (alone,) = train(tmp_path / "alone", "digits-unet", values, 1, 2, score=True)
    first, _ = train(tmp_path / "both", "digits-unet", values, 2, 0, tmp_path / "alone" / "0.pt", score=True)
    assert alone["scores"].keys() == first["scores"].keys() and len(alone["scores"]) > len(also)
    for metric, value in alone["scores"].items():
        assert first["scores"][metric] == pytest.approx(value, rel=1e-9), metric
