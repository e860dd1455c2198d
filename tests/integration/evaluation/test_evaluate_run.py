"""A run scored again from the command line, in a process of its own: which metrics, whose weights, which images."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.settings.extractors import SHIPPED_WEIGHTS
from tests.support.engine import SMALL, events, finish, trainer
from tests.support.processes import run_python


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def trained(home) -> RunDir:
    changes = {**SMALL, "train.steps": 6, "evaluate.times": 1, "evaluate.also": ["prc"]}
    recipe = load("digits-unet").with_values(changes)
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    code, output = finish(trainer(run))
    assert code == 0, output
    return run


def evaluate(run: RunDir, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = ["-m", "engine.inference.evaluate", run.path, "--device", "cpu", *arguments]
    return run_python(*command, cwd=cwd, GENTUI_HOME=str(run.path.parents[1]))


def test_training_measures_what_the_recipe_asks_for_and_tells_one_cost(trained):
    metrics = ["fid", "precision", "recall", "label_accuracy"]
    made = events(trained, "evaluation")
    assert [(event["role"], event["metric"]) for event in made] == [
        *(("selection", metric) for metric in metrics), *(("report", metric) for metric in metrics),
    ]  # fmt: skip
    assert len({event["seconds"] for event in made[:4]}) == len({event["seconds"] for event in made[4:]}) == 1
    assert [event["best"] for event in made] == [True, *[False] * 7]


def test_every_metric_that_is_asked_for_is_printed_logged_and_written_to_the_file(trained, tmp_path):
    before, scores = len(events(trained, "evaluation")), tmp_path / "scores.json"
    done = evaluate(
        trained, "--samples", 60, "--metrics", "fid_inf,kid, isc,prc,intra_fid", "--split", "test",
        "--checkpoint", "last", "--sampler", "heun", "--scores", scores, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert rows == json.loads(scores.read_text())
    assert [row["metric"] for row in rows] == [
        "fid",
        "kid",
        "isc",
        "precision",
        "recall",
        "intra_fid",
        "fid_inf",
    ]
    assert all("test 360 · n=60" in row["protocol"] and row["checkpoint"] == "last" for row in rows)
    assert {(row["role"], row["over"], row["protocol_detail"]["noises"]) for row in rows} == {
        ("report", "3 noises", 3)
    }
    assert all(row["std"] > 0 and row["noise_seed"] == 0 for row in rows)
    told = [line for line in done.stderr.splitlines() if line.startswith("computing")]
    assert "computing kid of 60 generated and 360 real images" in told
    assert "computing the floor of kid, of real images" in told
    assert [event["value"] for event in events(trained, "evaluation")[before:]] == [
        row["value"] for row in rows
    ]


def test_noises_can_be_drawn_anew_and_labels_asked_for_as_one_likes(trained, tmp_path):
    (tmp_path / "labels.txt").write_text("3\n8\n")

    def fid(*arguments: object) -> dict:
        done = evaluate(trained, "--samples", 50, "--metrics", "fid", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]

    one, another = fid("--noises", 2), fid("--noises", 2, "--seed", 5)
    assert one["value"] != another["value"] and one["protocol_id"] == another["protocol_id"]
    assert (one["noise_seed"], another["noise_seed"]) == (0, 5)
    told = fid("--noises", 1, "--labels", tmp_path / "labels.txt")
    assert "std" not in told and told["protocol_detail"]["labels"].startswith("labels.txt@")
    (tmp_path / "labels.txt").write_text("3\ntwelve\n")
    refused = evaluate(trained, "--labels", tmp_path / "labels.txt")
    assert refused.returncode == 2 and "labels.txt:2" in refused.stderr and "Traceback" not in refused.stderr


def test_only_what_is_asked_for_is_scored_and_a_person_reads_the_deviation(trained, tmp_path):
    done = evaluate(trained, "--samples", 50, "--metrics", "kid", "--scores", tmp_path / "scores.json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("kid\t") and " ± " in line and "100 subsets of 50" in line
    (row,) = json.loads((tmp_path / "scores.json").read_text())
    assert row["std"] > 0


def test_weights_given_by_path_stand_in_the_protocol_and_follow_the_files_content(trained, tmp_path):
    mine = tmp_path / "mine.safetensors"
    state = load_file(SHIPPED_WEIGHTS / "digits-cnn.safetensors")
    ids = []
    for change in (0, 1):
        state["head.bias"] += change
        save_file(state, mine)
        done = evaluate(trained, "--samples", 40, "--weights", "mine.safetensors", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        ids.append([row["protocol_id"] for row in json.loads(done.stdout)])
    assert not {*ids[0]} & {*ids[1]}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--metrics", "fid,kidd"], 2, "names out of fid, kid"),
        (["--metrics", "isc", "--extractor", "toon-cnn"], 2, "isc needs an extractor that tells classes"),
        (["--metrics", "intra_fid", "--samples", "15"], 2, "two samples of every class: of 15"),
        (["--metrics", "prc", "--samples", "5"], 2, "at least 10 samples"),
        (["--weights", "/no/such/file"], 4, "/no/such/file"),
        (["--weights", "/"], 4, "is a directory"),
        (
            ["--extractor", "inception", "--weights", "BOMB"],
            4,
            "mine.pth does not hold the weights of Inception-v3",
        ),
        (["--weights", "BOMB"], 4, "mine.pth does not hold the weights of digits-cnn"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence_and_changes_nothing(trained, tmp_path, arguments, code, says):
    marker, bomb = tmp_path / "ran", tmp_path / "mine.pth"

    class Payload:
        def __reduce__(self):
            return (Path.touch, (marker,))

    bomb.write_bytes(pickle.dumps(Payload(), 2))
    before, scores = len(events(trained, "evaluation")), tmp_path / "scores.json"
    given = [str(bomb) if argument == "BOMB" else argument for argument in arguments]
    done = evaluate(trained, "--scores", scores, *given)
    assert done.returncode == code, done.stderr
    said = done.stderr.strip().splitlines()
    assert says in said[-1] and not any("Traceback" in line for line in said)
    assert "kidd" in done.stderr or len(said) == 1, said  # argparse adds a line of usage
    assert not marker.exists() and not scores.exists() and len(events(trained, "evaluation")) == before


def test_a_run_is_not_queued_when_the_weights_it_names_are_not_there(home, tmp_path):
    missing = tmp_path / "gone.safetensors"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gentui", "--home", str(tmp_path / "empty"), "run", "digits-unet",
         "-o", f"evaluate.weights={missing}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 4 and str(missing) in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list((tmp_path / "empty" / "runs").glob("*"))


def test_bad_weights_end_a_run_before_it_trains(home, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not weights")
    recipe = load("digits-unet").with_values({**SMALL, "evaluate.weights": str(bad)})
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    code, _ = finish(trainer(run))
    assert code == 4 and not events(run, "metrics")
    last = events(run, "status")[-1]
    assert last["status"] == "failed" and "bad.safetensors does not hold the weights" in last["reason"]
