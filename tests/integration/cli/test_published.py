"""From a course's folder to one ranking with the published figure, by commands alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.inference import statistics
from engine.recipes.recipe import load, loads
from gentui.cli.commands.recipes import _print_published
from gentui.runs import published
from tests.support import course

SMALL = [
    "data.batch_size=8", "model.channels=8", "train.steps=2", "train.ema=0", "evaluate.times=0", "sample.rows=2",
    "sample.columns=2", "sample.times=1", "train.precision=fp32",
]  # fmt: skip
AS_THEY_DID = """
[reference]
metric = "fid"
value = 25.99
protocol = "as published: as their scripts do"
source = "a report"
real_images = 12

[reference.evaluate]
extractor = "photos-cnn"
split = "test"
samples = 16
noises = 1
batch_norm = 8
stretch = true
"""


@pytest.fixture
def gentui(real_gentui):
    return real_gentui


@pytest.fixture
def recipe(tmp_path):
    """faces-sngan, small, with a published figure of few images that needs no Inception."""
    course.faces(tmp_path / "hw2_data", 16, 12)
    text = load("faces-sngan", SMALL).to_toml().split("[reference]")[0] + AS_THEY_DID
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_a_run_stands_in_one_ranking_with_the_published_figure(gentui, recipe, tmp_path):
    data = f"data.path={tmp_path / 'hw2_data'}"
    trained = gentui("run", str(recipe), "-o", data, "--wait")
    assert trained.returncode == 0, trained.stderr
    done = gentui("evaluate", "latest", "--as-published", "--now")
    assert done.returncode == 0, done.stderr
    assert "ranked with the published fid 25.99 (a report)" in done.stderr
    assert "BatchNorm in training mode by 8" in done.stdout and "test 12 · n=16" in done.stdout
    queued = gentui("evaluate", "latest", "--as-published", "--samples", "20")
    assert queued.returncode == 0, queued.stderr
    rows = json.loads(gentui("leaderboard", "--dataset", "celeba", "--json").stdout)
    (ours,) = [row for row in rows if row["run"] and "n=16" in row["protocol"]]
    together = [row for row in rows if row["protocol"] == ours["protocol"]]
    assert sorted(row["value"] for row in together) == sorted([ours["value"], 25.99])
    assert sorted(row["rank"] for row in together) == [1, 2]
    apart = next(row for row in rows if row["run"] and "n=20" in row["protocol"])
    assert [row["run"] for row in rows if row["protocol"] == apart["protocol"]] == [apart["run"]]


def test_what_keeps_a_score_apart_is_said(gentui, recipe, tmp_path):
    course.faces(tmp_path / "fewer", 16, 9)
    gentui("run", str(recipe), "-o", f"data.path={tmp_path / 'fewer'}", "--wait")
    done = gentui("evaluate", "latest", "--as-published", "--now", "--samples", "10")
    assert "not ranked with the published fid 25.99: samples 10, not 16; real images 9, not 12" in done.stderr


def test_a_recipe_without_a_known_protocol_says_so(gentui, tmp_path):
    trained = gentui("run", "digits-vae", "--quick", "-o", "train.steps=2", "-o", "evaluate.times=0", "--wait")
    assert trained.returncode == 0, trained.stderr
    done = gentui("evaluate", "latest", "--as-published")
    assert done.returncode == 2 and "digits-vae has no published figure" in done.stderr


def test_a_mistake_in_how_a_figure_was_made_is_found_at_its_line(gentui, recipe):
    recipe.write_text(recipe.read_text().replace("batch_norm = 8", "batch_norms = 8"))
    line = recipe.read_text().splitlines().index("batch_norms = 8") + 1
    done = gentui("recipe", str(recipe))
    assert done.returncode == 2
    assert f":{line}: reference.evaluate.batch_norms: unknown key (did you mean 'batch_norm'?)" in done.stderr


def test_the_published_figures_are_listed_with_their_nets(gentui):
    rows = json.loads(gentui("recipes", "--published", "--json").stdout)
    assert len(rows) == 21 and sum(row["ranks"] for row in rows) == 17
    by_name = {row["recipe"]: row for row in rows}
    assert by_name["faces-sngan"]["parameters"] == {"generator": 3_576_704, "discriminator": 2_765_568}
    assert all(row["parameters"] and row["protocol"] for row in rows)
    assert {row["recipe"] for row in rows if not row["ranks"]} == {
        "fashion-resnet-basic", "fashion-resnet-noise", "fashion-resnet-class", "fashion-unet",
    }  # fmt: skip


def test_the_table_of_published_figures_tells_nets_and_what_does_not_rank(monkeypatch, capsys):
    kept = {"metric": "fid", "protocol": "theirs", "source": "a report", "value": 25.99}
    rows = [
        {**kept, "recipe": "faces-sngan", "parameters": {"g": 3_576_704, "d": 2_765_568}, "ranks": True},
        {
            **kept,
            "recipe": "x",
            "parameters": {"m": 1},
            "ranks": False,
            "why_not": "how it was made is not known",
        },
    ]
    monkeypatch.setattr(published, "published_rows", lambda recipes: rows)
    _print_published([], False)
    shown = capsys.readouterr().out
    assert "3,576,704 + 2,765,568" in shown and "no: how it was made is not known" in shown


def test_real_statistics_are_written_for_other_programs(gentui, tmp_path):
    written = gentui("data", "statistics", "digits-unet", str(tmp_path / "real.npz"), "--split", "test")
    assert (written.returncode, written.stderr) == (0, "360 images\n")
    assert statistics.main(["digits-unet", str(tmp_path / "real.npy"), "--split", "test"]) == 0
    rows = np.load(tmp_path / "real.npy").astype(np.float64)
    with np.load(tmp_path / "real.npz") as file:
        assert np.allclose(file["sigma"], np.cov(rows, rowvar=False)) and np.allclose(file["mu"], rows.mean(0))
    refused = gentui("data", "statistics", "digits", str(tmp_path / "real.npz"))
    assert refused.returncode == 3 and "no recipe called 'digits'" in refused.stderr


@pytest.mark.parametrize(
    ("recipe", "file", "code", "said"),
    [
        ("digits-unet", "real.txt", 2, "ends in .npy or .npz"),
        ("digits", "real.npz", 3, "no recipe called 'digits'"),
        ("digits-unet", "nowhere/real.npz", 4, "cannot write"),
        ("cats-vae", "real.npz", 4, "cats is not on this machine"),
    ],
)
def test_statistics_that_cannot_be_written_end_with_a_sentence(tmp_path, capsys, recipe, file, code, said):
    with pytest.raises(SystemExit) as left:
        statistics.main([recipe, str(tmp_path / file)])
    assert left.value.code == code and said in capsys.readouterr().err


def test_a_reference_is_kept_as_it_was_written(recipe):
    again = loads(load(recipe).to_toml())
    assert again.reference == load(recipe).reference and "labels_hash" not in again.to_toml()


BY_STATISTICS = """
[reference]
metric = "fid"
value = 63.24
source = "a report"
statistics = true
labels_hash = "6a1d24f6"

