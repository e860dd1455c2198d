from __future__ import annotations

import pytest
import torch

from engine.data.batch import ImageSpec
from engine.nets import build_net
from engine.nets.normalisation import ConditionalBatchNorm
from engine.recipes.recipe import load, menu
from engine.settings.nets import CFGUNet, ResNet, UNet

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


DENOISERS = [recipe for recipe in menu()[0] if recipe.family == "diffusion"]


@pytest.mark.parametrize("recipe", DENOISERS, ids=lambda r: r.name)
def test_every_shipped_denoiser_keeps_the_shape_of_its_images_at_full_size(recipe):
    spec = ImageSpec(recipe.data.image_shape, len(recipe.data.classes))
    with torch.device("meta"):  # shapes alone, no arithmetic
        net = build_net(recipe.model, spec).eval()
        x, labels = torch.zeros(2, *spec.shape), torch.zeros(2, dtype=torch.int64)
        assert net(x, torch.zeros(2), labels).shape == x.shape


def test_the_basic_resnet_never_sees_the_noise_level_and_the_conditioned_one_does():
    basic = awake(build_net(ResNet(channels=8, blocks=2, noise="none"), SPEC))
    conditioned = awake(build_net(ResNet(channels=8, blocks=2), SPEC))
    assert torch.equal(run(basic, -1.0), run(basic, 1.0))
    assert not torch.allclose(run(conditioned, -1.0), run(conditioned, 1.0))


def test_noise_enters_through_the_affine_parameters_of_every_batchnorm():
    net = build_net(ResNet(channels=8, blocks=3), SPEC)
    linears = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    assert len(linears) == 3  # one a block
    assert all(m.out_features == 16 for m in linears)


@pytest.mark.parametrize(
    "settings",
    [ResNet(channels=8, blocks=1, class_embedding=4), UNet(channels=8, groups=4, multipliers=[1, 2])],
)
def test_class_conditional_nets_change_with_the_label_and_refuse_none(settings):
    net = awake(build_net(settings, SPEC))
    assert not torch.allclose(run(net, label=1), run(net, label=2))
    with pytest.raises(ValueError, match="labels"):
        net(torch.zeros(1, 1, 12, 12), torch.zeros(1), None)


def test_coordinates_make_the_net_position_aware():
    plain = awake(build_net(ResNet(channels=8, blocks=1, noise="none"), SPEC))
    spatial = awake(build_net(ResNet(channels=8, blocks=1, noise="none", coordinates=True), SPEC))
    flat = torch.zeros(1, 1, 12, 12)
    with torch.no_grad():
        inner = [net(flat, torch.zeros(1))[0, 0, 5:7, 5:7] for net in (plain, spatial)]
    assert inner[0].std() < 1e-6 < inner[1].std()


def test_every_residual_block_of_the_unet_has_its_own_class_embedding():
    net = build_net(UNet(channels=8, groups=4, multipliers=[1, 2], blocks=2), SPEC)
    from engine.nets.unet import ResidualBlock

    blocks = [m for m in net.modules() if isinstance(m, ResidualBlock)]
    assert len({id(b.classes) for b in blocks}) == len(blocks) > 8
    assert all(b.classes.embedding_dim == b.conv1.out_channels for b in blocks)


@pytest.mark.parametrize("size", [7, 8, 13, 28])
def test_the_unet_keeps_odd_sizes(size):
    net = build_net(UNet(channels=8, groups=4, multipliers=[1, 1, 2], attention=[2]), SPEC).eval()
    x = torch.zeros(1, 1, size, size)
    with torch.no_grad():
        assert net(x, torch.zeros(1), torch.zeros(1, dtype=torch.int64)).shape == x.shape


def parameters_of(name: str) -> int:
    recipe = load(name)
    spec = ImageSpec(recipe.data.image_shape, len(recipe.data.classes))
    with torch.device("meta"):
        net = build_net(recipe.model, spec)
    return sum(p.numel() for p in net.parameters())


SMALL_UNET = {"channels": 8, "groups": 4, "multipliers": [1, 2], "blocks": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"class_conditioning": "concat"},
        {"norm": "batch", "class_conditioning": "concat"},
        {"norm": "batch", "class_conditioning": "block"},
        {"norm": "batch", "class_conditioning": "batchnorm"},
        {"pool_first": True},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_every_kind_of_unet_follows_noise_and_label_and_refuses_to_go_without_one(options):
    net = awake(build_net(UNet(**SMALL_UNET, **options), SPEC))
    assert not torch.allclose(run(net, noise=-1.0), run(net, noise=1.0))
    assert not torch.allclose(run(net, label=1), run(net, label=2))
    with pytest.raises(ValueError, match="labels"):
        net(torch.zeros(1, 1, 12, 12), torch.zeros(1), None)


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_an_unconditional_unet_ignores_labels(norm):
    net = awake(build_net(UNet(**SMALL_UNET, norm=norm, class_conditioning="none"), SPEC))
    assert torch.equal(run(net, label=1), run(net, label=2))
    with torch.no_grad():
        assert net(torch.zeros(1, 1, 12, 12), torch.zeros(1), None).shape == (1, 1, 12, 12)


