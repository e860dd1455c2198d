"""A checkpoint is selected on one noise and on images that no report is of; reports are means over other noises."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, fingerprint, open_dataset
from engine.evaluation.score import Score
from engine.evaluation.scorer import SampleScorer
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe, load

CPU = torch.device("cpu")
SMALL = {
    "digits-vae": {"model.channels": 8, "model.latent": 8},
    "digits-unet": {"model.channels": 8, "sample.steps": 2},
}


def scorer_of(name: str, dataset: Dataset | None = None, **settings: Any) -> tuple[SampleScorer, Any]:
    """The scorer of a recipe, and its method untrained."""
    values = {f"evaluate.{key}": value for key, value in {"samples": 60, **settings}.items()}
    recipe: Recipe = load(name).with_values({**SMALL[name], **values})
    dataset = dataset or open_dataset(recipe.data)
    torch.manual_seed(0)
    method = build_method(recipe, CPU, Conditions.of(dataset))
    return SampleScorer(recipe.evaluate, recipe, dataset, CPU), method  # type: ignore[arg-type]


def by_metric(scores: list[Score]) -> dict[str, Score]:
    return {score.metric: score for score in scores}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.evaluation.statistics.cache_folder", lambda: tmp_path / "statistics")


def test_a_report_is_the_mean_over_noises_of_which_none_selects():
    scorer, method = scorer_of("digits-unet", noises=3)
    selection, report = by_metric(scorer.score(method)), by_metric(scorer.report(method))
    assert set(selection) == set(report) == {"fid", "label_accuracy"}
    assert {score.role for score in selection.values()} == {"selection"}
    for metric, score in report.items():
        assert score.role == "report" and score.over == "3 noises" and score.std is not None
        assert score.protocol.noises == 3 and "3 noises" in score.protocol.name
        assert score.protocol.id != selection[metric].protocol.id
    assert "selection noise" in selection["fid"].protocol.name
    alone = []
    for draw in range(3):
        scorer.settings = scorer.settings.model_copy(update={"noises": draw + 1})
        alone.append(by_metric(scorer.report(method))["fid"].value * (draw + 1) - sum(alone))
    assert selection["fid"].value not in alone and len({*alone}) == 3
    assert report["fid"].value == pytest.approx(statistics.fmean(alone))
    assert report["fid"].std == pytest.approx(statistics.stdev(alone))


def test_another_seed_draws_other_noises_and_the_same_one_the_same():
    values = []
    for seed in (0, 0, 1):
        scorer, method = scorer_of("digits-unet", noises=2, seed=seed)
        fid = by_metric(scorer.report(method))["fid"]
        assert fid.noise_seed == seed and fid.event()["noise_seed"] == seed
        values.append(fid.value)
    assert values[0] == values[1] != values[2]
    assert math.isfinite(sum(values))


def blackened(dataset: Dataset) -> Dataset:
    """The same with black test images."""
    test = replace(dataset.test, images=torch.zeros_like(dataset.test.images))
    black = replace(dataset, test=test, fingerprint="")
    return replace(black, fingerprint=fingerprint(black))


def test_no_test_image_selects_a_checkpoint_where_images_are_held_out():
    settings = {"metric": "ssim", "split": "test"}
    scorer, method = scorer_of("digits-vae", **settings)
    seen = by_metric(scorer.score(method))
    unseen = by_metric(scorer_of("digits-vae", blackened(scorer.dataset), **settings)[0].score(method))
    assert {metric: score.value for metric, score in seen.items()} == {
        metric: score.value for metric, score in unseen.items()
    }
    assert {score.protocol.split for score in seen.values()} == {"validation"}
    report = by_metric(scorer.report(method))
    assert {score.protocol.split for score in report.values()} == {"test"}
    assert report["ssim"].over == "360 images" and 0 < report["ssim"].std < 0.05
    assert "chosen by" not in report["ssim"].protocol.name


def test_a_report_says_so_where_test_images_selected_the_checkpoint():
    dataset = open_dataset(load("digits-unet").data)
    scorer, method = scorer_of("digits-vae", dataset, metric="ssim")
    report = by_metric(scorer.report(method))
    assert "chosen by ssim on the test images" in report["ssim"].protocol.name
    assert report["fid"].protocol.selected_by == ""  # it is compared with training images


def test_what_is_computed_once_is_no_cost_of_the_next_score():
    scorer, method = scorer_of("digits-unet")
    scorer.score(method)
    once = scorer.one_off_seconds
    assert once > 0
    scorer.score(method)
    scorer.report(method)
    assert scorer.one_off_seconds == once


def test_scores_are_of_the_sampler_that_is_named_for_them():
    scorer, method = scorer_of("digits-unet", sampler="euler", steps=3, noises=1)
    assert scorer.recipe.sample.summary == "dpm++ 2"
    assert by_metric(scorer.score(method))["fid"].protocol.sampling == "euler 3"
    as_drawn, method = scorer_of("digits-unet", noises=1)
    assert by_metric(as_drawn.score(method))["fid"].protocol.sampling == "dpm++ 2"
