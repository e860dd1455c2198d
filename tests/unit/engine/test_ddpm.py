"""DDPM: the loss, dropped labels, guidance, and every sampler over nets of both formulations."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from engine.data.batch import Batch, ImageSpec
from engine.inference import sample
from engine.methods import Method
from engine.methods.building import context_of
from engine.methods.ddpm import alphas_bar
from engine.recipes.recipe import RecipeError, load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from engine.samplers.process import Level
from engine.settings import registry
from engine.settings.methods import DDPM as DDPMSettings
from engine.settings.samplers import DDIM, DDPM, DPMSolver, Euler, Heun
from engine.training.loop import Trainer
from engine.training.stop_signal import StopSignal

SMALL = {"model.features": 8, "method.steps": 40, "sample.steps": 4}
EVERY_SAMPLER = [
    DDPM(steps=4),
    DDIM(steps=4),
    DDIM(steps=4, eta=1.0),
    DPMSolver(steps=4),
    Euler(steps=4),
    Heun(steps=4),
]


def build(name="digits-cfg", **changes):
    values = {
        **(SMALL if name == "digits-cfg" else {}),
        **{k.replace("__", "."): v for k, v in changes.items()},
    }
    recipe = load(name).with_values(values)
    torch.manual_seed(0)
    return registry.build(
        recipe.method, Method, context_of(recipe, ImageSpec((1, 8, 8), 10), torch.device("cpu"), 20, 5)
    )


def build_unconditional():
    plain = {"model__channels": 8, "model__groups": 4, "model__class_conditioning": "none"}
    return build("digits-unet", method__name="ddpm", method__steps=40, **plain)


@pytest.fixture
def method():
    return build()


class Recorder(nn.Module):
    """Stands for the net: keeps what it is called with, and answers with what ``answer`` makes of it."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.calls = answer, []

    def forward(self, x, noise, labels=None):
        self.calls.append((x, noise, labels))
        return self.answer(x, noise, labels)


def batch(n=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(n, 1, 8, 8, generator=generator).clamp(-1, 1), torch.arange(n) % 10)


def draw(n, seed=0):
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


# -- what is learned ---------------------------------------------------------------------------------------


def test_the_linear_schedule_is_the_published_one():
    shares = alphas_bar(DDPMSettings())
    assert len(shares) == 1000
    assert shares[0] == pytest.approx(1 - 1e-4)
    assert shares[1] / shares[0] == pytest.approx(1 - (1e-4 + (0.02 - 1e-4) / 999))
    assert shares[-1] / shares[-2] == pytest.approx(1 - 0.02)
    assert shares[-1] == pytest.approx(4.036e-5, rel=1e-3)  # as known of Ho et al. 2020


def test_the_cosine_schedule_is_the_published_one_and_never_ends_in_nothing():
    shares = alphas_bar(DDPMSettings(schedule="cosine", steps=100))

    def f(t):
        return math.cos((t / 100 + 0.008) / 1.008 * math.pi / 2) ** 2

    assert shares[49] == pytest.approx(f(50) / f(0))
    assert all(a > b > 0 for a, b in itertools.pairwise(shares))
    assert shares[-1] / shares[-2] == pytest.approx(1 - 0.999)


PIXELS = pytest.mark.parametrize(("pixels", "shown"), [("symmetric", 0.25), ("unit", 0.625)])
"""A range of pixels, and what 0.25 in [-1, 1] is in it."""


@PIXELS
def test_the_net_that_knows_the_image_has_no_loss(pixels, shown):
    """What the net is shown is √ᾱ·image + √(1−ᾱ)·ε at the t/T it is told, and ε is what it should answer."""
    method = build(method__pixels=pixels)
    images = torch.full((256, 1, 8, 8), 0.25)
    bars = torch.tensor([1.0, *method.alphas_bar])

    def knows(x, noise, labels):
        share = bars[(noise * 40).round().long()][:, None, None, None]
        return (x - share.sqrt() * shown) / (1 - share).sqrt()

    net = Recorder(knows)
    loss, parts = method.loss(net, Batch(images, torch.zeros(256, dtype=torch.int64)))
    assert loss < 1e-6
    assert all(value < 1e-6 for value in parts.values())
    (_, times, _), *_ = net.calls
    assert times.min() >= 1 / 40 and times.max() <= 1
    assert len(times.unique()) > 35


