"""Losses and penalties against closed forms, finite differences and the SVD, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine.data.batch import ImageSpec
from engine.methods.adversarial import build_adversarial
from engine.methods.penalties import build_regulariser
from engine.nets import build_net
from engine.nets.dcgan import spectrally_normalised
from engine.settings import penalties as settings
from engine.settings import registry
from engine.settings.nets import ACGAN, DCGAN

REAL = torch.tensor([2.0, -0.5, 0.25], dtype=torch.float64)
FAKE = torch.tensor([-1.5, 0.5, 3.0], dtype=torch.float64)


def build(kind, name, **values):
    made = build_adversarial if kind == "adversarial_loss" else build_regulariser
    return made(registry.find(kind, name)(**values))


def mean(function, scores):
    return sum(function(s) for s in scores.tolist()) / len(scores)


def sigmoid(s):
    return 1 / (1 + math.exp(-s))


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        ("bce", lambda s: -math.log(sigmoid(s)), lambda s: -math.log(1 - sigmoid(s)), lambda s: -math.log(sigmoid(s))),
        ("hinge", lambda s: max(0, 1 - s), lambda s: max(0, 1 + s), lambda s: -s),
        ("wasserstein", lambda s: -s, lambda s: s, lambda s: -s),
        ("least_squares", lambda s: (s - 1) ** 2 / 2, lambda s: s**2 / 2, lambda s: (s - 1) ** 2 / 2),
    ],
)  # fmt: skip
def test_adversarial_losses_have_their_closed_forms(name, real, fake, generator):
    loss = build("adversarial_loss", name)
    on_real, on_fake = loss.discriminator(REAL, FAKE)
    assert on_real.item() == pytest.approx(mean(real, REAL))
    assert on_fake.item() == pytest.approx(mean(fake, FAKE))
    assert loss.generator(FAKE).item() == pytest.approx(mean(generator, FAKE))


def test_only_wasserstein_scores_estimate_a_distance():
    assert [
        n for n in registry.names("adversarial_loss") if build("adversarial_loss", n).estimates_distance
    ] == ["wasserstein"]


def test_the_generators_bce_does_not_saturate():
    score = torch.tensor([-50.0], requires_grad=True)  # the discriminator is sure
    build("adversarial_loss", "bce").generator(score).backward()
    assert score.grad.item() == pytest.approx(-1.0)


# -- penalties ----------------------------------------------------------------------------------------


class Smooth(nn.Module):
    """A critic that is smooth and small enough for finite differences."""

    def __init__(self, channels):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.head = nn.Linear(16, 1)

    def forward(self, images):
        return self.head(torch.tanh(self.convolution(images)).flatten(1))[:, 0]


def numeric_gradient(function, at, step=1e-5):
    """Central differences of a scalar function with respect to every element of ``at``, changed in place."""
    found = torch.zeros_like(at)
    flat, out = at.view(-1), found.view(-1)
    for i in range(flat.numel()):
        kept = flat[i].item()
        flat[i] = kept + step
        above = function()
        flat[i] = kept - step
        out[i] = (above - function()) / (2 * step)
        flat[i] = kept
    return found


@torch.no_grad()
def numeric_norms(critic, images):
    """‖∇D‖ of each image by central differences."""
    images = images.clone()
    return torch.stack([
        numeric_gradient(lambda i=i: critic(images)[i].item(), images)[i].norm() for i in range(len(images))
    ])  # fmt: skip


def points(name, real, fake):
    """Where the penalty takes its gradient, with the numbers it draws."""
    n = len(real)
    if name == "r1":
        return real
    if name == "divergence-ends":
        return torch.cat([real, fake])
    if name in ("dragan", "dragan-one-sided"):
        other = real + 0.5 * real.std(correction=0) * torch.rand_like(real)
        if name == "dragan-one-sided":
            return other
        return real + torch.rand(n, 1, 1, 1, dtype=real.dtype) * (other - real)
    return fake + torch.rand(n, 1, 1, 1, dtype=real.dtype) * (real - fake)


WANTED = {
    "gp": lambda norms: 10 * ((norms - 1) ** 2).mean(),
    "dragan": lambda norms: 10 * ((norms - 1) ** 2).mean(),
    "dragan-one-sided": lambda norms: 10 * ((norms - 1).clamp(min=0) ** 2).mean(),
    "divergence": lambda norms: 2 * (norms**6).mean(),
    "divergence-ends": lambda norms: 2 * (norms**6).mean(),  # of both halves, each with k = 1
    "r1": lambda norms: 10 / 2 * (norms**2).mean(),
}


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def critic(request):
    torch.manual_seed(request.param)
    net = Smooth(request.param).double()
    net.head.weight.data.mul_(4)  # gradients on both sides of 1
    return net, *torch.randn(2, 3, request.param, 4, 4, dtype=torch.float64)


@pytest.mark.parametrize("name", WANTED)
def test_a_penalty_is_what_finite_differences_say(critic, name):
    net, real, fake = critic
    torch.manual_seed(7)
    got = build("penalty", name).term(net, real, fake)
    torch.manual_seed(7)
    norms = numeric_norms(net, points(name, real, fake))
    assert got.item() == pytest.approx(WANTED[name](norms).item(), rel=1e-7)


@pytest.mark.parametrize("name", WANTED)
def test_a_penaltys_gradient_in_the_parameters_is_what_finite_differences_say(critic, name):
    net, real, fake = critic
    term = build("penalty", name).term

    def value():
        torch.manual_seed(7)
        return term(net, real, fake)

    value().backward()
    for key, parameter in net.named_parameters():
        want = numeric_gradient(lambda: value().item(), parameter.data)
        got = torch.zeros_like(want) if parameter.grad is None else parameter.grad
        assert torch.allclose(got, want, rtol=1e-5, atol=1e-8), key


def test_strengths_and_power_are_settings():
    net, (real, fake) = Smooth(1).double(), torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)

    def value(name, **values):
        torch.manual_seed(3)
        return build("penalty", name, **values).term(net, real, fake).item()

    for name in WANTED:
        once, thrice = value(name, weight=1.0), value(name, weight=3.0)
        assert thrice == pytest.approx(3 * once)
    assert value("divergence", weight=2.0, power=2.0) != pytest.approx(value("divergence"))


def test_interpolates_lie_between_the_real_and_the_generated():
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.square().sum((1, 2, 3))

    real, fake = torch.zeros(64, 1, 2, 2), torch.ones(64, 1, 2, 2)
    build("penalty", "gp").term(critic, real, fake)
    (images,) = seen
    assert (images == images[:, :1, :1, :1]).all()  # one weight for an image
    assert 0 <= images.min() < 0.2 and 0.8 < images.max() <= 1


def test_dragan_looks_around_the_real_images_only():
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.square().sum((1, 2, 3))

    real = torch.randn(64, 1, 2, 2)
    build("penalty", "dragan").term(critic, real, torch.full_like(real, float("nan")))
    moved = seen[0] - real
    assert (moved >= -1e-6).all() and moved.max() <= 0.5 * real.std() + 1e-6
    assert moved.std() > 0.01


def test_a_flat_critic_gives_finite_gradients():
    """Where the gradient is exactly zero its norm has no derivative; training must survive it."""
    net = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (2, 4)), nn.Linear(4, 1, bias=False), nn.Flatten(0))
    nn.init.zeros_(net[2].weight)
    for name in WANTED:
        build("penalty", name).term(net, torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)).backward()
        assert net[2].weight.grad.isfinite().all(), name


def test_clipping_bounds_every_weight():
    net = build_net(DCGAN(channels=4), ImageSpec((1, 32, 32))).discriminator
    regulariser = build("penalty", "clip", weight=0.01)
    assert regulariser.term is None
    regulariser.constrain(net)
    assert max(p.abs().max().item() for p in net.parameters()) == pytest.approx(0.01)


def test_no_penalty_does_nothing():
    regulariser = build("penalty", "none")
    assert regulariser.term is None and regulariser.constrain is None


# -- spectral normalisation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shape"), [(nn.Conv2d, (3, 8, 4, 2, 1)), (nn.Linear, (12, 5))], ids=["conv", "linear"]
)
def test_power_iteration_finds_the_largest_singular_value(kind, shape):
    torch.manual_seed(0)  # it converges slowly where the two largest are nearly equal
    layer = spectrally_normalised(nn.Sequential(kind(*shape).double()))[0].train()
    for _ in range(200):
        weight = layer.weight
    original = layer.parametrizations.weight.original.detach()
    largest = torch.linalg.svdvals(original.flatten(1))[0]
    assert torch.allclose(weight, original / largest, rtol=1e-6, atol=1e-9)
    assert torch.linalg.svdvals(weight.detach().flatten(1))[0].item() == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("name", [DCGAN, ACGAN])
def test_power_iteration_goes_on_in_training_and_never_in_evaluation(name):
    net = build_net(
        name(channels=4, norm="none", spectral=True), ImageSpec((1, 16, 16), classes=3)
    ).discriminator

    def buffers():
        return [b.clone() for b in net.buffers()]

    images, condition = torch.randn(2, 1, 16, 16), torch.eye(3)[:2]
    before = buffers()
    net.eval()(images, condition)
    assert before and all(map(torch.equal, before, buffers()))
    net.train()(images, condition)
    assert not all(map(torch.equal, before, buffers()))


def test_singular_vectors_are_among_the_weights_that_are_saved():
    net = build_net(DCGAN(channels=4, norm="none", spectral=True), ImageSpec((1, 16, 16))).discriminator
    assert sum(key.endswith(("._u", "._v")) for key in net.state_dict()) == 2 * 3


def test_every_penalty_and_loss_has_settings_of_its_base_class():
    assert all(issubclass(registry.find("penalty", n), settings.Penalty) for n in registry.names("penalty"))
