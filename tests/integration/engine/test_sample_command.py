from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from engine.inference import evaluate, sample
from engine.training import checkpoint
from tests.support.engine import events


def call(main, run, *arguments) -> int:
    try:
        return main([str(run.path), "--device", "cpu", *map(str, arguments)])
    except SystemExit as leaving:
        return int(leaving.code or 0)


def test_npy_holds_uint8_images_and_equal_arguments_give_equal_bytes(trained, tmp_path):
    paths = [tmp_path / f"{i}.npy" for i in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert call(sample.main, trained, "--n", 5, "--seed", seed, "--out", path) == 0
    array = np.load(paths[0])
    assert array.shape == (5, 1, 8, 8) and array.dtype == np.uint8
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_png_is_a_grid_and_gif_the_process(trained, tmp_path):
    assert call(sample.main, trained, "--n", 10, "--out", tmp_path / "a.png") == 0
    assert call(sample.main, trained, "--n", 2, "--steps", 5, "--out", tmp_path / "a.gif") == 0
    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "a.gif") as gif:
        assert png.size == (10 * 34 + 2, 36)
        assert gif.n_frames == 6  # type: ignore[attr-defined]


def test_between_two_seeds_lie_images_whose_ends_are_those_of_the_seeds(trained, tmp_path):
    asked = ("--label", 3, "--n", 2)
    for seed in (5, 9):
        assert call(sample.main, trained, *asked, "--seed", seed, "--out", tmp_path / f"{seed}.npy") == 0
    between = (*asked, "--seed", 5, "--to-seed", 9, "--frames", 4)
    for suffix in ("npy", "png", "gif"):
        assert call(sample.main, trained, *between, "--out", tmp_path / f"way.{suffix}") == 0
    ends, way = [np.load(tmp_path / f"{name}.npy") for name in (5, 9)], np.load(tmp_path / "way.npy")
    assert way.shape == (8, 1, 8, 8)
    for found, wanted in ((way[0::4], ends[0]), (way[3::4], ends[1])):  # other batches, the same up to rounding
        assert np.abs(found.astype(int) - wanted).max() <= 1
    with Image.open(tmp_path / "way.png") as png, Image.open(tmp_path / "way.gif") as gif:
        assert png.size == (4 * 34 + 2, 2 * 34 + 2)
        assert gif.size == (2 * 34 + 2, 34 + 2) and gif.n_frames == 4  # type: ignore[attr-defined]


def test_each_image_is_followed_by_the_training_images_nearest_to_it(trained, tmp_path):
    from engine.data.dataset import open_dataset
    from engine.recipes.recipe import load

    asked = ("--n", 3, "--seed", 5)
    assert call(sample.main, trained, *asked, "--out", tmp_path / "alone.npy") == 0
    for suffix in ("npy", "png", "gif"):
        assert call(sample.main, trained, *asked, "--neighbours", 2, "--out", tmp_path / f"near.{suffix}") == 0
    alone, near = np.load(tmp_path / "alone.npy"), np.load(tmp_path / "near.npy")
    assert near.shape == (9, 1, 8, 8) and np.array_equal(near[::3], alone)
    train = open_dataset(load("digits-unet").data).train.images.numpy().reshape(-1, 64) / 255.0
    for image, *found in near.reshape(3, 3, 64) / 255.0:
        distances = np.sort(np.linalg.norm(train - image, axis=1))[:2]
        assert np.linalg.norm(np.array(found) - image, axis=1) == pytest.approx(distances, abs=1e-3)
    with Image.open(tmp_path / "near.png") as png, Image.open(tmp_path / "near.gif") as gif:
        assert png.size == gif.size == (3 * 34 + 2, 3 * 34 + 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--neighbours", "17"], "1 to 16"),
        (["--neighbours", "2", "--to-seed", "3"], "--to-seed"),
        (["--label", "nine"], "no class 'nine'"),
        (["--sampler", "huen"], "heun"),
        (["--guidance", "2"], "guidance"),
        (["--frames", "4"], "--to-seed"),
    ],
)
def test_bad_arguments_get_one_sentence_and_exit_2(trained, tmp_path, capsys, arguments, says):
    assert call(sample.main, trained, *arguments, "--out", tmp_path / "a.png") == 2
    message = capsys.readouterr().err
    assert says in message and len(message.strip().splitlines()) == 1
    assert not (tmp_path / "a.png").exists()


def test_a_run_without_a_checkpoint_says_so(make_run, tmp_path, capsys):
    assert call(sample.main, make_run(), "--out", tmp_path / "a.png") == 4
    assert "no last checkpoint" in capsys.readouterr().err


def test_evaluating_adds_scores_to_the_event_log(trained, capsys):
    before = len(events(trained, "evaluation"))
    assert call(evaluate.main, trained, "--samples", 20, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["metric"] for row in rows] == ["fid", "label_accuracy"]
    assert all("n=20" in row["protocol"] for row in rows)
    added = events(trained, "evaluation")[before:]
    assert [e["protocol_id"] for e in added] == [row["protocol_id"] for row in rows]


def test_a_run_can_be_scored_with_another_sampler_under_a_protocol_that_says_so(trained, capsys):
    arguments = ("--samples", 20, "--sampler", "dpm++", "--steps", 4, "--json")
    assert call(evaluate.main, trained, *arguments) == 0
    assert "dpm++ 4" in capsys.readouterr().out
    assert call(evaluate.main, trained, "--samples", 20, "--guidance", 0.5) == 2
    assert "not trained for guidance" in capsys.readouterr().err


def test_a_kept_checkpoint_is_asked_for_by_its_step_and_the_score_keeps_it(trained, tmp_path, capsys):
    assert trained.kept_steps() == [3, 6]
    asked = ("--n", 2, "--label", 3)
    for step in (3, 6):
        assert call(sample.main, trained, *asked, "--checkpoint", step, "--out", tmp_path / f"{step}.npy") == 0
        assert checkpoint.load_state(trained, step)["step"] == step
    assert (tmp_path / "3.npy").read_bytes() != (tmp_path / "6.npy").read_bytes()
    capsys.readouterr()
    assert call(evaluate.main, trained, "--samples", 20, "--checkpoint", 3, "--json") == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["step"], row["checkpoint"]) == (3, "3")
    event = events(trained, "evaluation")[-1]
    assert (event["step"], event["checkpoint"]) == (3, "3")


def test_a_step_that_was_not_kept_is_answered_with_those_that_were(trained, tmp_path, capsys):
    for main, more in ((sample.main, ("--out", tmp_path / "a.png")), (evaluate.main, ())):
        assert call(main, trained, "--checkpoint", 4, *more) == 3
        assert "no checkpoint of step 4: choose best, last, 3 or 6" in capsys.readouterr().err
        assert call(main, trained, "--checkpoint", "lst", *more) == 2
