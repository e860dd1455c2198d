"""A person's own images, from the command to the score: a real trainer and no weights from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.runs.directory import RunDir
from engine.runs.events import iter_events
from engine.settings.extractors import Inception

TINY = [
    "data.image_size=8", "data.batch_size=32", "model.channels=8", "model.multipliers=[1, 1]", "model.groups=4",
    "train.steps=6", "train.precision=fp32", "sample.steps=2", "sample.columns=2", "sample.times=1",
    "evaluate.samples=40", "evaluate.times=1",
]  # fmt: skip


@pytest.fixture
def gentui(real_gentui):
    return real_gentui


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """scikit-learn's digits as PNG files, a sub-folder for each of three classes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i in range(300):
        if (label := int(digits.target[i])) < 3:
            place = tmp_path / "mine" / "abc"[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[i] * 15).astype(np.uint8)).save(place / f"{i}.png")
    return tmp_path / "mine"


def options(folder: Path, *more: str) -> list[str]:
    chosen = ["data.dataset=imagefolder", f"data.path={folder}", *TINY, *more]
    return [word for value in chosen for word in ("-o", value)]


def test_a_labelled_folder_is_trained_and_scored_with_a_probe_of_its_own(gentui, home, folder):
    done = gentui("run", "digits-unet", "--quick", *options(folder), "--wait", "--json")
    assert done.returncode == 0, done.stderr
    sentence = (
        "inception's weights are not here: scores are made with a probe trained on the labels of imagefolder"
    )
    assert sentence in done.stderr
    run = RunDir(home / "runs" / json.loads(done.stdout)["id"])
    assert sentence in run.log_path.read_text()
    scores = {e["metric"]: e for e in iter_events(run.events_path(1)) if e["kind"] == "evaluation"}
    (file,) = (home / "cache" / "probes").glob("*.safetensors")
    digest = file.stem.rpartition("-")[2][:8]
    for metric in ("fid", "label_accuracy"):
        assert f"probe@{digest}" in scores[metric]["protocol"]
        assert scores[metric]["protocol_detail"]["extractor_hash"] == digest
    assert scores["label_accuracy"]["floor"] > 0.8
    again = gentui("evaluate", run.id, "--now", "--samples", "40", "--json")
    assert again.returncode == 0, again.stderr
    assert {row["protocol_id"] for row in json.loads(again.stdout)} == {
        s["protocol_id"] for s in scores.values()
    }


def test_a_folder_without_classes_is_refused_before_anything_is_launched(gentui, home, folder):
    done = gentui("run", "digits-unet", *options(folder / "a"))
    assert done.returncode == 4 and not done.stdout
    for part in (Inception.file, "6726825d", "evaluate.extractor", "evaluate.times=0", "classes"):
        assert part in done.stderr
    assert not list((home / "runs").glob("2*"))


def test_a_net_that_is_told_classes_is_refused_for_images_with_attributes(gentui, folder):
    images = sorted((folder / "a").iterdir())
    rows = [f"{path.name} {i % 2} {1 - i % 2}" for i, path in enumerate(images)]
    (folder / "a" / "attr.txt").write_text("\n".join(["even odd", *rows]))
    done = gentui(
        "run",
        "digits-unet",
        *options(folder / "a", "data.dataset=attribute-folder", "data.batch_size=8"),
        "--wait",
    )
    assert done.returncode == 1, done.stderr
    assert "have attributes in place of classes" in done.stderr