def test_the_loss_of_a_net_that_answers_nothing_is_one_at_every_quarter_of_the_steps(method):
    loss, parts = method.loss(Recorder(lambda x, noise, labels: torch.zeros_like(x)), batch(512))
    assert loss == pytest.approx(1, abs=0.05)
    assert list(parts) == ["loss_q1", "loss_q2", "loss_q3", "loss_q4"]
    assert all(float(value) == pytest.approx(1, abs=0.1) for value in parts.values())


def test_quarters_are_of_the_steps_the_least_noisy_first_and_left_out_of_small_batches(method):
    def wrong_when_noisy(x, noise, labels):
        return torch.where(noise[:, None, None, None] > 0.75, 100.0, 0.0).expand_as(x)

    _, parts = method.loss(Recorder(wrong_when_noisy), batch(512))
    assert [float(value) > 50 for value in parts.values()] == [False, False, False, True]
    assert method.loss(Recorder(wrong_when_noisy), batch(32))[1] == {}


def test_labels_are_dropped_sample_by_sample_with_their_probability():
    method = build(method__drop_condition=0.1)
    net = Recorder(lambda x, noise, labels: x)
    labels = torch.arange(1000) % 10
    for _ in range(20):
        method.loss(net, Batch(torch.zeros(1000, 1, 8, 8), labels))
    seen = torch.stack([labels for _, _, labels in net.calls])
    dropped = seen == 10
    assert torch.equal(seen[~dropped], labels.expand_as(seen)[~dropped])
    assert float(dropped.float().mean()) == pytest.approx(0.1, abs=5 * math.sqrt(0.1 * 0.9 / 20_000))
    assert ((dropped.float().mean(1) - 0.1).abs() < 5 * math.sqrt(0.1 * 0.9 / 1000)).all()
    assert not torch.equal(dropped[0], dropped[1])


def test_no_label_is_dropped_where_the_recipe_drops_none():
    method = build(method__drop_condition=0.0, sample__guidance=None)
    net = Recorder(lambda x, noise, labels: x)
    method.loss(net, batch())
    assert torch.equal(net.calls[0][2], batch().labels)


def test_an_unconditional_net_is_told_no_label():
    method = build_unconditional()
    net = Recorder(lambda x, noise, labels: x)
    method.loss(net, batch())
    assert net.calls[0][2] is None
    assert not method.conditional
    a, b = (method.sample(DDPM(steps=3), draw(2), labels) for labels in (None, torch.tensor([1, 2])))
    assert torch.equal(a, b)


def test_training_resumed_from_its_state_goes_on_to_the_same_weights_bit_by_bit():
    whole, broken = build(), build()
    torch.manual_seed(5)
    for step in range(6):
        whole.training_step(batch(seed=step))
    torch.manual_seed(5)
    for step in range(3):
        broken.training_step(batch(seed=step))
    saved, state, rng = copy.deepcopy(broken.weights()), copy.deepcopy(broken.state()), torch.get_rng_state()
    resumed = build()
    torch.randn(100)
    resumed.load_weights(saved)
    resumed.load_state(state)
    torch.set_rng_state(rng)
    for step in range(3, 6):
        resumed.training_step(batch(seed=step))
    for name, tensors in whole.weights().items():
        assert all(torch.equal(tensor, resumed.weights()[name][key]) for key, tensor in tensors.items()), name


