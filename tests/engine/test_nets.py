from __future__ import annotations

import pytest
import torch

from engine import registry
from engine.methods import ImageSpec
from engine.recipe import load, load_shipped
from engine.settings.nets import ResNet, UNet

SPEC = ImageSpec((1, 12, 12), 10)


def awake(net: torch.nn.Module) -> torch.nn.Module:
    """Layers that start at zero hide what reaches them: give every weight something to do."""
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return net.eval()


def run(net, noise=0.0, label=0, seed=0):
    x = torch.randn(2, 1, 12, 12, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return net(x, torch.full((2,), float(noise)), torch.full((2,), label))


@pytest.mark.parametrize("recipe", load_shipped(), ids=lambda r: r.name)
def test_every_shipped_recipe_builds_at_full_size_and_keeps_the_shape(recipe):
    spec = ImageSpec(recipe.data.image_shape, len(recipe.data.classes))
    net = registry.build(recipe.model, spec).eval()
    x = torch.zeros(2, *spec.shape)
    with torch.no_grad():
        assert net(x, torch.zeros(2), torch.zeros(2, dtype=torch.int64)).shape == x.shape


def test_fashion_unet_has_about_ten_million_parameters():
    recipe = load("fashion-unet")
    net = registry.build(recipe.model, ImageSpec(recipe.data.image_shape, 10))
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(10e6, rel=0.1)


def test_the_basic_resnet_never_sees_the_noise_level_and_the_conditioned_one_does():
    basic = awake(registry.build(ResNet(channels=8, blocks=2, noise="none"), SPEC))
    conditioned = awake(registry.build(ResNet(channels=8, blocks=2), SPEC))
    assert torch.equal(run(basic, -1.0), run(basic, 1.0))
    assert not torch.allclose(run(conditioned, -1.0), run(conditioned, 1.0))


def test_noise_enters_through_the_affine_parameters_of_every_batchnorm():
    net = registry.build(ResNet(channels=8, blocks=3), SPEC)
    linears = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    assert len(linears) == 3  # one a block
    assert all(m.out_features == 16 for m in linears)


@pytest.mark.parametrize(
    "settings",
    [ResNet(channels=8, blocks=1, class_embedding=4), UNet(channels=8, groups=4, multipliers=[1, 2])],
)
def test_class_conditional_nets_change_with_the_label_and_refuse_none(settings):
    net = awake(registry.build(settings, SPEC))
    assert not torch.allclose(run(net, label=1), run(net, label=2))
    with pytest.raises(ValueError, match="labels"):
        net(torch.zeros(1, 1, 12, 12), torch.zeros(1), None)


def test_coordinates_make_the_net_position_aware():
    plain = awake(registry.build(ResNet(channels=8, blocks=1, noise="none"), SPEC))
    spatial = awake(registry.build(ResNet(channels=8, blocks=1, noise="none", coordinates=True), SPEC))
    flat = torch.zeros(1, 1, 12, 12)
    with torch.no_grad():
        inner = [net(flat, torch.zeros(1))[0, 0, 5:7, 5:7] for net in (plain, spatial)]
    assert inner[0].std() < 1e-6 < inner[1].std()


def test_every_residual_block_of_the_unet_has_its_own_class_embedding():
    net = registry.build(UNet(channels=8, groups=4, multipliers=[1, 2], blocks=2), SPEC)
    from engine.nets.unet import ResidualBlock

    blocks = [m for m in net.modules() if isinstance(m, ResidualBlock)]
    assert len({id(b.classes) for b in blocks}) == len(blocks) > 8
    assert all(b.classes.embedding_dim == b.conv1.out_channels for b in blocks)


@pytest.mark.parametrize("size", [7, 8, 13, 28])
def test_the_unet_keeps_odd_sizes(size):
    net = registry.build(UNet(channels=8, groups=4, multipliers=[1, 1, 2], attention=[2]), SPEC).eval()
    x = torch.zeros(1, 1, size, size)
    with torch.no_grad():
        assert net(x, torch.zeros(1), torch.zeros(1, dtype=torch.int64)).shape == x.shape
