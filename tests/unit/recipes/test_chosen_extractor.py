"""What scores are made with where a recipe leaves it open, decided before anything is launched."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.recipes.recipe import MissingData, Recipe, load
from engine.settings.extractors import Inception


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty data folder, without Inception's weights."""
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def inception(data: Path) -> None:
    (data / Inception.file).touch()


def fill(folder: Path, *counts: int) -> Path:
    """Sub-folders a, b, … with so many files that are called images; nobody opens them before a run."""
    for name, count in zip("abcdef", counts, strict=False):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            (folder / name / f"{i}.png").touch()
    return folder


def own(folder: Path, *more: str, dataset: str = "imagefolder") -> Recipe:
    return load("digits-unet", [f"data.dataset={dataset}", f"data.path={folder}", "data.image_size=8", *more])


def refusal(recipe: Recipe) -> str:
    with pytest.raises(MissingData) as caught:
        recipe.require_data()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_folder_with_classes_is_scored_with_a_probe_and_says_so(tmp_path):
    recipe = own(fill(tmp_path / "mine", 8, 9))
    recipe.require_data()
    assert recipe.extractor() == "probe"
    assert recipe.probe_note() == (
        "inception's weights are not here: scores are made with a probe trained on the labels of imagefolder"
    )


def test_a_folder_with_classes_keeps_its_probe_where_inception_is_here(tmp_path, inception):
    recipe = own(fill(tmp_path / "mine", 8, 9))
    assert recipe.extractor() == "probe"
    assert recipe.probe_note() == "scores are made with a probe trained on the labels of imagefolder"


def test_classes_are_counted_over_the_splits(tmp_path):
    fill(tmp_path / "mine" / "train", 6, 7)
    fill(tmp_path / "mine" / "test", 2, 2)
    assert own(tmp_path / "mine").extractor() == "probe"


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ((20,), "do not fall into two classes or more"),
        ((20, 0), "do not fall into two classes or more"),
        ((20, 3, 20), "its class 'b' has 3 images, fewer than 8"),
    ],
)
def test_too_few_classes_or_images_of_one_count_as_none(tmp_path, counts, why):
    recipe = own(fill(tmp_path / "mine", *counts))
    assert recipe.extractor() == "inception" and not recipe.probe_note()
    assert why in refusal(recipe)


def test_without_labels_and_without_inception_the_file_its_hash_and_the_ways_out_are_named(tmp_path, data):
    folder = fill(tmp_path / "mine", 9, 9)
    for number in range(4):
        (folder / f"stray{number}.jpg").touch()
    message = refusal(own(folder))
    for part in (
        "do not all lie in sub-folders", Inception.file, "6726825d", "evaluate.extractor=", "evaluate.times=0",
        "--weights",
    ):  # fmt: skip
        assert part in message
    own(folder, "evaluate.times=0").require_data()
    own(folder, "evaluate.extractor=photos-cnn").require_data()
    (data / Inception.file).touch()
    own(folder).require_data()


def test_a_probe_that_is_asked_for_needs_labels(tmp_path, inception):
    folder = fill(tmp_path / "mine", 20)
    assert "no probe can be taught imagefolder" in refusal(own(folder, "evaluate.extractor=probe"))
    asked = own(fill(tmp_path / "other", 8, 8), "evaluate.extractor=probe")
    asked.require_data()
    assert not asked.probe_note(), "who asked for it knows"


def test_weights_by_path_are_inceptions_and_never_a_probes(tmp_path):
    folder, weights = fill(tmp_path / "mine", 8, 9), tmp_path / "w.pth"
    weights.touch()
    recipe = own(folder, f"evaluate.weights={weights}")
    assert recipe.extractor() == "inception"
    recipe.require_data()
    assert "leave evaluate.weights out" in refusal(
        own(folder, f"evaluate.weights={weights}", "evaluate.extractor=probe")
    )


def test_attributes_are_labels_when_their_file_is_there(tmp_path):
    folder = fill(tmp_path / "mine", 20)
    recipe = own(folder, "model.class_conditioning=none", dataset="attribute-folder")
    assert "it has no file of attributes" in refusal(recipe)
    (folder / "list_attr.txt").touch()
    recipe.require_data()
    assert recipe.extractor() == "probe"


@pytest.mark.parametrize(
    "beside", ["list_attr_celeba.txt", "Anno/list_attr_celeba.txt", "list_attr_celeba.csv"]
)
def test_celeba_keeps_inception_where_its_weights_are_and_falls_back_aloud(data, beside):
    (data / "celeba" / "Anno").mkdir(parents=True)
    recipe = load("celeba-unet")
    assert recipe.extractor() == "inception"
    assert "list_attr_celeba is not beside its images" in refusal(recipe)
    (data / "celeba" / beside).touch()
    assert recipe.extractor() == "probe" and "inception's weights are not here" in recipe.probe_note()
    recipe.require_data()
    (data / Inception.file).touch()
    assert recipe.extractor() == "inception" and not recipe.probe_note()


def test_published_digits_are_scored_with_a_probe():
    for dataset in ("mnist", "usps", "svhn", "mnist-m"):
        recipe = load("digits-unet", [f"data.dataset={dataset}", "data.image_size=16"])
        assert recipe.extractor() == "probe", dataset


def test_mnistm_is_scored_by_digit_accuracy_and_its_quick_form_by_its_stand_ins_classifier():
    recipe, quick = load("mnistm-ddpm-cfg"), load("mnistm-ddpm-cfg", quick=True)
    assert recipe.extractor() == "probe" and recipe.evaluate.times and recipe.model.conditional
    assert recipe.reference.metric == "label_accuracy"
    assert quick.dataset == "digits-m" and quick.extractor() == "digitsm-cnn"
    assert not quick.probe_note()


def test_what_is_scored_without_an_extractor_has_none():
    recipe = load("digitsm-digits-dann")
    assert recipe.extractor() == "" and not recipe.probe_note()
    recipe.require_data()
