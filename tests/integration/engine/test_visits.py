"""Figures, scores and examinations that fail: the run ends as if nobody had looked."""

from __future__ import annotations

import shutil
import signal

import pytest

from engine.recipes.recipe import load
from engine.recipes.resume_options import changed_recipe
from engine.runs.directory import RunDir, State
from engine.settings import registry
from engine.training import checkpoint
from tests.support.engine import (
    SIXTY_STEPS,
    assert_same,
    events,
    finish,
    small_run,
    trainer,
    trainer_stopped_at,
    wait_for_step,
)


def complete(run: RunDir) -> None:
    code, output = finish(trainer(run))
    assert code == 0, output
    assert events(run, "status")[-1]["status"] == "done"


def alerts(run: RunDir) -> list[tuple[str, int]]:
    return [(event["name"], event["step"]) for event in events(run, "alert")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> RunDir:
    """The same run with nothing to score and hardly a sample drawn. Nobody changes it."""
    values = {**SIXTY_STEPS, "sample.times": 1, "evaluate.times": 0, "health.alarms": False}
    home = tmp_path_factory.mktemp("undisturbed")
    run = small_run(home, **{key.replace(".", "__"): value for key, value in values.items()})
    complete(run)
    return run


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("memory", "out of memory"),
        ("allocation", "out of memory"),
        ("bug", "ValueError: no score of 1 can be made"),
    ],
)
def test_scores_that_fail_are_an_alarm_and_the_run_reaches_the_same_weights(failing, undisturbed, fault, says):
    run = failing(fault=fault)
    complete(run)
    assert alerts(run) == [("scores", 30), ("report", 60)]  # at step 60 the same is not said again
    first = events(run, "alert")[0]
    assert first["sentence"] == f"Computing the scores of step 30 failed: {says}."
    assert first["cause"] and f"gentui resume {run.id} -o evaluate." in first["remedy"]
    assert "gentui evaluate" in first["remedy"]
    assert_same(checkpoint.load_weights(run), checkpoint.load_weights(undisturbed))
    assert checkpoint.load_state(run)["step"] == 60 and not checkpoint.exists(run, "best")


def test_out_of_memory_the_batch_is_halved_and_the_scores_are_made(failing, tmp_path):
    run = failing(fault="memory", fits=16)
    complete(run)
    assert (tmp_path / "log").read_text().splitlines() == [
        "score 64", "score 32", "score 16", "score 16", "report 16",
    ]  # fmt: skip
    assert alerts(run) == [("memory", 30)]
    assert "16 images at once" in events(run, "alert")[0]["sentence"]
    assert [(e["step"], e["role"]) for e in events(run, "evaluation")] == [
        (30, "selection"), (60, "selection"), (best_step(run), "report"),
    ]  # fmt: skip


def best_step(run: RunDir) -> int:
    return checkpoint.load_state(run, "best")["step"]


def test_a_score_that_kills_the_process_is_tried_twice_and_then_left_out(failing, undisturbed, tmp_path):
    run = failing(fault="kill", spares="report")
    for _ in range(2):
        code, output = finish(trainer(run))
        assert code == -signal.SIGKILL, output
        assert checkpoint.load_state(run)["step"] == 30
    code, output = finish(trainer(run))  # on to the next score, which it tries once
    assert code == -signal.SIGKILL, output
    assert checkpoint.load_state(run)["step"] == 60
    complete(run)
    assert alerts(run) == [("scores", 30)]
    assert "the process was killed in it 2 times" in events(run, "alert")[0]["sentence"]
    assert (tmp_path / "log").read_text().split()[::2] == ["score"] * 3 + ["report"]
    assert_same(checkpoint.load_weights(run), checkpoint.load_weights(undisturbed))


def test_a_kill_that_was_chance_costs_no_score(failing):
    run = failing(fault="kill", kills=1, spares="report")
    assert finish(trainer(run))[0] == -signal.SIGKILL
    complete(run)
    assert alerts(run) == []
    assert [e["step"] for e in events(run, "evaluation")][:2] == [30, 60]
    assert [e["step"] for e in events(run, "sample")] == [30, 60]  # drawn before the kill, and not again


def test_a_figure_that_raises_is_an_alarm_and_the_others_are_drawn(failing, undisturbed):
    run = failing(figure=True, values={"evaluate.times": 0})
    complete(run)
    assert alerts(run) == [("figure", 30)]
    assert "KeyError: 'no such key'" in events(run, "alert")[0]["sentence"]
    assert [e["step"] for e in events(run, "sample")] == [30, 60]
    assert [e["name"] for e in events(run, "figure")] == ["strip", "real", "strip"]
    assert_same(checkpoint.load_weights(run), checkpoint.load_weights(undisturbed))


def test_weights_of_the_extractor_that_vanish_between_attempts_cost_the_scores_alone(make_run, tmp_path):
    published = registry.find("extractor", "digits-cnn")
    weights = tmp_path / "weights.pth"
    shutil.copyfile(published(extractor="digits-cnn").location(), weights)
    run = make_run(train__steps=60, evaluate__extractor="digits-cnn", evaluate__weights=str(weights))
    assert finish(trainer_stopped_at(run, 33))[0] == 0
    weights.unlink()
    complete(run)
    assert [name for name, _ in alerts(run)] == ["scores"]
    said = events(run, "alert")[0]
    assert "weights.pth" in said["sentence"] and "evaluate.times=0" in said["remedy"]
    assert {e["step"] for e in events(run, "evaluation")} == {30}


