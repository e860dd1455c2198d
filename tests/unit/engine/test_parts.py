"""Training on a batch part by part, and computing activations again: less memory, the same experiment."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.data.batch import Batch, ImageSpec
from engine.methods import Method, TrainsInParts
from engine.methods.building import context_of
from engine.methods.imagewise import parts
from engine.recipes.recipe import RecipeError, load
from engine.settings import registry

SMALL = {"model.channels": 8, "model.groups": 4, "train.precision": "fp32"}
METHODS = {
    "edm": SMALL,
    "ddpm": {**SMALL, "method.name": "ddpm", "method.drop_condition": 0.2, "sample.sampler": "ddpm"},
}


def build(changes: dict[str, object]) -> Method:
    recipe = load("digits-unet", [f"{key}={value}" for key, value in changes.items()])
    torch.manual_seed(0)
    context = context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 10, 5)
    method = registry.build(recipe.method, Method, context)
    for parameter in method.nets["model"].parameters():  # layers of zeros hide the gradients behind them
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    return method


def batch(count: int = 70) -> Batch:
    draws = torch.Generator().manual_seed(3)
    images = torch.rand(count, 1, 8, 8, generator=draws) * 2 - 1
    return Batch(images, torch.randint(10, (count,), generator=draws))


def step(method: Method, count: int = 70) -> tuple[dict[str, float], dict[str, Tensor], Tensor]:
    """Metrics and weights after one step, and the state of the random number generator."""
    torch.manual_seed(1)
    metrics = method.training_step(batch(count))
    return (
        {name: float(value) for name, value in metrics.items()},
        method.weights()["model"],
        torch.get_rng_state(),
    )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("part", [1, 32, 69, 70, 500])
def test_a_batch_in_parts_is_the_same_step(name, part):
    metrics, weights, rng = step(build(METHODS[name]))
    in_parts, same_weights, same_rng = step(build({**METHODS[name], "train.part": part}))
    assert in_parts == pytest.approx(metrics, rel=1e-4)
    assert torch.equal(rng, same_rng)
    for key, weight in weights.items():
        assert torch.allclose(weight, same_weights[key], atol=2e-5), key


def test_parts_cover_a_batch():
    assert list(parts(7, None)) == [slice(0, 7)] == list(parts(7, 9))
    assert list(parts(7, 3)) == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_running_out_of_memory_halves_the_parts_until_the_step_fits(monkeypatch):
    method, sizes = build(SMALL), []
    losses = type(method).losses

    def lacking(self, net, batch, draws):
        values = losses(self, net, batch, draws)
        sizes.append(len(batch))
        if len(batch) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return values

    monkeypatch.setattr(type(method), "losses", lacking)
    metrics, weights, _ = step(method)
    assert sizes == [70, 35, 17, 17, 17, 17, 2]
    assert isinstance(method, TrainsInParts) and method.part == 17
    monkeypatch.undo()
    expected, same_weights, _ = step(build(SMALL))
    assert metrics == pytest.approx(expected, rel=1e-4)
    for key, weight in weights.items():
        assert torch.allclose(weight, same_weights[key], atol=2e-5), key
    resumed = build(SMALL)
    resumed.load_state(method.state())
    assert resumed.part == 17


def test_other_errors_and_single_images_that_do_not_fit_are_raised(monkeypatch):
    method = build(SMALL)

    def fails(error):
        def losses(self, net, batch, draws):
            raise error

        monkeypatch.setattr(type(method), "losses", losses)
        return step(method)

    with pytest.raises(RuntimeError, match="no kernel"):
        fails(RuntimeError("no kernel"))
    assert method.part is None
    with pytest.raises(torch.OutOfMemoryError):
        fails(torch.OutOfMemoryError("CUDA out of memory"))
    assert method.part == 1


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("photos-dcgan", "method 'gan' trains on a whole batch at once"),
        ("digitsm-digits-dann", "method 'dann' trains on a whole batch at once"),
        ("digits-vae", "BatchNorm normalises over a whole batch"),
        ("fashion-unet-cbn", "BatchNorm normalises over a whole batch"),
    ],
)
def test_parts_that_would_change_the_experiment_are_refused(recipe, says):
    with pytest.raises(RecipeError, match=says):
        load(recipe, ["train.part=8"])


def test_activations_that_are_computed_again_give_the_same_step_and_are_not_kept():
    changes = {**SMALL, "model.dropout": 0.1}
    kept: list[int] = []

    def measured(method: Method) -> tuple[dict[str, float], dict[str, Tensor], Tensor]:
        stored = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal stored
            stored += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = step(method)
        kept.append(stored)
        return result

    metrics, weights, rng = measured(build(changes))
    again, same_weights, same_rng = measured(build({**changes, "model.activation_checkpointing": "true"}))
    assert again == metrics and torch.equal(rng, same_rng)
    assert all(torch.equal(weight, same_weights[key]) for key, weight in weights.items())
    assert kept[1] < kept[0] / 2


def test_activations_computed_again_would_count_twice_in_batchnorm():
    with pytest.raises(RecipeError, match="would count each batch twice"):
        load("fashion-unet-cbn", ["model.activation_checkpointing=true"])
