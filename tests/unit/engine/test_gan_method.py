"""The GAN method: a recipe composes it, steps, conditions, resume, and combinations that are refused."""

from __future__ import annotations

import pytest
import torch

from engine.data.batch import Batch, ImageSpec
from engine.methods import Generates, Method
from engine.methods.building import context_of
from engine.recipes.recipe import RecipeError, loads
from engine.settings import registry
from engine.settings.samplers import Direct

RECIPE = """
name = "tiny"
title = "A tiny GAN"
family = "gan"
[data]
dataset = "digits"
[model]
net = "acgan"
channels = 4
latent = 8
[method]
name = "gan"
[optim]
name = "adam"
lr = 1e-3
betas = [0.5, 0.9]
[sample]
sampler = "direct"
steps = 1
"""
SPEC = ImageSpec((1, 8, 8), classes=10)
LOSSES = ("bce", "hinge", "wasserstein", "least_squares")
PENALTIES = ("none", "gp", "dragan", "divergence", "r1", "clip")


def recipe(**values):
    values = {"model__norm": "layer", **values}
    return loads(RECIPE).with_values({key.replace("__", "."): value for key, value in values.items()})


def build(spec=SPEC, steps=100, **values):
    torch.manual_seed(0)
    chosen = recipe(**values)
    return registry.build(chosen.method, Method, context_of(chosen, spec, torch.device("cpu"), steps, 10))