# -- sampling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", EVERY_SAMPLER, ids=lambda settings: settings.summary)
def test_a_net_that_knows_the_image_makes_it_whatever_the_sampler(method, settings):
    """The answers are exact at every level, so that every path from the noise ends at the image."""
    image = torch.linspace(-0.9, 0.9, 64).reshape(1, 1, 8, 8)
    bars = torch.tensor([1.0, *method.alphas_bar], dtype=torch.float64)

    def knows(x, noise, labels):
        share = bars[(noise * 40).round().long()][:, None, None, None]
        return (x - share.sqrt() * image) / (1 - share).sqrt()

    method.average.net = method.learner.average.net = Recorder(knows)
    labels = torch.tensor([1, 2, 3])
    assert torch.allclose(method.sample(settings, draw(3), labels), image.expand(3, -1, -1, -1), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("digits-cfg", settings) for settings in EVERY_SAMPLER]
    + [("digits-unet", settings) for settings in EVERY_SAMPLER if settings.sampler != "ddpm"],
    ids=lambda value: value if isinstance(value, str) else value.summary,
)
def test_every_sampler_serves_nets_of_both_formulations_the_same_in_one_batch_or_two(name, settings):
    method = build(name, **({"model__channels": 8, "model__groups": 4} if name == "digits-unet" else {}))
    for parameter in method.average.net.parameters():
        parameter.data.add_(0.02)
    noise, labels = draw(4), torch.arange(4)
    before = torch.get_rng_state()
    whole = method.sample(settings, noise, labels)
    parts = [method.sample(settings, noise[i : i + 2], labels[i : i + 2]) for i in (0, 2)]
    assert whole.shape == noise.shape and whole.isfinite().all()
    assert torch.allclose(whole, torch.cat(parts), atol=1e-4)
    assert torch.equal(before, torch.get_rng_state())


@PIXELS
@pytest.mark.parametrize("clip", [True, False])
def test_samples_are_in_the_range_of_images_whatever_that_of_the_pixels(pixels, shown, clip):
    method = build(method__pixels=pixels, method__clip=clip)
    bars = torch.tensor([1.0, *method.alphas_bar])

    def knows(x, noise, labels):
        share = bars[(noise * 40).round().long()][:, None, None, None]
        return (x - share.sqrt() * shown) / (1 - share).sqrt()

    method.average.net = method.learner.average.net = Recorder(knows)
    frames = []
    images = method.sample(
        DDPM(steps=5), draw(2), torch.tensor([0, 1]), trace=lambda *frame: frames.append(frame[2])
    )
    assert torch.allclose(images, torch.full_like(images, 0.25), atol=1e-4)
    assert torch.equal(frames[-1], images)


def test_expected_images_are_kept_within_range_unless_the_recipe_says_otherwise():
    for clip, largest in ((True, 1.0), (False, 50.0)):
        method = build(method__clip=clip)
        net = Recorder(lambda x, noise, labels: torch.full_like(x, -100.0))
        process = method.process(net, DDPM(steps=4), torch.zeros(2, dtype=torch.int64))
        assert (process.denoise(draw(2), process.trained[-1]).max() > largest) != clip


def test_the_strip_shows_noise_first_and_images_last(method):
    frames = []
    images = method.sample(
        DDPM(steps=5),
        draw(2),
        torch.tensor([0, 1]),
        trace=lambda done, total, x: frames.append((done, total, x)),
    )
    assert [frame[:2] for frame in frames] == [(i, 5) for i in range(6)]
    assert torch.equal(frames[0][2], draw(2))
    assert torch.equal(frames[-1][2], images)


# -- guidance ----------------------------------------------------------------------------------------------


def test_guidance_of_nothing_is_the_conditional_model_bit_for_bit_in_a_batch_of_its_own_size(method):
    net = method.average.net
    sizes = []
    net.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    labels = torch.arange(4)
    plain = method.sample(DDPM(steps=5), draw(4), labels)
    zero = method.sample(DDPM(steps=5, guidance=0.0), draw(4), labels)
    assert torch.equal(plain, zero)
    assert set(sizes) == {4}
    sizes.clear()
    method.sample(DDPM(steps=5, guidance=0.5), draw(4), labels)
    assert sizes == [8] * 5


def test_guided_noise_is_the_conditional_taken_away_from_the_unconditional_at_the_same_noise(method):
    net = method.average.net
    x, labels, level = draw(4), torch.arange(4), Level(0.6, 0.8, 20.0)
    with torch.no_grad():
        told = method.predict(net, x, level, labels)
        untold = method.predict(net, x, level, torch.full((4,), 10))
        for w in (0.5, 2.0):
            guided = method.predict(net, x, level, labels, guidance=w)
            assert torch.allclose(guided, (1 + w) * told - w * untold, atol=1e-5)
            assert torch.allclose(guided - told, w * (told - untold), atol=1e-5)


