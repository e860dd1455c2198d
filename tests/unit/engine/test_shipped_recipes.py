"""Every shipped recipe: its published figure, and its nets at full size on the meta device."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import torch

from engine.data.batch import Batch
from engine.data.conditions import Conditions
from engine.methods import Generates, Method
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe, load
from engine.runs.paths import shipped_dir
from engine.settings.samplers import Sample

SHIPPED = {path.stem: path for path in sorted(shipped_dir().glob("**/*.toml"))}
PUBLISHED = {
    "fashion-resnet-basic": ("fid", 161), "fashion-resnet-noise": ("fid", 102), "fashion-resnet-class": ("fid", 68),
    "fashion-unet": ("fid", 115), "mnistm-ddpm-cfg": ("label_accuracy", 0.999), "faces-dcgan": ("fid", 29.50),
    "faces-sngan": ("fid", 25.99), "cartoon-acgan": ("fid", 89.276), "cartoon-acgan-sn": ("fid", 63.240),
    "cartoon-acgan-noconcat": ("fid", 131.046), "cartoon-acgan-projection": ("fid", 44.292),
    "cartoon-acgan-clip": ("fid", 216.239), "cartoon-acgan-div": ("fid", 55.371),
    "cats-vae-overfit": ("fid", 126.868), "cats-vae": ("fid", 243.27),
    "mnistm-svhn-source": ("target_accuracy", 0.1923), "mnistm-svhn-dann": ("oracle_target_accuracy", 0.4943),
    "mnistm-svhn-target": ("target_accuracy", 0.9146), "mnistm-usps-source": ("target_accuracy", 0.2167),
    "mnistm-usps-dann": ("oracle_target_accuracy", 0.9026), "mnistm-usps-target": ("target_accuracy", 0.9708),
}  # fmt: skip
UNPUBLISHED = {
    "fashion-resnet-spatial",
    "fashion-wide-basic", "fashion-wide-noise", "fashion-wide-spatial", "fashion-wide-class",
    "cartoon-acgan-averaged", "faces-sngan-alone",
    "cats-vae-residual", "cats-vae-residual-overfit",
    "fashion-unet-concat", "fashion-unet-cbn", "fashion-unet-poolfirst", "celeba-unet",
    "cats-ddpm", "faces-dragan", "faces-wgan-gp", "faces-wgan-div", "cartoon-vae", "digits-unet", "digits-cfg",
    "digits-vae", "photos-dcgan", "toonfaces-acgan", "digitsm-digits-source", "digitsm-digits-dann",
    "digitsm-digits-target",
}  # fmt: skip


def test_every_system_is_a_recipe_with_its_published_figure():
    assert SHIPPED.keys() == PUBLISHED.keys() | UNPUBLISHED
    for name in SHIPPED:
        reference = load(name).reference
        figure = (reference.metric, reference.value) if reference and reference.value is not None else None
        assert figure == PUBLISHED.get(name), name


@pytest.mark.parametrize("name", SHIPPED)
def test_every_recipe_is_called_as_its_file_and_stands_in_its_familys_folder(name):
    recipe = load(name)
    assert recipe.name == name
    assert SHIPPED[name].parent.name == recipe.family
    assert recipe.summary and recipe.title
    assert tomllib.loads(recipe.to_toml())["quick"], "a quick form is needed"


@pytest.mark.parametrize("name", sorted({*SHIPPED} - {"digits-cfg"}))  # whose share docs/performance.md gives
def test_scores_cost_a_tenth_of_a_run_at_most(name):
    """The report and two scores that select, in passes of the net, of which a training step takes three."""
    recipe = load(name)
    if recipe.sample.sampler == "none":
        return
    sample: Any = recipe.as_scored().sample
    evaluate: Any = recipe.evaluate
    passes = sample.steps * 2 - 1 if sample.sampler == "heun" else sample.steps
    passes *= 2 if getattr(sample, "guidance", None) else 1
    scored = evaluate.samples * (evaluate.noises + min(2, evaluate.times)) * passes
    trained = recipe.steps_total(None if recipe.data.sizes else 8_000) * recipe.data.batch_size * 3
    assert scored <= 0.1 * trained


# -- full size -----------------------------------------------------------------------------------------


def conditions_of(recipe: Recipe) -> Conditions:
    return Conditions.of(recipe.data)


def on_meta(recipe: Recipe) -> Method:
    device = torch.device("meta")
    plain = recipe.with_values({"train.channels_last": False})
    with device:
        return build_method(plain, device, conditions_of(recipe), total_steps=10, steps_per_epoch=5)


def batch_of(recipe: Recipe, n: int = 4) -> Batch:
    conditions = conditions_of(recipe)
    labels = None
    if conditions.classes:
        labels = torch.zeros(n, dtype=torch.int64)
    elif conditions.attributes:
        labels = torch.zeros(n, len(conditions.attributes))
    images = torch.zeros(n, *recipe.data.image_shape)
    return Batch(*(t if t is None else t.to("meta") for t in (images, labels, images)))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_full_size_recipe_learns_and_samples_in_the_right_shapes(name):
    recipe = load(name)
    method, batch = on_meta(recipe), batch_of(recipe)
    parameters = sum(p.numel() for net in method.nets.values() for p in net.parameters())
    gradient = method.probe_gradient(batch)
    assert 0 < gradient.numel() <= parameters
    if not isinstance(method, Generates):
        return
    steps = {} if recipe.sample.steps == 1 else {"sample.steps": 2}
    settings: Sample = recipe.with_values(steps).sample
    if settings.sampler == "ddpm":  # draws from the noise's own bytes, which the meta device has none of
        settings = recipe.with_values({"sample.sampler": "ddim", "sample.steps": 2}).sample
    noise = torch.zeros(method.noise_shape(4), device="meta")
    labels = batch.labels if method.conditional else None
    assert method.sample(settings, noise, labels).shape == (4, *recipe.data.image_shape)


def parameters_of(name: str) -> dict[str, int]:
    return {key: sum(p.numel() for p in net.parameters()) for key, net in on_meta(load(name)).nets.items()}


def test_the_published_parameter_counts():
    for name in ("faces-dcgan", "faces-sngan", "faces-dragan", "faces-wgan-gp", "faces-wgan-div"):
        assert parameters_of(name)["generator"] == 3_576_704, name
    assert parameters_of("faces-dcgan")["discriminator"] == 2_765_568
    assert 9e6 <= parameters_of("fashion-unet")["model"] <= 11e6
    assert 40.5e6 <= parameters_of("celeba-unet")["model"] <= 49.5e6
