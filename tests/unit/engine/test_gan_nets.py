"""The pairs of nets: their printed sizes, their shapes, what tells them the condition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.data.batch import ImageSpec
from engine.nets import build_net
from engine.settings.nets import ACGAN, DCGAN, doublings

CARTOON = ImageSpec((3, 128, 128), attributes=15)


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def of_kind(net, *kinds):
    return [m for m in net.modules() if isinstance(m, kinds)]


def images_and_scores(settings, spec, n=2):
    pair = build_net(settings, spec)
    asked = spec.attributes or spec.classes
    condition = torch.zeros(n, asked) if asked else None
    images = pair.generator(torch.zeros(n, settings.latent), condition)
    return images, *pair.discriminator(images, condition)


def test_the_dcgan_has_the_printed_number_of_parameters():
    pair = build_net(DCGAN(), ImageSpec((3, 64, 64)))
    assert parameters(pair.generator) == 3_576_704
    assert parameters(pair.discriminator) == 2_765_568


def test_the_dcgan_is_layer_by_layer_as_printed():
    pair = build_net(DCGAN(), ImageSpec((3, 64, 64)))
    ups = of_kind(pair.generator, nn.ConvTranspose2d)
    assert [(m.in_channels, m.out_channels) for m in ups] == [
        (100, 512), (512, 256), (256, 128), (128, 64), (64, 3),
    ]  # fmt: skip
    assert [(m.kernel_size[0], m.stride[0], m.padding[0]) for m in ups] == [(4, 1, 0), *[(4, 2, 1)] * 4]
    downs = of_kind(pair.discriminator, nn.Conv2d)
    assert [(m.in_channels, m.out_channels) for m in downs] == [
        (3, 64), (64, 128), (128, 256), (256, 512), (512, 1),
    ]  # fmt: skip
    assert [(m.kernel_size[0], m.stride[0], m.padding[0]) for m in downs] == [*[(4, 2, 1)] * 4, (4, 1, 0)]
    assert all(m.bias is None for m in ups + downs)
    assert len(of_kind(pair.generator, nn.BatchNorm2d)) == 4
    assert len(of_kind(pair.discriminator, nn.BatchNorm2d)) == 3  # neither the first layer nor the last
    assert {m.negative_slope for m in of_kind(pair, nn.LeakyReLU)} == {0.2}


def test_the_acgan_is_layer_by_layer_as_printed():
    pair = build_net(ACGAN(), CARTOON)
    assert pair.generator.first.in_features == 128 + 15
    assert pair.generator.first.out_features == 512 * 4 * 4
    ups = of_kind(pair.generator, nn.ConvTranspose2d)
    assert [(m.in_channels, m.out_channels) for m in ups] == [
        (512 + 15, 256), (256 + 15, 128), (128 + 15, 64), (64 + 15, 32), (32, 3),
    ]  # fmt: skip
    downs = of_kind(pair.discriminator, nn.Conv2d)
    assert [(m.in_channels, m.out_channels) for m in downs] == [
        (3, 32), (32, 64), (64, 128), (128, 256), (256, 512),
    ]  # fmt: skip
    assert {(m.kernel_size[0], m.stride[0], m.padding[0]) for m in ups + downs} == {(4, 2, 1)}
    assert len(of_kind(pair.discriminator, nn.BatchNorm2d)) == 4
    assert pair.discriminator.score_head.in_features == 512 * 4 * 4 + 15
    assert (pair.discriminator.class_head.in_features, pair.discriminator.class_head.out_features) == (8192, 15)


def test_without_condition_maps_the_generator_is_told_once():
    pair = build_net(ACGAN(condition_maps=False), CARTOON)
    ups = of_kind(pair.generator, nn.ConvTranspose2d)
    assert [m.in_channels for m in ups] == [512, 256, 128, 64, 32]
    assert pair.generator.first.in_features == 128 + 15


def test_the_projection_head_sums_features_over_space():
    pair = build_net(ACGAN(channels=4, norm="none", head="projection"), CARTOON)
    net = pair.discriminator
    assert (net.score_head.in_features, net.class_head.in_features) == (64, 64)
    images, condition = torch.randn(2, 3, 128, 128), torch.eye(15)[:2]
    features = net.body(images).sum((2, 3))
    want = net.score_head(features)[:, 0] + (features @ net.embedding.weight * condition).sum(1)
    assert torch.allclose(net(images, condition)[0], want, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "spec"),
    [(DCGAN(channels=2), ImageSpec((1, size, size))) for size in (8, 28, 32, 64, 128)]
    + [(ACGAN(channels=2), ImageSpec((3, size, size), attributes=15)) for size in (32, 64, 128)]
    + [(ACGAN(channels=2, head=head, norm=norm, spectral=spectral), ImageSpec((1, 8, 8), classes=10))
       for head in ("concat", "projection") for norm in ("batch", "layer", "none") for spectral in (False, True)],
)  # fmt: skip
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_shapes_at_every_size_on_every_device(settings, spec, device):
    with torch.device(device):
        images, scores, logits = images_and_scores(settings, spec)
    assert images.shape == (2, *spec.shape)
    assert scores.shape == (2,)
    asked = spec.attributes or spec.classes
    assert (logits is None) if isinstance(settings, DCGAN) else (logits.shape == (2, asked))
    assert images.device.type == device


def test_full_size_pairs_build_on_the_meta_device():
    with torch.device("meta"):
        pair = build_net(DCGAN(), ImageSpec((3, 64, 64)))
        images, scores, _ = images_and_scores(ACGAN(norm="none", spectral=True, head="projection"), CARTOON)
    assert parameters(pair.generator) == 3_576_704
    assert images.shape == (2, 3, 128, 128) and scores.shape == (2,)


def test_channels_scale_every_width_and_levels_follow_the_size():
    pair = build_net(DCGAN(channels=8), ImageSpec((3, 128, 128)))
    assert [m.out_channels for m in of_kind(pair.generator, nn.ConvTranspose2d)] == [128, 64, 32, 16, 8, 3]
    assert doublings(64) == 4 and doublings(28) == 2 and doublings(8) == 1
    assert doublings(36) is None


def test_weights_are_drawn_from_a_narrow_normal_distribution():
    torch.manual_seed(0)
    for pair in (build_net(DCGAN(), ImageSpec((3, 64, 64))), build_net(ACGAN(), CARTOON)):
        for module in of_kind(pair, nn.Conv2d, nn.ConvTranspose2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(module.weight.mean().item()) < 2e-3


@pytest.mark.parametrize(
    ("norm", "norms"), [("batch", nn.BatchNorm2d), ("layer", nn.GroupNorm), ("none", None)]
)
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("settings", [DCGAN, ACGAN])
def test_the_discriminators_norm_is_the_one_asked_for(settings, norm, norms, spectral):
    net = build_net(settings(channels=4, norm=norm, spectral=spectral), CARTOON).discriminator
    found = of_kind(net, nn.BatchNorm2d, nn.GroupNorm)
    assert all(isinstance(m, norms) for m in found) and len(found) == 4 if norms else not found
    layers = of_kind(net, nn.Conv2d, nn.Linear)
    assert all(nn.utils.parametrize.is_parametrized(m, "weight") is spectral for m in layers)


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_without_norms_the_discriminators_inner_layers_have_biases_instead(norm):
    net = build_net(DCGAN(channels=4, norm=norm), ImageSpec((3, 64, 64))).discriminator
    assert [m.bias is not None for m in of_kind(net, nn.Conv2d)] == [False, True, True, True, False]


def test_the_acgan_answers_to_its_condition():
    torch.manual_seed(0)
    pair = build_net(ACGAN(channels=8), ImageSpec((3, 32, 32), attributes=15)).eval()
    latents = torch.randn(1, 128)
    red, blue = torch.eye(15)[:1], torch.eye(15)[1:2]
    assert not torch.allclose(pair.generator(latents, red), pair.generator(latents, blue))
    images = torch.randn(1, 3, 32, 32)
    assert not torch.equal(pair.discriminator(images, red)[0], pair.discriminator(images, blue)[0])
    with pytest.raises(ValueError, match="labels"):
        pair.generator(latents)
    with pytest.raises(ValueError, match="labels"):
        pair.discriminator(images)


def test_an_acgan_for_data_without_labels_is_refused():
    with pytest.raises(ValueError, match="classes or attributes"):
        build_net(ACGAN(), ImageSpec((3, 64, 64)))
