"""Variational autoencoders: nets, losses, what they encode, resuming."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from engine.data.batch import Batch, ImageSpec
from engine.data.conditions import Conditions
from engine.methods import Generates, Reconstructs, Validates
from engine.methods.building import build_method
from engine.methods.vae import VAE
from engine.nets import build_net
from engine.nets.vae import Autoencoder, standard_normal_kl, widths
from engine.recipes.recipe import load
from engine.settings.nets import ConvVAE, ResidualVAE
from tests.support.engine import assert_same

SMALL = {"model.channels": 4, "model.latent": 5, "train.precision": "fp32", "optim.lr": 1e-2}


def build(total: int = 8, **changes) -> VAE:
    recipe = load("digits-vae").with_values({**SMALL, **{k.replace("__", "."): v for k, v in changes.items()}})
    torch.manual_seed(0)
    method = build_method(recipe, torch.device("cpu"), Conditions.of(recipe.data), total, 4)
    assert isinstance(method, VAE)
    return method


def batch(n: int = 6, seed: int = 0) -> Batch:
    return Batch(torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1)


# -- nets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ResidualVAE, ConvVAE])
@pytest.mark.parametrize(
    ("shape", "levels"),
    [((1, 8, 8), 2), ((3, 8, 8), 3), ((1, 28, 28), 3), ((3, 28, 28), 4), ((3, 64, 64), 5), ((3, 128, 128), 5),
     ((1, 9, 13), 2)],
)  # fmt: skip
def test_images_of_any_size_are_encoded_and_given_back_in_it(cls, shape, levels):
    with torch.device("meta"):
        net = build_net(cls(channels=4, latent=7, levels=levels), ImageSpec(shape))
        images, mean, log_variance = net(torch.zeros(2, *shape), torch.zeros(2, 7))
        assert images.shape == (2, *shape) and mean.shape == log_variance.shape == (2, 7)
        assert net.decode(torch.zeros(3, 7)).shape == (3, *shape)


def test_maps_double_from_level_to_level_up_to_the_most():
    assert widths(ResidualVAE(channels=64, levels=5)) == [64, 64, 128, 256, 512, 512]
    assert widths(ConvVAE(channels=8, levels=2, max_channels=8)) == [8, 8, 8]


def test_the_second_cats_vae_has_one_level_more_the_double_latent_and_no_dropout():
    first, second = load("cats-vae-residual-overfit").model, load("cats-vae-residual").model
    assert isinstance(first, ResidualVAE) and isinstance(second, ResidualVAE)
    assert (first.levels + 1, 2 * first.latent, 0.0) == (second.levels, second.latent, second.dropout)
    with torch.device("meta"):
        small, large = (build_net(s, ImageSpec((3, 64, 64))) for s in (first, second))
    assert small.inner == (512, 4, 4) and large.inner == (512, 2, 2)


def test_the_cartoon_vae_is_convolutions_alone():
    recipe = load("cartoon-vae")
    with torch.device("meta"):
        net = build_net(recipe.model, ImageSpec(recipe.data.image_shape))
    assert not [layer for layer in net.modules() if isinstance(layer, torch.nn.Linear)]
    assert net.moments.kernel_size == (4, 4)


def test_levels_that_leave_no_pixel_are_refused():
    with pytest.raises(ValueError, match="halve 8×8 images below one pixel"):
        build_net(ConvVAE(channels=4, levels=5), ImageSpec((1, 8, 8)))


# -- losses ----------------------------------------------------------------------------------------------


def test_the_divergence_is_the_closed_form():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 50, 9, generator=generator)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(standard_normal_kl(mean, log_variance), expected, atol=1e-5)
    assert float(standard_normal_kl(torch.zeros(1), torch.zeros(1))) == 0


class Known(Autoencoder):
    """Mean 2, standard deviation 3, decoded to themselves."""

    latent = 4

    def encode(self, images):
        return torch.full((len(images), 4), 2.0), torch.full((len(images), 4), 2 * math.log(3))

    def decode(self, latents):
        return latents[:, None, :, None].expand(-1, 1, 4, 4)


def test_the_latent_is_drawn_as_mean_plus_deviation_times_noise():
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    images, mean, log_variance = Known()(torch.zeros(3, 1, 4, 4), noise)
    assert torch.allclose(images[:, 0, :, 0], 2 + 3 * noise)
    assert mean.unique().tolist() == [2.0] and torch.allclose(log_variance.exp(), torch.tensor(9.0))


def test_the_gradient_reaches_both_moments_through_the_draw():
    net = build().net
    net(batch().images, torch.randn(6, 5))[0].square().sum().backward()
    weight = net.get_parameter("moments.weight")  # the means' rows, then the log-variances'
    assert weight.grad is not None and weight.shape[0] == 10
    assert (weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("pixels", ["sum", "mean"])
@pytest.mark.parametrize("latents", ["sum", "mean"])
def test_sums_and_means_are_taken_as_the_settings_say(pixels, latents):
    method = build(method__pixels=pixels, method__latents=latents, method__kl_weight=0.5)
    images = torch.zeros(3, 1, 4, 4)
    torch.manual_seed(1)
    noise = torch.randn(3, 4)
    torch.manual_seed(1)
    method.latent = 4
    loss, parts = method.loss(Known(), Batch(images))
    mse = (2 + 3 * noise).square().sum(1).mean() * 4  # every latent fills four of sixteen pixels
    kl = 4 * float(standard_normal_kl(torch.tensor(2.0), torch.tensor(2 * math.log(3))))
    mse, kl = (mse / 16 if pixels == "mean" else mse), (kl / 4 if latents == "mean" else kl)
    assert float(parts["mse"]) == pytest.approx(float(mse), rel=1e-5)
    assert float(parts["kl"]) == pytest.approx(kl, rel=1e-5)
    assert float(loss) == pytest.approx(float(mse + 0.5 * kl), rel=1e-5)


# -- the method ------------------------------------------------------------------------------------------


def test_it_generates_reconstructs_and_validates_and_says_its_losses():
    method = build()
    assert isinstance(method, Generates) and isinstance(method, Reconstructs) and isinstance(method, Validates)
    metrics = method.training_step(batch())
    assert set(metrics) == {"loss", "mse", "kl", "grad_norm", "lr", "health/change"}
    assert set(method.validate(batch())) == {"val_loss", "val_mse", "val_kl"}
    assert method.net.training


def test_training_lowers_the_loss():
    method = build(total=100, method__kl_weight=0.01)
    losses = [float(method.training_step(batch())["loss"]) for _ in range(60)]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_validation_changes_no_weight_and_no_statistic():
    method = build()
    method.training_step(batch())
    before = copy.deepcopy(method.weights())
    method.validate(batch(seed=3))
    assert_same(before, method.weights())


@pytest.mark.parametrize("ema", [True, False])
def test_a_sample_is_the_decoded_noise_whatever_the_batch(ema):
    method = build()
    for seed in range(3):
        method.training_step(batch(seed=seed))
    settings = load("digits-vae").sample
    noise = torch.randn(method.noise_shape(5), generator=torch.Generator().manual_seed(0))
    together = method.sample(settings, noise, None, ema=ema)
    alone = torch.cat([method.sample(settings, one[None], None, ema=ema) for one in noise])
    assert together.shape == (5, 1, 8, 8)
    assert torch.allclose(together, alone, atol=1e-5)
    seen = []
    method.sample(settings, noise, None, ema=ema, trace=lambda step, total, images: seen.append((step, total)))
    assert seen == [(1, 1)]


def test_a_reconstruction_is_the_decoded_encoding():
    method = build()
    method.training_step(batch())
    images = batch(seed=2).images
    latents = method.encode(images)
    assert latents.shape == method.noise_shape(len(images))
    decoded = method.sample(load("digits-vae").sample, latents, None)
    assert torch.equal(method.reconstruct(images), decoded)


def test_a_resumed_method_ends_with_the_same_weights():
    def train(method: VAE, steps: range) -> None:
        for step in steps:
            torch.manual_seed(100 + step)
            method.training_step(batch(seed=step))

    changes = {"model__dropout": 0.2, "schedule__name": "linear"}
    whole, first = build(**changes), build(**changes)
    train(whole, range(8))
    train(first, range(4))
    second = build(**changes)
    second.load_weights(copy.deepcopy(first.weights()))
    second.load_state(copy.deepcopy(first.state()))
    train(second, range(4, 8))
    assert_same(whole.weights(), second.weights())
    assert_same(whole.state(), second.state())