[reference.evaluate]
extractor = "toon-cnn"
samples = 16
noises = 1
labels = "uniform"
batch_norm = 8
"""


def test_real_images_known_by_a_file_alone_are_compared_with(gentui, tmp_path):
    course.cartoons(tmp_path, 40)
    conditions = course.conditions(tmp_path / "conditions.txt", 16)
    small = ["data.batch_size=8", "data.image_size=64", "model.channels=8", "train.steps=1", "evaluate.times=0",
             "sample.columns=2", "train.precision=fp32"]  # fmt: skip
    text = load("cartoon-acgan", small).to_toml().split("[reference]")[0]
    (tmp_path / "mine.toml").write_text(text + BY_STATISTICS)
    data = f"data.path={tmp_path}"
    trained = gentui("run", str(tmp_path / "mine.toml"), "-o", data, "--wait")
    assert trained.returncode == 0, trained.stderr
    real = tmp_path / "real_activations.npy"
    of = ["-o", data, "-o", "evaluate.extractor=toon-cnn"]
    written = gentui("data", "statistics", str(tmp_path / "mine.toml"), str(real), *of)
    assert written.returncode == 0, written.stderr
    given = ["--statistics", str(real)]
    ranked = gentui("evaluate", "latest", "--as-published", "--now", *given)
    assert "ranked with the published fid 63.24" in ranked.stderr and "not ranked" not in ranked.stderr
    assert "real_activations.npy@" in ranked.stdout and "labels uniform over 144 combinations" in ranked.stdout
    other = gentui("evaluate", "latest", "--as-published", "--now", "--labels", str(conditions))
    assert "not ranked with the published fid 63.24: labels conditions.txt@" in other.stderr
    assert "compared with a split of the data, not a file of statistics" in other.stderr