def test_a_run_resumed_with_other_settings_of_its_visits_reaches_the_same_weights(make_run, undisturbed):
    run = make_run(**{key.replace(".", "__"): value for key, value in SIXTY_STEPS.items()})
    assert finish(trainer_stopped_at(run, 33))[0] == 0
    stopped_at = checkpoint.load_state(run)["step"]
    assert stopped_at == 33
    settings = [
        "sample.times=12",
        "evaluate.samples=20",
        "evaluate.times=1",
        "train.keep=3",
        "health.alarms=false",
    ]
    recipe, changes = changed_recipe(run.recipe_path, settings)
    assert len(changes) == 5
    run.recipe_path.write_text(recipe.to_toml())
    complete(run)
    later = [step for step in range(5, 61, 5) if step >= stopped_at]
    assert [e["step"] for e in events(run, "sample")] == [30, *later]  # what has been passed stays passed
    scored = [
        (e["step"], e["protocol_detail"]["samples"]) for e in events(run, "evaluation") if e["metric"] == "fid"
    ]
    assert scored == [
        (30, 40),
        (60, 20),
        (60, 20),
    ]  # another protocol begins anew: the best is of its own scores
    assert run.kept_steps() == [step for step in (20, 40, 60) if step >= stopped_at]
    assert_same(checkpoint.load_weights(run), checkpoint.load_weights(undisturbed))


# -- the report -----------------------------------------------------------------------------------------------


def test_the_report_is_made_of_the_best_checkpoint_and_the_last_stays(failing, undisturbed):
    run = failing(fault="")
    complete(run)
    *selections, report = events(run, "evaluation")
    assert [e["role"] for e in selections] == ["selection", "selection"]
    assert report["role"] == "report" and not report["best"]
    best = max(selections, key=lambda e: e["value"])
    assert (report["step"], report["images"]) == (best["step"], 32 * best["step"])
    assert report["value"] == best["value"]  # the weights in use were those of that checkpoint
    assert_same(checkpoint.load_weights(run), checkpoint.load_weights(undisturbed))


def test_a_run_killed_in_its_report_makes_it_when_resumed(failing):
    run = failing(fault="kill", kills=1, spares="score")
    assert finish(trainer(run))[0] == -signal.SIGKILL
    complete(run)
    assert [e["role"] for e in events(run, "evaluation")] == ["selection", "selection", "report"]
    complete(run)  # and not once more
    assert [e["role"] for e in events(run, "evaluation")] == ["selection", "selection", "report"]


def test_a_report_that_always_kills_the_process_is_left_out(failing):
    run = failing(fault="kill", spares="score")
    for _ in range(2):
        assert finish(trainer(run))[0] == -signal.SIGKILL
    complete(run)
    assert [name for name, _ in alerts(run)] == ["report"]


@pytest.mark.parametrize("spared", ["score", "report"])
def test_a_stop_ends_scores_and_the_report_and_counts_as_no_kill(failing, spared, tmp_path):
    run = failing(fault="stop", spares=spared, kills=3)
    for _ in range(3):
        code, output = finish(trainer(run))
        assert code == 0, output
        assert events(run, "status")[-1]["status"] == "stopped"
    complete(run)
    assert alerts(run) == []
    assert [e["role"] for e in events(run, "evaluation")] == ["selection", "selection", "report"]
    assert [e["step"] for e in events(run, "sample")] == [30, 60]


# -- the budget -----------------------------------------------------------------------------------------------


def test_a_score_that_the_budget_leaves_out_is_said_once(failing):
    run = failing(values={"evaluate.times": 6, "evaluate.budget": 1e-9})
    complete(run)
    assert [e["step"] for e in events(run, "evaluation") if e["role"] == "selection"] == [10, 60]
    (alert,) = events(run, "alert")
    assert (alert["name"], alert["severity"], alert["step"]) == ("budget", "info", 20)
    assert "evaluate.budget" in alert["remedy"]


# -- weights that are not finite ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quick", "tensor", "reason"),
    [
        (False, "running_var of model", "non-finite loss for 20 steps"),
        (True, "exp_avg_sq of optimizer", "is not finite since step"),  # the loss stays finite to the end
    ],
)
def test_tensors_that_are_not_finite_never_reach_a_checkpoint(tmp_path, quick, tensor, reason):
    settings = ["optim.lr=1", "train.precision=fp32", "train.checkpoint_minutes=1e-6", "evaluate.times=0"]
    recipe = load("digits-vae", settings, quick=quick)
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": recipe.name}, State())
    code, output = finish(trainer(run))
    assert code == 1, output
    (alarm,) = [event for event in events(run, "alert") if event["name"] == "non-finite-weights"]
    assert tensor in alarm["sentence"] and alarm["severity"] == "error" and alarm["remedy"]
    assert reason in events(run, "status")[-1]["reason"]
    losses = {
        event["step"]: event["values"]["loss"] for event in events(run, "metrics") if "loss" in event["values"]
    }
    assert losses[alarm["began"]] < float("inf")
    weights, state = checkpoint.load(run)
    assert state["step"] < alarm["began"]
    assert set(weights) == {"model", "ema"}
    for net in weights.values():
        assert all(tensor.isfinite().all() for tensor in net.values() if tensor.is_floating_point())


def test_a_run_that_stops_with_such_weights_says_which_checkpoint_it_has(tmp_path):
    recipe = load("digits-vae", ["optim.lr=1", "train.precision=fp32", "train.checkpoint_minutes=1e-6",
                                 "train.non_finite_limit=100000000", "train.steps=1000000"], quick=True)  # fmt: skip
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": recipe.name}, State())
    process = trainer(run)
    wait_for_step(run, process, 20)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert code == 0, output
    last = events(run, "status")[-1]
    assert last["status"] == "stopped"
    saved = checkpoint.load_state(run)["step"]
    assert f"no checkpoint of this step could be written: the newest is of step {saved}" in last["reason"]