def test_the_class_enters_once_where_it_is_concatenated_and_every_norm_where_batchnorm_follows_it():
    concat = build_net(UNet(**SMALL_UNET, norm="batch", class_conditioning="concat", class_channels=3), SPEC)
    tables = [m for m in concat.modules() if isinstance(m, torch.nn.Embedding)]
    assert [(t.num_embeddings, t.embedding_dim) for t in tables] == [(10, 3)]
    assert concat.stem.in_channels == 1 + 3
    followed = build_net(UNet(**SMALL_UNET, norm="batch", class_conditioning="batchnorm"), SPEC)
    norms = [m for m in followed.modules() if isinstance(m, ConditionalBatchNorm)]
    assert norms and not [m for m in followed.modules() if isinstance(m, torch.nn.GroupNorm)]
    (table,) = [m for m in followed.modules() if isinstance(m, torch.nn.Embedding)]
    assert {norm.affine.in_features for norm in norms} == {table.embedding_dim}


def test_batchnorm_must_be_there_to_follow_the_class():
    with pytest.raises(ValueError, match='needs norm = "batch"'):
        UNet(class_conditioning="batchnorm")


@pytest.mark.parametrize("size", [8, 12, 13, 28])
def test_pooling_first_hides_the_detail_of_the_image(size):
    """Two images with the same 2×2 maxima are the same to the net; an odd last row is thrown away."""
    net = awake(build_net(UNet(**SMALL_UNET, pool_first=True, class_conditioning="none"), SPEC))
    x = torch.rand(1, 1, size, size)
    blocks = torch.nn.functional.interpolate(torch.nn.functional.max_pool2d(x, 2), scale_factor=2.0)
    flat = torch.zeros_like(x)
    flat[:, :, : blocks.shape[2], : blocks.shape[3]] = blocks
    with torch.no_grad():
        assert torch.equal(net(x, torch.zeros(1)), net(flat, torch.zeros(1)))
        assert net(x, torch.zeros(1)).shape == x.shape


def test_a_null_class_is_one_more_label():
    spec = ImageSpec((1, 8, 8), 10, null_class=True)
    for settings in (UNet(**SMALL_UNET), ResNet(channels=8, blocks=1, class_embedding=4), CFGUNet(features=8)):
        net = awake(build_net(settings, spec))
        x = torch.randn(1, 1, 8, 8)
        with torch.no_grad():
            told, untold = (net(x, torch.zeros(1), torch.tensor([label])) for label in (9, 10))
        assert not torch.allclose(told, untold)


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 8, 8), (3, 64, 32)])
def test_the_guided_unet_fits_images_that_halve_twice(shape):
    net = build_net(CFGUNet(features=8), ImageSpec(shape, 10)).eval()
    x = torch.zeros(2, *shape)
    with torch.no_grad():
        assert net(x, torch.ones(2), torch.tensor([0, 10])).shape == x.shape
    with pytest.raises(ValueError, match="halved twice"):
        build_net(CFGUNet(features=8), ImageSpec((1, 30, 30), 10))


def test_the_guided_unet_is_told_nothing_by_the_null_label():
    """The one-hot vector of a dropped label is zero: what is left of the embedding nets is their biases."""
    net = awake(build_net(CFGUNet(features=8), ImageSpec((1, 8, 8), 10)))
    x, t = torch.randn(1, 1, 8, 8), torch.tensor([0.5])
    with torch.no_grad():
        before = net(x, t, torch.tensor([10]))
        for embedding in (net.class1, net.class2):
            embedding[0].weight += 1.0
        assert torch.equal(before, net(x, t, torch.tensor([10])))
        assert not torch.equal(before, net(x, t, torch.tensor([3])))


def test_the_guided_unet_embeds_class_and_step_in_four_nets_of_two_linear_layers():
    net = build_net(CFGUNet(), ImageSpec((3, 28, 28), 10))
    widths = [[m.in_features for m in e if isinstance(m, torch.nn.Linear)] for e in (net.class1, net.class2)]
    assert widths == [[10, 256], [10, 128]]
    widths = [[m.in_features for m in e if isinstance(m, torch.nn.Linear)] for e in (net.time1, net.time2)]
    assert widths == [[1, 256], [1, 128]]
    transposed = [m for m in net.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [m.kernel_size for m in transposed] == [(7, 7), (2, 2), (2, 2)]
    assert sum(p.numel() for p in net.parameters()) == 6_590_211
