"""Settings that would fail inside BatchNorm are refused by the recipe's check, with their line."""

from __future__ import annotations

import pytest
from torch.nn.modules.batchnorm import _BatchNorm

from engine.data.batch import ImageSpec
from engine.nets import build_net, build_pair
from engine.recipes.recipe import RecipeError, load, loads, menu
from engine.settings import registry
from engine.settings.nets import GANPair
from tests.support.engine import finish, trainer


def shipped() -> dict[str, object]:
    recipes, problems = menu()
    assert not problems
    return {recipe.name: recipe for recipe in recipes}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_recipe_with_batchnorm_refuses_batches_of_one_image_and_no_other_does(name):
    by_batch = getattr(load(name).model, "by_batch", False)
    if not by_batch:
        assert load(name, ["data.batch_size=1"]).data.batch_size == 1
        return
    with pytest.raises(RecipeError) as caught:
        load(name, ["data.batch_size=1"])
    (problem,) = caught.value.problems
    assert problem.key == "data.batch_size" and problem.where == "-o data.batch_size=1"
    assert "BatchNorm" in problem.message and "2 or more" in problem.hint
    assert load(name, ["data.batch_size=2"]).data.batch_size == 2


VARIANTS = {
    "unet": [{"norm": "batch"}, {"norm": "group"}],
    "dcgan": [{"norm": norm} for norm in ("batch", "layer", "none")],
    "acgan": [{"norm": norm} for norm in ("batch", "layer", "none")],
    "resnet": [
        {"block": b, "noise": n} for b in ("single-norm", "preactivation") for n in ("none", "batchnorm")
    ],
}


@pytest.mark.parametrize("net", registry.names("net"))
def test_a_net_says_itself_whether_it_normalises_by_batches(net):
    cls = registry.find("net", net)
    assert cls is not None
    side = 28 if net == "dann" else 32
    for values in VARIANTS.get(net, [{}]):
        settings = cls.model_validate({"net": net, **values})
        spec = ImageSpec((3, side, side), classes=4)
        nets = build_pair(settings, spec) if isinstance(settings, GANPair) else (build_net(settings, spec),)
        has = any(isinstance(module, _BatchNorm) for each in nets for module in each.modules())
        assert getattr(settings, "by_batch", False) == has, values


def test_the_line_of_the_file_is_named(problems):
    text = load("digitsm-digits-dann").to_toml()
    line = next(n for n, row in enumerate(text.split("\n"), 1) if row.startswith("batch_size"))
    broken = text.replace(text.split("\n")[line - 1], "batch_size = 1", 1)
    (problem,) = problems(broken)
    assert problem.startswith(f"r.toml:{line}: data.batch_size: ")
    with pytest.raises(RecipeError):
        loads(broken)


def test_a_sweep_over_batch_sizes_names_the_one_that_cannot_be(problems):
    text = load("digitsm-digits-dann").to_toml() + '\n[sweep]\n"data.batch_size" = [1, 32]\n'
    (problem,) = problems(text)
    assert "sweep.data.batch_size" in problem and "BatchNorm" in problem


@pytest.mark.parametrize("values", [{"batch_norm": 1}, {"batch_norm": 3, "samples": 100}])
def test_scores_by_batches_of_one_sample_are_refused(values):
    with pytest.raises(RecipeError, match="leave a batch of one"):
        load("faces-dcgan", [f"evaluate.{key}={value}" for key, value in values.items()])


def test_a_single_image_left_to_train_on_is_a_sentence(make_run):
    run = make_run(model__norm="batch", data__validation_images=1436, evaluate__times=0, train__steps=2)
    code, output = finish(trainer(run))
    assert code == 1 and "Traceback" not in output
    assert "too few for BatchNorm: hold fewer images out" in output
