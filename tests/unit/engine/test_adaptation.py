"""Domain-adversarial training: the net, its reversed gradient, its schedules; and no target label is ever read."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch

from engine.data.batch import Batch, ImageSpec
from engine.data.batches import Batches
from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, Split
from engine.evaluation.adaptation import AccuracyScorer, accuracy, information, target_images
from engine.methods import Classifies, Generates, Validates
from engine.methods.building import build_method
from engine.methods.dann import DANN, reversal
from engine.methods.optim import build_schedule
from engine.nets import build_net
from engine.nets.dann import reverse_gradient
from engine.recipes.recipe import Recipe, RecipeError, load
from engine.settings.nets import DANNNet
from engine.settings.optim import DANN as DANNSchedule
from tests.support.domains import two_domains
from tests.support.engine import assert_same

SMALL = {"model.channels": 4, "model.hidden": [12, 8], "train.precision": "fp32", "data.batch_size": 8}
CPU = torch.device("cpu")


def small(name: str = "digitsm-digits-dann", **changes) -> Recipe:
    return load(name).with_values({**SMALL, **{k.replace("__", "."): v for k, v in changes.items()}})


def build(recipe: Recipe, total: int = 10) -> DANN:
    torch.manual_seed(0)
    method = build_method(recipe, CPU, Conditions.of(recipe.data), total, 4)
    assert isinstance(method, DANN)
    return method


def batch(n: int = 6, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images, target = torch.rand(2, n, 3, 28, 28, generator=generator) * 2 - 1
    return Batch(images, torch.arange(n) % 10, target)


# -- normalisation by domain -------------------------------------------------------------------------------


def domains() -> tuple[torch.Tensor, torch.Tensor]:
    """Dark images and bright ones, uint8 40,3,28,28."""
    generator = torch.Generator().manual_seed(1)
    dark = torch.randint(0, 90, (40, 3, 28, 28), generator=generator, dtype=torch.uint8)
    return dark, 255 - dark // 2


def test_each_domain_is_normalised_by_its_own_mean_and_deviation():
    source, target = domains()
    recipe = small(model__normalise=True)
    method = build_method(recipe, CPU, Conditions.of(recipe.data), 10, 4, source, target)
    assert isinstance(method, DANN)
    net = method.net
    for domain, images in enumerate((source, target)):
        scaled = net.normalised(images.float() / 127.5 - 1, domain)
        assert scaled.mean((0, 2, 3)).abs().max() < 1e-3 and (scaled.std((2, 3)).mean(0) - 1).abs().max() < 1e-3
    as_source, as_target = (
        method.classify(target.float() / 127.5 - 1, of_target=flag)[1] for flag in (False, True)
    )
    assert not torch.allclose(as_source, as_target)
    anew = build(recipe)
    anew.load_weights(method.weights())
    assert torch.equal(anew.classify(target.float() / 127.5 - 1, of_target=True)[1], as_target), (
        "it is in the checkpoint"
    )


def test_without_it_a_checkpoint_is_what_it_was():
    source, target = domains()
    recipe = small()
    method = build_method(recipe, CPU, Conditions.of(recipe.data), 10, 4, source, target)
    assert not [name for name in method.weights()["model"] if "channel_" in name]
    images = source.float() / 127.5 - 1
    assert torch.equal(method.classify(images)[1], method.classify(images, of_target=True)[1])


# -- the net and its schedules -----------------------------------------------------------------------------


def test_the_extractor_ends_at_one_position_with_128_features():
    with torch.device("meta"):
        net = build_net(DANNNet(), ImageSpec((3, 28, 28), 10))
        x, sides = torch.zeros(2, 3, 28, 28), []
        for layer in net.extractor:
            x = layer(x)
            if x.dim() == 4 and (not sides or sides[-1] != x.shape[2]):
                sides.append(x.shape[2])
        assert sides == [25, 12, 8, 3, 1] and x.shape == (2, 128)
        labels, domains = net(torch.zeros(2, 3, 28, 28), torch.zeros(3, 3, 28, 28), torch.zeros(()))
    assert labels.shape == (2, 10) and domains.shape == (5,)


def test_the_published_layers_have_the_published_sizes():
    with torch.device("meta"):
        net = build_net(DANNNet(), ImageSpec((3, 28, 28), 10))
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters() if p.dim() > 1}
    assert shapes == {
        "extractor.0.weight": (64, 3, 4, 4), "extractor.4.weight": (64, 64, 5, 5),
        "extractor.9.weight": (128, 64, 3, 3), "labels.0.weight": (1024, 128), "labels.3.weight": (256, 1024),
        "labels.6.weight": (10, 256), "domain.0.weight": (1024, 128), "domain.3.weight": (256, 1024),
        "domain.6.weight": (1, 256),
    }  # fmt: skip


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match="28×28 images, not 32×32"):
        build_net(DANNNet(channels=4), ImageSpec((3, 32, 32), 10))
    with pytest.raises(RecipeError, match="28×28"):
        small(data__image_size=32)


@pytest.mark.parametrize(
    ("passes", "sizes"), [("joint", [6 + 4]), ("apart", [6, 4]), ("again", [6, 6 + 4])], ids=str
)
def test_domains_pass_the_extractor_as_asked(passes, sizes):
    net = build_net(DANNNet(channels=4, passes=passes, dropout=0.0), ImageSpec((3, 28, 28), 10)).train()
    seen: list[torch.Tensor] = []
    net.extractor.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    source, target = torch.randn(6, 3, 28, 28), torch.randn(4, 3, 28, 28)
    labels, domains = net(source, target, torch.tensor(0.5))
    assert [len(images) for images in seen] == sizes
    assert torch.equal(seen[0][:6], source) and torch.equal(seen[-1][-4:], target)
    assert labels.shape == (6, 10) and domains.shape == (10,), "domains of the source first"


def test_the_domain_loss_has_its_weight():
    losses = []
    for weight in (1.0, 2.0):
        torch.manual_seed(0)
        method = build(small(method__domain_weight=weight))
        method.net.eval()
        torch.manual_seed(0)
        total, parts = method.loss(method.net, batch())
        losses.append((float(total.detach()), float(parts["loss_label"]), float(parts["loss_domain"])))
    (once, label, domain), (twice, *same) = losses
    assert same == [label, domain]
    assert once == pytest.approx(label + domain) and twice == pytest.approx(label + 2 * domain)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_reversal_is_the_identity_with_its_gradient_turned_round(strength):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weight = torch.arange(12.0).reshape(4, 3)
    out = reverse_gradient(x, torch.tensor(strength))
    assert torch.equal(out, x)
    (out * weight).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, -strength * weight)


def test_the_domain_classifier_learns_and_the_features_unlearn():
    method = build(small())
    method.step = 5
    net, given = method.net, batch()
    domain = torch.nn.functional.binary_cross_entropy_with_logits
    truth = torch.tensor([0.0] * 6 + [1.0] * 6)

    def gradients(strength: float) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        net.zero_grad()
        domain(net(given.images, given.target, torch.tensor(strength))[1], truth).backward()
        return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}

    plain, reversed_ = gradients(-1.0), gradients(0.5)
    for name, gradient in plain.items():
        expected = gradient if name.startswith("domain") else -0.5 * gradient
        assert torch.allclose(reversed_[name], expected, atol=1e-7), name


@pytest.mark.parametrize(("p", "value"), [(0.0, 0.0), (0.5, 2 / (1 + math.exp(-5)) - 1), (1.0, 0.9999092)])
def test_the_strength_of_reversal_grows_as_published(p, value):
    assert reversal(p) == pytest.approx(value, abs=1e-7)
    method = build(small(), total=10)
    method.step = round(10 * p)
    assert method.strength == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize(("p", "factor"), [(0.0, 1.0), (0.5, 6**-0.75), (1.0, 11**-0.75)])
def test_the_rate_falls_as_published(p, factor):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    schedule = build_schedule(DANNSchedule(), optimizer, 20)
    for _ in range(round(20 * p)):
        optimizer.step()
        schedule.after_step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * factor)


# -- the method ------------------------------------------------------------------------------------------


def test_it_classifies_and_validates_and_makes_no_images():
    method = build(small())
    assert (
        isinstance(method, Classifies) and isinstance(method, Validates) and not isinstance(method, Generates)
    )
    metrics = method.training_step(batch())
    assert set(metrics) == {
        "loss", "loss_label", "loss_domain", "domain_accuracy", "lambda", "grad_norm", "lr",
        "health/change",
    }  # fmt: skip
    features, logits = method.classify(batch().images)
    assert features.shape == (6, 128) and logits.shape == (6, 10)
    assert method.net.training
    assert set(method.validate(batch())) == {"val_loss", "val_accuracy"}


@pytest.mark.parametrize("name", ["digitsm-digits-source", "digitsm-digits-target"])
def test_without_the_adversary_there_is_no_domain_classifier_and_the_target_changes_nothing(name):
    seen, blind = build(small(name)), build(small(name))
    assert not [key for key in seen.weights()["model"] if key.startswith("domain")]
    for step in range(3):
        given = batch(seed=step)
        torch.manual_seed(step)
        metrics = seen.training_step(given)
        torch.manual_seed(step)
        blind.training_step(replace(given, target=None))
    assert set(metrics) == {"loss", "loss_label", "grad_norm", "lr", "health/change"}
    assert_same(seen.weights(), blind.weights())


def test_source_only_begins_with_the_weights_that_dann_begins_with():
    dann, source = build(small()), build(small("digitsm-digits-source"))
    assert_same(
        {k: v for k, v in dann.weights()["model"].items() if not k.startswith("domain")},
        dict(source.weights()["model"]),
    )


def test_training_lowers_the_label_loss():
    method = build(small(optim__lr=1e-2, model__dropout=0.0), total=60)
    losses = [float(method.training_step(batch())["loss_label"]) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_resumed_method_ends_with_the_same_weights():
    def train(method: DANN, steps: range) -> None:
        for step in steps:
            torch.manual_seed(100 + step)
            method.training_step(batch(seed=step))

    whole, first = build(small()), build(small())
    train(whole, range(8))
    train(first, range(4))
    second = build(small())
    second.load_weights(copy.deepcopy(first.weights()))
    second.load_state(copy.deepcopy(first.state()))
    train(second, range(4, 8))
    assert_same(whole.weights(), second.weights())
    assert_same(whole.state(), second.state())
    assert whole.strength == second.strength > 0


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [("digitsm-digits-dann", {"data.supervision": "target"}, "method.adversarial = false"),
     ("digitsm-digits-dann", {"data.validation": 0.0}, "set data.validation"),
     ("digitsm-digits-dann", {"data.dataset": "digits-m"}, "choose a pair"),
     ("digitsm-digits-dann", {"evaluate.metric": "fid"}, 'set evaluate.metric = "accuracy"'),
     ("digits-vae", {"evaluate.metric": "accuracy"}, 'set evaluate.metric = "fid"'),
     ("digits-unet", {"model.net": "dann"}, "only method 'dann' trains it")],
)  # fmt: skip
def test_parts_that_do_not_go_together_are_told_with_the_remedy(name, changes, said):
    with pytest.raises(RecipeError, match=said):
        load(name).with_values(changes)


# -- scores ----------------------------------------------------------------------------------------------


def test_information_is_one_for_sure_and_even_predictions_and_nothing_for_a_single_class_or_for_doubt():
    sure = 100 * torch.eye(10, dtype=torch.float64)
    assert information(sure) == pytest.approx(1)
    assert information(sure[:1].expand(10, -1)) == pytest.approx(0)
    assert information(torch.zeros(10, 10, dtype=torch.float64)) == pytest.approx(0)
    assert 0 < information(sure / 50) < 1
    assert math.isnan(information(torch.full((2, 10), math.inf)))


def test_accuracy_counts_what_is_right_and_is_no_number_where_a_logit_is_none():
    images = torch.zeros(4, 3, 28, 28, dtype=torch.uint8)
    truth = Split(images, torch.tensor([0, 1, 2, 3]))
    logits = torch.eye(4)[[0, 1, 2, 0]]
    assert accuracy(logits, truth) == 0.75
    assert math.isnan(accuracy(logits * math.nan, truth))


class Brightness:
    """Classifies by mean brightness: right on the source, one or two too high on the brighter target."""

    precision = "fp32"

    def classify(self, images, of_target=False):
        brightness = ((images.mean((1, 2, 3)) + 1) * 127.5 / 20).clamp(0, 9.5)
        return brightness[:, None], 50 * torch.nn.functional.one_hot(brightness.long(), 10).float()


def scores_of(recipe: Recipe, dataset: Dataset, method=None):
    scorer = AccuracyScorer(recipe.evaluate, recipe, dataset, CPU)  # type: ignore[arg-type]
    counts: list[tuple[int, int]] = []
    found = scorer.score(method or Brightness(), lambda done, total: counts.append((done, total)))  # type: ignore[arg-type]
    assert counts[-1] == (80, 80)
    return {score.metric: score for score in found}


def test_the_scores_of_a_pair_say_what_they_are_of_and_what_chooses():
    dataset = two_domains()
    scores = scores_of(small(), dataset)
    assert list(scores) == ["target_accuracy", "selection", "source_accuracy", "oracle_target_accuracy"]
    assert scores["source_accuracy"].value == 1.0
    target = scores["target_accuracy"]
    assert target.value == scores["oracle_target_accuracy"].value < 0.5
    assert target.protocol.selected_by == "selection" == AccuracyScorer.metric
    assert target.protocol.name == "target_accuracy · target test 20 · fp32 · chosen by selection"
    assert scores["oracle_target_accuracy"].protocol.selected_by == ""
    assert not any(score.lower_is_better for score in scores.values())
    assert 0.5 < scores["selection"].value <= 1


def test_source_only_dann_and_target_only_are_scored_under_one_protocol():
    dataset = two_domains()
    assert dataset.target is not None
    swapped = replace(dataset.target, name="pair", target=dataset.target, fingerprint="o" * 64)
    names = ("digitsm-digits-source", "digitsm-digits-dann", "digitsm-digits-target")
    made = [scores_of(small(n), swapped if n.endswith("target") else dataset) for n in names[:2]]
    bound = AccuracyScorer(small(names[2]).evaluate, small(names[2]), swapped, CPU).score(Brightness())  # type: ignore[arg-type]
    of_target = {score.metric: score for score in bound}
    assert "source_accuracy" not in of_target
    ids = {scores["target_accuracy"].protocol.id for scores in (*made, of_target)}
    assert len(ids) == 1


def test_what_chooses_sees_the_targets_held_out_images_or_its_training_images_and_never_its_test_images():
    target = two_domains().target
    assert target is not None and target.validation is not None
    assert target_images(target) is target.validation.images
    assert target_images(replace(target, validation=None)) is target.train.images


def garbage(given: Split | None) -> Split | None:
    return None if given is None else Split(given.images, torch.full((len(given),), 7))


@pytest.mark.parametrize("name", ["digitsm-digits-source", "digitsm-digits-dann"])
def test_target_labels_change_neither_a_weight_nor_the_chosen_step(name):
    honest = two_domains()
    assert honest.target is not None
    spoilt = replace(
        honest,
        target=replace(
            honest.target, train=garbage(honest.target.train), test=garbage(honest.target.test),
            validation=garbage(honest.target.validation),
        ),
    )  # fmt: skip

    def trained(dataset: Dataset):
        recipe = small(name, optim__lr=1e-2)
        method = build(recipe, total=12)
        batches = Batches(dataset, 8, CPU, 0)
        scorer = AccuracyScorer(recipe.evaluate, recipe, dataset, CPU)  # type: ignore[arg-type]
        rows = []
        for step in range(12):
            method.training_step(batches.at(step))
            if step % 3 == 2:
                rows.append({score.metric: score.value for score in scorer.score(method)})
        return method.weights(), rows

    weights, rows = trained(honest)
    other_weights, other_rows = trained(spoilt)
    assert_same(weights, other_weights)
    assert [row["selection"] for row in rows] == [row["selection"] for row in other_rows]
    assert [row["target_accuracy"] for row in rows] != [row["target_accuracy"] for row in other_rows]
