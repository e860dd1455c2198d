"""Every metric is torch-fidelity's own figure; what torch-fidelity has not, is the paper's."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.data.dataset import Split, fingerprint, to_float
from engine.evaluation import fidelity
from engine.evaluation.drawing import FEATURES_KEPT, MOST_SAMPLES
from engine.evaluation.evaluate import evaluate
from engine.evaluation.extractors import load_extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.label_law import label_law
from engine.evaluation.statistics import MOST_ROWS, RealImages, cache_path, chosen_rows
from engine.settings.diagnostics import RecipeError
from engine.settings.evaluation import FID
from tests.support.evaluation import ALL, by_metric, drawings, equal_theirs, measured
from tests.support.torch_fidelity_api import registered, theirs


@pytest.fixture(scope="module")
def real(digits, extractor, tmp_path_factory) -> RealImages:
    return RealImages(digits, extractor, tmp_path_factory.mktemp("statistics"))


@pytest.mark.parametrize(("count", "subset"), [(600, 600), (1100, 1000)])
def test_every_metric_equals_torch_fidelitys_public_api(digits, real, count, subset):
    images = drawings(digits, count)
    ours = by_metric(measured(images, real, also=ALL))
    equal_theirs(
        ours,
        theirs(images, digits.train.images, feature_extractor=registered("digits-cnn"), kid_subset_size=subset),
    )
    assert 0 < ours["precision"] < 1 and 0 < ours["recall"] < 1 < ours["isc"] < 10


def test_the_other_split_is_compared_with_when_asked(digits, real):
    images = drawings(digits, 400)
    ours = by_metric(measured(images, real, also=ALL, split="test"))
    options = {"feature_extractor": registered("digits-cnn"), "kid_subset_size": 360}
    equal_theirs(ours, theirs(images, digits.test.images, **options))


# What torch-fidelity has not


def test_intra_class_fid_is_the_mean_over_the_classes(digits, real, extractor):
    images = drawings(digits, 205)
    ours = by_metric(measured(images, real, conditional=True, also=["intra_fid"]))
    labels = label_law("data", digits).draw(205)
    expected = [
        distance(
            Moments.of(extractor.features(images[labels == label])),
            Moments.of(extractor.features(digits.train.images[digits.train.labels == label])),
        )
        for label in range(10)
    ]
    assert ours["intra_fid"] == pytest.approx(sum(expected) / 10, rel=1e-4)
    assert ours["intra_fid"] > ours["fid"]


def test_mixed_up_classes_are_told_by_intra_class_fid_alone(digits, real):
    images = drawings(digits, 300)
    turned = images.roll(1, 0)  # every image has the class before the one asked for
    right, wrong = (
        by_metric(measured(i, real, conditional=True, also=["intra_fid"])) for i in (images, turned)
    )
    assert wrong["fid"] == pytest.approx(right["fid"], rel=1e-6)
    assert wrong["intra_fid"] > 3 * right["intra_fid"]


def test_fid_infinity_takes_the_bias_of_small_samples_away():
    """Both sets are of one Gaussian, so the true distance is 0; at N samples it is about (a + b)/N."""
    generator = torch.Generator().manual_seed(1)
    truth = Moments.from_statistics(np.zeros(8), np.eye(8), 10**6)
    at_n, at_infinity = [], []
    for _ in range(20):
        made = torch.randn(600, 8, generator=generator)
        at_n.append(distance(Moments.of(made), truth))
        at_infinity.append(fidelity.fid_infinity(made, truth))
    assert abs(np.mean(at_infinity)) < 0.25 * np.mean(at_n)


def test_fid_infinity_is_the_same_each_time_and_stands_beside_fid_at_n(digits, real):
    images = drawings(digits, 400)
    first, again = (measured(images, real, also=["fid_inf"]).scores for _ in range(2))
    assert [s.metric for s in first] == ["fid", "fid_inf"]
    assert first[1].value == again[1].value < first[0].value
    assert "15 sizes of 128–400" in first[1].protocol.name


@pytest.mark.parametrize(("count", "dims"), [(50_000, 2048), (10_000, 2048), (500, 64), (1000, 2048), (10, 64)])
def test_the_fit_is_over_sizes_that_rise_to_all_there_are(count, dims):
    sizes = fidelity.fit_sizes(count, dims)
    assert sizes[-1] == count and sizes[0] >= 2 and all(a < b for a, b in pairwise(sizes))
    assert len(sizes) == (15 if count >= 30 else len(sizes)) and sizes[0] <= max(count // 2, count // 10)
    if count == 50_000:
        assert sizes[0] == 5000  # as published


# Floors, protocols, samples


def test_the_floor_is_what_real_test_images_score(digits, real):
    scores = {s.metric: s for s in measured(drawings(digits, 360), real, also=ALL).scores}
    floors = {name: score.floor for name, score in scores.items()}
    options = {"feature_extractor": registered("digits-cnn"), "kid_subset_size": 360}
    expected = theirs(digits.test.images, digits.train.images, **options)
    for name, floor in floors.items():
        assert floor == pytest.approx(expected[name], rel=1e-3, abs=1e-9), name


def test_every_score_says_how_it_was_made(digits, real):
    also = [*ALL, "intra_fid", "fid_inf"]
    scores = measured(drawings(digits, 250), real, conditional=True, also=also).scores
    names = {s.metric: s.protocol.name for s in scores}
    assert list(names) == ["fid", "kid", "isc", "precision", "recall", "intra_fid", "fid_inf", "label_accuracy"]
    assert "100 subsets of 250 ·" in names["kid"] and "10 parts" in names["isc"] and "k=3" in names["recall"]
    assert len({s.protocol.id for s in scores}) == len(scores)
    assert {s.metric for s in scores if s.lower_is_better} == {"fid", "kid", "intra_fid", "fid_inf"}
    assert {s.metric for s in scores if "std" in s.event()} == {"kid", "isc"}
    assert "how" not in scores[0].protocol.detail()


def test_other_n_extractor_weights_or_split_never_share_a_protocol(digits, real, tmp_path):
    from safetensors.torch import load_file, save_file

    from engine.settings.extractors import SHIPPED_WEIGHTS

    changed = load_file(SHIPPED_WEIGHTS / "digits-cnn.safetensors")
    changed["head.bias"] += 1
    save_file(changed, tmp_path / "mine.safetensors")
    mine = RealImages(digits, load_extractor("digits-cnn", weights=tmp_path / "mine.safetensors"), tmp_path)
    foreign = RealImages(digits, load_extractor("fashion-cnn"), tmp_path)
    kinds = [
        (real, 100, "train"), (real, 101, "train"), (real, 100, "test"), (foreign, 100, "train"), (mine, 100, "train"),
    ]  # fmt: skip
    images = drawings(digits, 101)
    ids = [
        [s.protocol.id for s in measured(images[:n], of, also=ALL, split=split).scores]
        for of, n, split in kinds
    ]
    assert len({i for each in ids for i in each}) == len(kinds) * 5
    assert (
        by_metric(measured(images, mine, also=ALL))["kid"] == by_metric(measured(images, real, also=ALL))["kid"]
    )


def test_the_cap_is_named_and_takes_a_fixed_choice_of_the_real_images(digits, extractor, tmp_path, monkeypatch):
    assert torch.equal(chosen_rows(MOST_ROWS), torch.arange(MOST_ROWS))
    rows = chosen_rows(60_000)
    assert len(rows) == MOST_ROWS and (rows.diff() > 0).all() and torch.equal(rows, chosen_rows(60_000))
    for module in ("statistics", "evaluate"):
        monkeypatch.setattr(f"engine.evaluation.{module}.MOST_ROWS", 300)
    monkeypatch.setitem(FEATURES_KEPT, "kid", 300)
    capped = RealImages(digits, extractor, tmp_path)
    images = drawings(digits, 400)
    scores = {s.metric: s for s in measured(images, capped, also=["kid"]).scores}
    assert "100 subsets of 300 of 300 generated of 300 real" in scores["kid"].protocol.name
    known = digits.train.images[chosen_rows(len(digits.train))]
    options = {"feature_extractor": registered("digits-cnn"), "kid_subset_size": 300}
    expected = theirs(images[:300], known, **options)
    assert scores["kid"].value == pytest.approx(expected["kid"], rel=1e-3)


def test_the_samples_are_the_first_images_drawn_with_their_features_and_logits(digits, real, extractor):
    images = drawings(digits, MOST_SAMPLES + 90)
    samples = measured(images, real, conditional=True).samples
    assert torch.equal(samples.images, images[:MOST_SAMPLES])
    features, logits = extractor.features_and_logits(images[:MOST_SAMPLES])
    torch.testing.assert_close(samples.features, features.clone())
    torch.testing.assert_close(samples.logits, logits.clone())
    assert torch.equal(samples.labels, label_law("data", digits).draw(MOST_SAMPLES + 90)[:MOST_SAMPLES])
    assert not samples.features.is_inference()


def test_an_extractor_of_other_labels_and_an_unconditional_model_give_less_of_it(digits, tmp_path):
    foreign = RealImages(digits, load_extractor("fashion-cnn"), tmp_path)
    samples = measured(drawings(digits, 40), foreign).samples
    assert len(samples.images) == len(samples.features) == 40
    assert samples.logits is None and samples.labels is None


def test_images_that_are_not_finite_score_nan_in_every_metric(digits, real):
    images = to_float(drawings(digits, 100))
    images[7, 0, 0, 0] = float("nan")
    also = [*ALL, "intra_fid", "fid_inf"]
    scores = measured(images, real, conditional=True, also=also).scores
    assert len(scores) == 8 and all(math.isnan(s.value) and s.std is None for s in scores)


# What cannot be had


@pytest.mark.parametrize(
    ("extractor_name", "settings", "conditional", "said"),
    [
        (
            "toon-cnn",
            {"also": ["isc"]},
            False,
            "isc needs an extractor that tells classes, and toon-cnn does not",
        ),
        ("digits-cnn", {"also": ["intra_fid"]}, False, "not asked for by class"),
        (
            "digits-cnn",
            {"also": ["intra_fid"], "samples": 19},
            True,
            "two samples of every class: of 19, labelled as in",
        ),
    ],
)
def test_a_metric_that_cannot_be_had_is_refused_before_anything_is_drawn(
    digits, tmp_path, extractor_name, settings, conditional, said
):
    of = RealImages(digits, load_extractor(extractor_name), tmp_path)
    with pytest.raises(RecipeError, match=said) as caught:
        evaluate(
            lambda n, labels: pytest.fail("drawn"), of, FID(**{"samples": 50, **settings}),
            sampling="", labels=label_law("data", digits) if conditional else None,
        )  # fmt: skip
    assert "\n" not in caught.value.one_line


def test_a_class_of_one_image_and_a_split_of_a_few_are_told(digits, extractor, tmp_path):
    few = digits.train.take(torch.arange(9))
    lone = replace(digits, train=few, test=few, fingerprint="")
    of = RealImages(replace(lone, fingerprint=fingerprint(lone)), extractor, tmp_path)
    with pytest.raises(RecipeError) as caught:
        evaluate(
            lambda n, labels: pytest.fail("drawn"), of, FID(samples=50, also=["intra_fid", "prc"]),
            sampling="", labels=label_law("data", lone),
        )  # fmt: skip
    assert "fewer of '" in str(caught.value) and "the train split has 9" in str(caught.value)


# The cache of features


def test_features_are_embedded_once_and_a_damaged_file_is_made_anew(digits, extractor, tmp_path):
    made = RealImages(digits, extractor, tmp_path).features("test")
    kept = RealImages(digits, extractor, tmp_path)
    again = kept.features("test", advance=lambda n: pytest.fail("embedded again"))
    assert torch.equal(again.features, made.features) and torch.equal(again.logits, made.logits)
    path = cache_path(digits, "test", extractor, tmp_path, "features", MOST_ROWS)
    whole = path.read_bytes()
    for damage in (whole[:-9], b"", whole[:200] + b"\x07" + whole[201:], b"{" * 99):
        path.write_bytes(damage)
        assert torch.equal(RealImages(digits, extractor, tmp_path).features("test").features, made.features)
        assert path.read_bytes() == whole


def test_changed_data_of_the_same_name_is_never_scored_with_what_was_kept(digits, extractor, tmp_path):
    images = drawings(digits, 300)
    before = by_metric(measured(images, RealImages(digits, extractor, tmp_path), also=ALL))
    mirrored = replace(
        digits, train=Split(digits.train.images.flip(-1), digits.train.labels),
        test=Split(digits.test.images.flip(-1), digits.test.labels), fingerprint="",
    )  # fmt: skip
    mirrored = replace(mirrored, fingerprint=fingerprint(mirrored))
    seen: list[int] = []
    after = by_metric(
        measured(
            images, RealImages(mirrored, extractor, tmp_path), also=ALL, progress=lambda *at: seen.append(at[1])
        )
    )
    assert after["fid"] > 2 * before["fid"] and after["kid"] > 2 * before["kid"]
    assert after["precision"] < before["precision"]
    assert seen[-1] == 300 + 1437 + 360  # everything was embedded anew


def test_progress_tells_the_real_images_still_to_be_embedded(digits, extractor, tmp_path):
    seen: list[tuple[int, int]] = []
    also = [*ALL, "intra_fid", "fid_inf"]
    for _ in range(2):
        of = RealImages(digits, extractor, tmp_path)
        measured(drawings(digits, 100), of, conditional=True, also=also, progress=lambda *at: seen.append(at))
    totals = [total for _, total in seen]
    assert set(totals) == {100 + 1437 + 360, 100}
    measured(drawings(digits, 100), of, also=["kid"], announce=(announced := []).append)
    assert announced == ["computing kid of 100 generated and 1,437 real images"]  # its floor is known
    assert all(done <= total for done, total in seen)