def batches(n, size=16):
    """Images whose label can be read off them: row ``label`` // 2 is bright on its left or right."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(n):
        labels = torch.randint(10, (size,), generator=generator)
        images = torch.full((size, 1, 8, 8), -1.0)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[0, label // 2, 4 * (label % 2) : 4 * (label % 2) + 4] = 1.0
        found.append(Batch(images + 0.05 * torch.randn(images.shape, generator=generator), labels))
    return found


def complaints(**values):
    with pytest.raises(RecipeError) as error:
        recipe(**values)
    return {problem.key: f"{problem.message} ({problem.hint})" for problem in error.value.problems}


# -- steps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_goes_with_every_penalty(loss, penalty):
    method = build(method__loss=loss, method__penalty=penalty, method__auxiliary_weight=1.0)
    for batch in batches(3):
        values = method.training_step(batch)
        assert all(torch.as_tensor(value).isfinite().all() for value in values.values())
    terms = sum(values[key] for key in ("loss_d_real", "loss_d_fake", "loss_d_aux"))
    assert values["loss"].item() == pytest.approx((terms + values.get("loss_d_penalty", 0)).item(), rel=1e-5)
    assert values["loss_g"].item() == pytest.approx(
        (values["loss_g_adv"] + values["loss_g_aux"]).item(), rel=1e-5
    )
    assert ("loss_d_penalty" in values) is (penalty not in ("none", "clip"))
    assert ("wasserstein" in values) is (loss == "wasserstein")
    assert {"lr", "grad_norm_d", "grad_norm_g", "grad_norm_aux"} <= values.keys()


def test_the_wasserstein_estimate_is_the_difference_of_the_mean_scores():
    method = build(method__loss="wasserstein", method__penalty="gp")
    values = method.training_step(batches(1)[0])
    assert values["wasserstein"].item() == pytest.approx(
        -(values["loss_d_real"] + values["loss_d_fake"]).item()
    )


def test_a_discriminator_learns_to_tell_real_from_generated():
    method = build(method__critic_steps=100, optim__lr=5e-3)  # the generator never moves
    losses = [method.training_step(batch)["loss"].item() for batch in batches(40)]
    assert losses[0] == pytest.approx(2 * 0.693, rel=0.1)
    assert losses[-1] < 0.5


def test_training_teaches_the_generator_its_condition():
    method = build(
        method__loss="hinge", method__auxiliary_weight=2.0, model__channels=8, model__norm="spectral",
        optim__lr=2e-3, train__precision="fp32", train__ema=0.9,
    )  # fmt: skip
    for batch in batches(200, 32):
        method.training_step(batch)
    labels = torch.arange(10).repeat_interleave(8)
    images = method.sample(Direct(), torch.randn(80, 8), labels)
    told = images.view(80, 8, 2, 4).mean(3)[:, :5].reshape(80, 10).argmax(1)
    assert (told == labels).float().mean() > 0.8


def test_the_generator_moves_on_every_nth_batch_only():
    method = build(method__critic_steps=3)

    def weights():
        return [p.detach().clone() for p in method.generator.net.parameters()]

    moved = []
    for batch in batches(7):
        before, critic = weights(), method.discriminator.net.score_head.weight.detach().clone()
        values = method.training_step(batch)
        moved.append(not all(map(torch.equal, before, weights())))
        assert ("loss_g" in values) is moved[-1]
        assert not torch.equal(critic, method.discriminator.net.score_head.weight)
    assert moved == [False, False, True, False, False, True, False]


def test_the_generators_step_leaves_the_discriminator_alone_and_trainable(monkeypatch):
    method = build()
    net, update, kept = method.discriminator.net, method.generator.update, []

    def remember(loss):
        kept.extend((p.detach().clone(), None if p.grad is None else p.grad.clone()) for p in net.parameters())
        return update(loss)

    monkeypatch.setattr(method.generator, "update", remember)
    method.training_step(batches(1)[0])
    assert kept and all(
        torch.equal(p, weight) and torch.equal(p.grad, gradient)
        for p, (weight, gradient) in zip(net.parameters(), kept, strict=True)
        if p.grad is not None
    )
    assert all(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_latents_are_drawn_from_the_law_that_the_recipe_names(law, monkeypatch):
    method = build(method__latents=law)
    seen = []
    monkeypatch.setattr(method.generator, "forward", lambda latents, condition: seen.append(latents) or latents)
    method.generate(None, 4000)
    (latents,) = seen
    mean, std = {"normal": (0.0, 1.0), "uniform": (0.5, 12**-0.5)}[law]
    assert abs(float(latents.mean()) - mean) < 0.05 and abs(float(latents.std()) - std) < 0.05


def test_clipping_follows_every_step_of_the_critic():
    method = build(method__loss="wasserstein", method__penalty="clip", method__penalty_weight=0.02)
    method.training_step(batches(1)[0])
    assert max(p.abs().max().item() for p in method.discriminator.net.parameters()) <= 0.02


def test_the_discriminator_may_have_a_learning_rate_of_its_own():
    method = build(method__discriminator_lr=4e-4)
    values = method.training_step(batches(1)[0])
    assert (values["lr"], values["lr_d"]) == (1e-3, 4e-4)
    assert method.discriminator.optimizer.param_groups[0]["betas"] == (0.5, 0.9)


def test_the_schedule_ends_for_both_nets_with_the_run():
    method = build(steps=6, schedule__name="linear", method__critic_steps=3)
    for batch in batches(6):
        method.training_step(batch)
    assert method.generator.lr == pytest.approx(0) and method.discriminator.lr == pytest.approx(0)


def test_the_auxiliary_loss_may_be_of_real_images_only():
    batch = batches(1)[0]
    both, real = (
        build(method__auxiliary_weight=1.0, method__auxiliary_fakes=on)
        .training_step(batch)["loss_d_aux"]
        .item()
        for on in (True, False)
    )
    assert both == pytest.approx(2 * real, rel=0.05)  # an untrained head: ln 2 each


def test_a_penalty_is_taken_in_float32_whatever_the_precision():
    method = build(method__loss="wasserstein", method__penalty="gp")
    method.precision = "bf16"
    seen = []
    method.discriminator.net.body[0].register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    values = method.training_step(batches(1)[0])
    assert seen == [
        torch.bfloat16,
        torch.bfloat16,
        torch.float32,
        torch.bfloat16,
    ]  # real, fake, penalty, generator
    assert values["loss"].dtype == torch.float32


def test_a_critic_with_a_gradient_penalty_is_never_compiled():
    """A compiled net loses its second derivative without a word."""
    for penalty, compiled in (("none", True), ("clip", True), ("gp", False), ("r1", False)):
        method = build(train__compile=True, method__penalty=penalty)
        assert (method.discriminator.forward is not method.discriminator.net) is compiled
        assert method.generator.forward is not method.generator.net
    method = build(train__compile=True, model__norm="spectral")
    assert method.discriminator.forward is method.discriminator.net


def test_spectral_weights_are_computed_once_a_step_in_float32_whatever_the_precision():
    method = build(model__norm="spectral", method__loss="hinge", method__critic_steps=2)
    method.precision = "bf16"
    seen = []
    normalised = method.discriminator.net.body[0].parametrizations.weight[0]
    normalised.register_forward_hook(
        lambda module, inputs, output: seen.append((output.dtype, torch.is_autocast_enabled("cpu")))
    )
    first, second = batches(2)
    method.training_step(first)
    assert seen == [(torch.float32, False)]
    method.training_step(second)
    assert seen == [(torch.float32, False)] * 3  # the generator's step has one of its own


def test_the_probed_gradient_has_both_nets_and_takes_no_step():
    method = build(method__loss="wasserstein", method__penalty="gp", method__auxiliary_weight=1.0)
    before = [p.detach().clone() for net in method.nets.values() for p in net.parameters()]
    gradient = method.probe_gradient(batches(1)[0])
    assert gradient.shape == (sum(len(p.flatten()) for p in before),)
    assert gradient.norm().item() == pytest.approx(2**0.5, rel=1e-4)
    after = [p for net in method.nets.values() for p in net.parameters()]
    assert all(map(torch.equal, before, after))


# -- conditions ---------------------------------------------------------------------------------------


def test_classes_and_attributes_are_told_alike():
    by_class, by_attribute = build(), build(spec=ImageSpec((1, 8, 8), attributes=10))
    labels = torch.tensor([3, 0, 9])
    hot = torch.nn.functional.one_hot(labels, 10).float()
    assert torch.equal(by_class.condition(labels), hot)
    assert torch.equal(by_attribute.condition(hot), hot)
    noise = torch.randn(3, 8)
    assert torch.equal(by_class.sample(Direct(), noise, labels), by_attribute.sample(Direct(), noise, hot))
    with pytest.raises(ValueError, match="labels"):
        by_class.sample(Direct(), noise, None)


def test_a_dcgan_ignores_labels():
    method = build(model__net="dcgan", model__latent=8)
    assert not method.conditional
    noise = torch.randn(3, 8)
    assert torch.equal(
        method.sample(Direct(), noise, None), method.sample(Direct(), noise, torch.tensor([1, 2, 3]))
    )
    method.training_step(batches(1)[0])


# -- sampling -----------------------------------------------------------------------------------------


def test_a_sample_is_the_same_whatever_the_batch_and_leaves_training_alone():
    method = build()
    for batch in batches(3):
        method.training_step(batch)
    assert isinstance(method, Generates) and method.noise_shape(5) == (5, 8)
    noise, labels, seen = torch.randn(6, 8), torch.arange(6), []
    state = torch.get_rng_state()
    whole = method.sample(Direct(), noise, labels, trace=lambda *progress: seen.append(progress[:2]))
    parts = [method.sample(Direct(), noise[i : i + 2], labels[i : i + 2]) for i in (0, 2, 4)]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-6)
    assert whole.abs().max() <= 1 and seen == [(1, 1)]
    assert method.generator.net.training and torch.equal(state, torch.get_rng_state())
    assert not torch.equal(whole, method.sample(Direct(), noise, labels, ema=False))


# -- resume -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"model__norm": "spectral", "method__loss": "hinge", "model__head": "projection"},
        {"method__loss": "wasserstein", "method__penalty": "gp", "method__critic_steps": 3},
        {"model__net": "dcgan", "model__latent": 8, "model__norm": "batch"},
    ],
    ids=["spectral", "wgan-gp", "dcgan"],
)
def test_a_resumed_method_goes_on_to_the_same_bits(values):
    known = batches(10)

    def run(method, some):
        for batch in some:
            method.training_step(batch)

    whole = build(**values)
    run(whole, known)

    first = build(**values)
    run(first, known[:4])
    kept = {name: {k: v.clone() for k, v in tensors.items()} for name, tensors in first.weights().items()}
    state, rng = first.state(), torch.get_rng_state()
    second = build(**values)
    second.load_weights(kept)
    second.load_state(state)
    torch.set_rng_state(rng)
    run(second, known[4:])

    assert whole.weights().keys() == second.weights().keys() == {"generator", "generator_ema", "discriminator"}
    for name, tensors in whole.weights().items():
        for key, tensor in tensors.items():
            assert torch.equal(tensor, second.weights()[name][key]), f"{name}.{key}"
    assert whole.state()["batches"] == second.state()["batches"] == 10


# -- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["gp", "dragan", "divergence", "r1"])
def test_a_per_sample_penalty_through_batchnorm_is_refused_with_the_remedy(penalty):
    said = complaints(method__penalty=penalty, model__norm="batch")["method.penalty"]
    assert "BatchNorm" in said and 'model.norm = "layer"' in said
    recipe(method__penalty=penalty, model__norm="batch", method__penalty_with_batchnorm=True)


def test_batchnorm_goes_with_clipping_and_with_no_penalty():
    recipe(method__penalty="clip", model__norm="batch")
    recipe(model__norm="batch")


def test_unknown_losses_and_penalties_are_named_with_the_nearest_known():
    said = complaints(method__loss="wassertein", method__penalty="dragon")
    assert "did you mean 'wasserstein'?" in said["method.loss"]
    assert "did you mean 'dragan'?" in said["method.penalty"]


def test_other_combinations_that_cannot_be_are_refused():
    assert (
        "no class head"
        in complaints(model__net="dcgan", method__auxiliary_weight=1.0)["method.auxiliary_weight"]
    )
    assert "no 36×36 images" in complaints(data__image_size=36)["model.net"]
    assert "plateau" in complaints(schedule__name="plateau")["method.name"]
    assert (
        "greater than 0" in complaints(method__penalty="gp", method__penalty_weight=0)["method.penalty_weight"]
    )
    with pytest.raises(RecipeError, match="no pair of generator and discriminator"):
        loads(RECIPE.replace('"acgan"', '"unet"').replace("latent = 8", "").replace("channels = 4", ""))
    edm = RECIPE.replace('"gan"', '"edm"', 2).replace('"edm"', '"diffusion"', 1).replace('"direct"', '"heun"')
    with pytest.raises(RecipeError, match="only a GAN trains it"):
        loads(edm)


def test_a_loss_from_another_file_composes_like_a_built_in_one(monkeypatch, tmp_path):
    (tmp_path / "margin_loss.py").write_text(
        "import torch\n"
        "from engine.methods.adversarial import Adversarial\n"
        "def margin(settings):\n"
        "    return Adversarial(\n"
        "        lambda real, fake: (torch.relu(2 - real).mean(), torch.relu(2 + fake).mean()),\n"
        "        lambda fake: -fake.mean(),\n"
        "    )\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry.load_all()
    monkeypatch.setattr(
        registry, "_registry", {kind: dict(known) for kind, known in registry._registry.items()}
    )
    from engine.settings.adversarial import AdversarialLoss

    @registry.register("adversarial_loss", "margin")
    class Margin(AdversarialLoss):
        factory = "margin_loss:margin"

    values = build(method__loss="margin").training_step(batches(1)[0])
    assert values["loss_d_real"].item() == pytest.approx(2.0, rel=0.1)
