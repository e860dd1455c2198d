"""Published figures are ranked with the scores that were made as they were, and stand apart from all others."""

from __future__ import annotations

from typing import Any

import pytest

from engine.recipes.published import disagreements, published_fields
from tests.support.index import Log

EVALUATE = {"extractor": "inception", "samples": 1000, "noises": 1, "resize": "half-pixel", "batch_norm": 100}
REFERENCE = {
    "metric": "fid", "value": 25.99, "source": "a report", "protocol": "as they say", "real_images": 2025,
    "evaluate": EVALUATE,
}  # fmt: skip
DETAIL: dict[str, Any] = {
    "metric": "fid", "extractor": "inception", "samples": 1000, "noises": 1, "split_size": 2025, "batch_norm": 100,
    "resize": "half-pixel bilinear (pytorch-fid) 299×299", "quantisation": "uint8 rounded", "precision": "fp32",
}  # fmt: skip


def board(index, dataset="toy"):
    index.refresh()
    return [(row.rank, row.run, row.value, row.protocol) for row in index.leaderboard(dataset)]


def test_a_figure_is_ranked_among_the_scores_made_as_it_was(index, make_run):
    runs = [make_run(recipe="r", dataset="toy", reference=REFERENCE, seed=seed) for seed in range(3)]
    for run, value in zip(runs[:2], (20.0, 31.0), strict=True):
        Log(run).start().report(10, value, protocol="as published", protocol_detail=DETAIL)
    Log(runs[2]).start().report(10, 1.0, protocol="another", protocol_detail={**DETAIL, "samples": 10_000})
    assert board(index) == [
        (1, runs[2].id, 1.0, "fid under another"),
        (1, runs[0].id, 20.0, "fid under as published"),
        (2, None, 25.99, "fid under as published"),
        (3, runs[1].id, 31.0, "fid under as published"),
    ]
    by_run = {row.run: row.as_published for row in index.leaderboard("toy")}
    assert by_run == {runs[0].id: True, runs[1].id: True, runs[2].id: False, None: False}


def test_figures_of_several_recipes_that_were_made_alike_share_a_group(index, make_run):
    first = make_run(recipe="a", dataset="toy", reference=REFERENCE)
    make_run(recipe="b", dataset="toy", reference={**REFERENCE, "value": 44.3})
    stretched = {**REFERENCE, "value": 29.5, "evaluate": {**EVALUATE, "stretch": True}}
    make_run(recipe="c", dataset="toy", reference=stretched)
    make_run(recipe="d", dataset="elsewhere", reference=REFERENCE)
    Log(first).start().report(10, 30.0, protocol="as published", protocol_detail=DETAIL)
    assert board(index) == [
        (1, None, 25.99, "fid under as published"),
        (2, first.id, 30.0, "fid under as published"),
        (3, None, 44.3, "fid under as published"),
        (None, None, 29.5, "as they say"),
    ]


def test_a_figure_whose_protocol_is_not_known_stands_apart(index, make_run):
    unknown = {"metric": "fid", "value": 68.0, "source": "a report", "protocol": "not stated"}
    run = make_run(recipe="r", dataset="toy", reference=unknown)
    Log(run).start().report(10, 30.0, protocol="p", protocol_detail=DETAIL)
    assert board(index) == [(1, run.id, 30.0, "fid under p"), (None, None, 68.0, "not stated")]


@pytest.mark.parametrize(
    "reference",
    [
        {**REFERENCE, "evaluate": [1]},
        {**REFERENCE, "evaluate": {"samples": [1], "resize": {"a": 1}}},
        {**REFERENCE, "evaluate": {"resize": 7, "labels": 3}, "labels_hash": 9},
        {**REFERENCE, "real_images": "many"},
    ],
)
def test_a_runs_copy_of_the_reference_may_be_anything(index, make_run, reference):
    run = make_run(recipe="r", dataset="toy", reference=reference)
    Log(run).start().report(10, 30.0, protocol="p", protocol_detail={**DETAIL, "labels": 7, "resize": None})
    assert (run.id, 30.0, "fid under p") in [row[1:] for row in board(index)]


def test_every_difference_is_named():
    fields = published_fields({**REFERENCE, "evaluate": {**EVALUATE, "labels": "uniform"}, "statistics": True})
    other = {
        **DETAIL, "samples": 500, "split_size": 180, "batch_norm": 0, "resize": "tf1-bilinear 299×299",
        "quantisation": "none", "labels": "as in the data",
    }  # fmt: skip
    assert disagreements(other, fields) == [
        "samples 500, not 1000",
        "labels as in the data, not uniform",
        "resized tf1-bilinear 299×299, not half-pixel bilinear (pytorch-fid)",
        "quantised none, not uint8 rounded",
        "BatchNorm by batches of 0, not 100",
        "compared with a split of the data, not a file of statistics",
        "real images 180, not 2025",
    ]
    alike = {**DETAIL, "labels": "uniform over 144 combinations", "statistics": "real.npy@1a2b3c4d"}
    assert disagreements(alike, fields) == []
    from_file = {**alike, "labels": "conditions.txt@6a1d24f6"}
    assert disagreements(from_file, fields, "6a1d24f6") == []
    assert disagreements(from_file, fields) == ["labels conditions.txt@6a1d24f6, not uniform"]


def test_images_of_inceptions_own_size_need_no_resizing():
    assert disagreements({**DETAIL, "resize": "none"}, published_fields(REFERENCE)) == []