def test_guidance_moves_images_towards_their_class_and_away_from_the_mean_of_all():
    """Two classes at ±0.2 of spread 0.3: the ideal denoiser of each and of both together are known."""
    method = build(method__steps=200, method__clip=False)
    bars = torch.tensor([1.0, *method.alphas_bar])

    def ideal(x, noise, labels):
        share = bars[(noise * 200).round().long()][:, None, None, None]
        spread = share * 0.3**2 + (1 - share)
        towards = torch.where(labels == 10, 0.0, torch.where(labels == 1, 0.2, -0.2))[:, None, None, None]
        if (labels == 10).any():  # the mixture's responsibilities, pixel by pixel
            plus = torch.sigmoid(2 * 0.2 * share.sqrt() * x / spread)
            mixed = 0.2 * (2 * plus - 1)
            towards = torch.where(labels[:, None, None, None] == 10, mixed, towards)
        return (x - share.sqrt() * towards) * (1 - share).sqrt() / spread

    method.average.net = method.learner.average.net = Recorder(ideal)
    labels = torch.tensor([0, 1]).repeat(50)
    means = []
    for w in (None, 0.5, 2.0):
        images = method.sample(DDIM(steps=50, guidance=w), draw(100), labels)
        means.append((float(images[labels == 1].mean()), float(images[labels == 0].mean())))
    assert means[0] == pytest.approx((0.2, -0.2), abs=0.03)
    assert means[0][0] < means[1][0] < means[2][0]
    assert means[0][1] > means[1][1] > means[2][1]


def test_the_sample_command_takes_another_sampler_its_steps_and_guidance(tmp_path, capsys):
    recipe = load("digits-cfg").with_values(
        {**SMALL, "train.steps": 2, "train.precision": "fp32", "sample.times": 1, "evaluate.times": 0}
    )
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": recipe.name}, State())
    trainer = Trainer(run, recipe, torch.device("cpu"), EventWriter(run.events_path(1)), StopSignal())
    trainer.prepare(resume=False)
    trainer.train()

    def images(*arguments):
        out = tmp_path / "out.npy"
        assert sample.main([str(run.path), "--device", "cpu", "--n", "4", "--out", str(out), *arguments]) == 0
        return np.load(out)

    for sampler in ("ddpm", "ddim", "dpm++", "euler", "heun"):
        plain, guided = (images("--sampler", sampler, "--steps", "5", "--guidance", w) for w in ("0", "100"))
        assert plain.shape == (4, 1, 8, 8) and not np.array_equal(plain, guided), sampler
    with pytest.raises(SystemExit) as leaving:
        images("--steps", "41")
    assert leaving.value.code == 2
    assert "trained at 40 noise levels" in capsys.readouterr().err


# -- recipes that cannot be ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "key", "words"),
    [
        ("digits-cfg", {"sample.steps": 501}, "sample.steps", "501 steps, but the net is trained at 500 noise levels"),
        ("digits-cfg", {"method.drop_condition": 0.0}, "sample.guidance", "not trained for guidance"),
        ("digits-unet", {"sample.guidance": 0.5}, "sample.guidance", "not trained for guidance"),
        ("digits-unet", {"sample.sampler": "ddpm"}, "sample.sampler", "does not fit this method"),
        ("digits-cfg", {"model.net": "unet", "model.class_conditioning": "none"}, "method.drop_condition", "no label"),
        ("digits-cfg", {"data.image_size": 10}, "model.net", "10×10 cannot be"),
        ("digits-cfg", {"method.beta_start": 0.5}, "method", "must not be above beta_end"),
        ("digits-unet", {"model.pool_first": True, "model.multipliers": [1, 1, 1, 1]}, "model.pool_first", "4 times"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused_with_its_reason(name, changes, key, words):
    with pytest.raises(RecipeError) as caught:
        load(name).with_values(changes)
    assert any(problem.key == key and words in problem.message for problem in caught.value.problems)
