"""Nets of published systems, by the number of their parameters and what is peculiar to their layers."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from engine.data.batch import ImageSpec
from engine.nets import build_net, build_pair
from engine.nets.embedding import FourierEmbedding, coordinate_channels
from engine.nets.normalisation import ConditionalBatchNorm
from engine.recipes.recipe import load
from engine.settings.nets import ACGAN, DCGAN, GANPair, PooledVAE, ResNet

RECIPES = {  # parameters; of a pair those of generator and discriminator
    "fashion-resnet-basic": [23_825],
    "fashion-resnet-noise": [198_625],
    "fashion-resnet-spatial": [199_201],
    "fashion-resnet-class": [224_681],
    "faces-dcgan": [3_576_704, 2_765_568],
    "faces-sngan": [3_576_704, 2_765_568],
    "cartoon-acgan": [4_084_131, 2_920_831],
    "cartoon-acgan-clip": [4_084_131, 2_920_831],
    "cartoon-acgan-div": [4_084_131, 2_920_831],
    "cartoon-acgan-noconcat": [3_968_931, 2_920_831],
    "cartoon-acgan-projection": [4_084_131, 3_062_768],
    "cartoon-acgan-sn": [4_084_131, 2_918_911],
    "cats-vae": [20_548_515],
    "cats-vae-overfit": [4_448_355],
}
AS_RUN = {"block": "postactivation", "embedding": "fourier", "noise_features": 16, "relu_affine": True}
SPATIAL = {"coordinates": True, "coordinate_scale": "half"}
RESNETS = {
    "basic": (ResNet(channels=16, blocks=5, block="preactivation", noise="none"), 23_825),
    "noise": (ResNet(widths=[16, 32, 32, 64], **AS_RUN), 198_625),
    "spatial": (ResNet(widths=[16, 32, 32, 64], **AS_RUN, **SPATIAL), 199_201),
    "class": (ResNet(widths=[32, 32, 32, 64], class_embedding=4, **AS_RUN, **SPATIAL), 224_681),
    "noise, five widths": (ResNet(widths=[16, 16, 32, 32, 32], **AS_RUN), 152_545),
}


def parameters(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


CARTOON = {"bias": True, "initialisation": "torch"}
PAIRS = {  # settings, image C,H,W, attributes, parameters of generator and discriminator
    "dcgan": (DCGAN(), (3, 64, 64), 0, 3_576_704, 2_765_568),
    "sngan": (DCGAN(spectral=True), (3, 64, 64), 0, 3_576_704, 2_765_568),
    "acgan": (ACGAN(**CARTOON), (3, 128, 128), 15, 4_084_131, 2_920_831),
    "acgan, condition once": (ACGAN(**CARTOON, condition_maps=False), (3, 128, 128), 15, 3_968_931, 2_920_831),
    "acgan, spectral": (ACGAN(**CARTOON, norm="none", spectral=True), (3, 128, 128), 15, 4_084_131, 2_918_911),
    "projection": (
        ACGAN(**CARTOON, norm="none", spectral=True, head="projection", head_hidden=256),
        (3, 128, 128), 15, 4_084_131, 3_062_768,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_a_published_rows_recipe_is_the_net_that_was_run(name):
    recipe = load(name)
    spec = ImageSpec(recipe.data.image_shape, len(recipe.data.classes), len(recipe.data.attributes))
    with torch.device("meta"):
        is_pair = isinstance(recipe.model, GANPair)
        nets = build_pair(recipe.model, spec) if is_pair else [build_net(recipe.model, spec)]
    assert [parameters(net) for net in nets] == RECIPES[name]


@pytest.mark.parametrize("name", PAIRS)
def test_a_gan_as_it_was_run_has_as_many_parameters(name):
    settings, shape, attributes, of_generator, of_discriminator = PAIRS[name]
    with torch.device("meta"):
        generator, discriminator = build_pair(settings, ImageSpec(shape, attributes=attributes))
        condition = torch.zeros(2, attributes) if attributes else None
        scores, logits = discriminator(generator(torch.zeros(2, settings.latent), condition), condition)
    assert (parameters(generator), parameters(discriminator)) == (of_generator, of_discriminator)
    assert scores.shape == (2,) and (logits is None or logits.shape == (2, attributes))


def test_spectral_normalisation_stands_beside_batchnorm():
    discriminator = build_pair(DCGAN(channels=4, spectral=True), ImageSpec((3, 32, 32)))[1]
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in discriminator.modules()) == 2
    layers = [module for module in discriminator.modules() if isinstance(module, torch.nn.Conv2d)]
    assert layers and all(is_parametrized(layer, "weight") for layer in layers)


def test_weights_are_left_as_torch_draws_them_if_asked_to():
    torch.manual_seed(0)
    generator = build_pair(DCGAN(initialisation="torch"), ImageSpec((3, 64, 64)))[0]
    weight = next(m for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)).weight
    assert weight.max() <= 1 / math.sqrt(weight[0].numel()) and weight.std() < 0.019


def test_recipes_of_earlier_runs_say_spectral_in_place_of_a_normalisation():
    settings = DCGAN.model_validate({"net": "dcgan", "norm": "spectral"})
    assert (settings.norm, settings.spectral) == ("none", True)


@pytest.mark.parametrize(
    ("levels", "latent", "count"), [(4, 64, 4_448_355), (5, 512, 20_548_515), (5, 256, 17_925_283)]
)
def test_the_cats_vae_as_it_was_run_has_as_many_parameters(levels, latent, count):
    net = build_net(PooledVAE(levels=levels, latent=latent), ImageSpec((3, 64, 64)))
    assert parameters(net) == count
    images = torch.rand(2, 3, 64, 64)
    again, mean, log_variance = net(images, torch.randn(2, latent))
    assert again.shape == images.shape and mean.shape == log_variance.shape == (2, latent)


@pytest.mark.parametrize("size", [(8, 8), (13, 21), (64, 48)])
def test_a_pooled_vae_restores_odd_sizes(size):
    net = build_net(PooledVAE(levels=3, latent=4), ImageSpec((1, *size)))
    assert net(torch.rand(2, 1, *size), torch.randn(2, 4))[0].shape == (2, 1, *size)


@pytest.mark.parametrize("name", RESNETS)
def test_a_resnet_as_it_was_run_has_as_many_parameters(name):
    settings, count = RESNETS[name]
    net = build_net(settings, ImageSpec((1, 32, 32), 10))
    assert parameters(net) == count
    x, labels = torch.randn(3, 1, 32, 32), torch.tensor([0, 4, 9])
    assert net(x, torch.zeros(3), labels if settings.conditional else None).shape == x.shape


def test_what_was_joined_on_the_way_out_is_what_the_block_of_that_width_gave():
    net = build_net(ResNet(widths=[4, 6, 8], block="postactivation"), ImageSpec((1, 8, 8), 0)).eval()
    seen: dict[str, torch.Tensor] = {}
    for name, block in [*net.blocks.named_children(), *((f"out {n}", b) for n, b in enumerate(net.narrowing))]:
        block.register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: out, f"to {name}": given[0]})
        )
    net(torch.randn(2, 1, 8, 8), torch.zeros(2))
    assert torch.equal(seen["to out 0"], torch.cat([seen["1"], seen["1"]], 1))
    assert torch.equal(seen["to out 1"], torch.cat([seen["out 0"], seen["0"]], 1))


def test_fourier_features_are_of_fixed_random_frequencies_that_are_saved():
    embed = FourierEmbedding(16)
    noise = torch.tensor([-0.3, 0.7])
    angles = 2 * math.pi * noise[:, None] * embed.state_dict()["frequencies"]
    assert torch.allclose(embed(noise), torch.cat([angles.cos(), angles.sin()], 1))
    assert not [*embed.parameters()] and embed(noise).shape == (2, 16)


def test_an_affine_with_relu_neither_turns_nor_lowers_what_is_normalised():
    norm = ConditionalBatchNorm(5, 4, relu=True).train()
    x, embedding = torch.randn(8, 5, 3, 3), torch.randn(8, 4)
    scale, shift = norm.affine(embedding).relu()[:, :, None, None].chunk(2, 1)
    normalised = torch.nn.BatchNorm2d(5, affine=False)(x)
    assert torch.allclose(norm(x, embedding), normalised * scale + shift, atol=1e-6)
    assert (scale == 0).any() and (scale > 0).any(), "torch's initialisation is left as it is"


def test_coordinates_by_half_run_from_minus_a_half_and_turn_in_radians():
    x, y, r, angle = coordinate_channels(4, 4, "half")[0]
    assert x[0].tolist() == y[:, 0].tolist() == [-0.5, -0.25, 0.0, 0.25]
    assert torch.allclose(r, torch.hypot(x, y)) and torch.allclose(angle, torch.atan2(y, x))
