"""``run`` with several recipes: one command queues them all, waits, and prints a table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from engine.recipes import recipe as recipes
from engine.runs.directory import RunDir, list_runs
from tests.support.waiting import wait_for


@pytest.fixture
def menu(environment, tmp_path):
    """Puts recipes into the menu whose pretended training behaves as told: their names."""

    def write(**plans: dict) -> list[str]:
        folder = tmp_path / "config" / "recipes"
        folder.mkdir(parents=True, exist_ok=True)
        for order, (name, plan) in enumerate(plans.items()):
            values = {"name": name, "order": 900 + order, "summary": json.dumps(plan)}
            made = recipes.load("digits-unet").model_copy(update=values)
            (folder / f"{name}.toml").write_text(made.to_toml())
        environment["GENTUI_CONFIG"] = str(tmp_path / "config")
        return list(plans)

    return write


def columns(text: str) -> dict[str, list[str]]:
    lines = text.splitlines()
    return {line.split()[0]: line.split() for line in lines}


def test_several_recipes_are_queued_and_their_ids_printed(gentui, menu, home):
    menu(toy2={"steps": 2}, toy1={"steps": 2})
    done = gentui("run", "toy1", "toy2", "--name", "both", "--seed", "3")
    assert done.returncode == 0, done.stderr
    runs = [RunDir(home / "runs" / name) for name in done.stdout.split()]
    assert [run.info()["recipe"] for run in runs] == ["toy1", "toy2"], "in the order they were named"
    assert {run.info()["name"] for run in runs} == {"both"}
    assert {run.info()["seed"] for run in runs} == {3}
    assert "queued 2 runs" in done.stderr


def test_a_pattern_waits_for_all_it_matches_and_prints_a_table(gentui, menu, home):
    menu(toy_b={"steps": 12}, toy_a={"steps": 7})
    done = gentui("run", "toy_*", "--wait")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["RECIPE", "STATUS", "STEPS", "SECONDS", "LOSS", "SCORE", "DATA", "RUN"]
    assert [line.split()[0] for line in lines[1:]] == ["toy_b", "toy_a"], "in the menu's order"
    row = columns(done.stdout)["toy_a"]
    assert row[1:3] == ["done", "7"] and float(row[4]) == pytest.approx(1 / 7, rel=1e-3)
    assert row[5] == "digits" and (home / "runs" / row[6]).is_dir()
    assert "2 of 2 runs done" in done.stderr
    assert "\r" not in done.stderr and "1/2 toy_b done" in done.stderr


def test_one_that_fails_is_exit_code_1_and_the_others_go_on(gentui, menu):
    menu(toy1={"steps": 20, "fail": 3}, toy2={"steps": 4})
    done = gentui("run", "toy1", "toy2", "--wait")
    assert done.returncode == 1
    table = columns(done.stdout)
    assert table["toy1"][1] == "failed" and table["toy2"][1] == "done"
    assert "made to fail at step 3" in done.stdout
    assert "1 of 2 runs done" in done.stderr


def test_several_as_json_are_a_list_of_what_one_is(gentui, menu, home):
    menu(toy1={"steps": 3}, toy2={"steps": 4})
    result = json.loads(gentui("run", "toy?", "--wait", "--json").stdout)
    assert [(row["recipe"], row["status"], row["steps"]) for row in result] == [
        ("toy1", "done", 3),
        ("toy2", "done", 4),
    ]
    for row in result:
        assert {"id", "status", "reason", "dir", "exit_code", "steps", "seconds"} <= row.keys()
        assert row["dir"] == str(home / "runs" / row["id"])
    (alone,) = json.loads(gentui("run", "toy1*", "--wait", "--json").stdout)
    assert alone["recipe"] == "toy1", "a pattern gives a list, however many it matches"


def test_a_recipe_named_twice_runs_once(gentui, menu, home):
    menu(toy1={"steps": 1}, toy2={"steps": 1})
    gentui("run", "toy1", "toy*", "toy2", "--wait")
    assert sorted(run.info()["recipe"] for run in list_runs(home)) == ["toy1", "toy2"]


def test_all_means_every_recipe_of_the_menu(invoke, home, monkeypatch):
    from gentui import jobs

    queued = []

    def launch(home, recipe, **options):
        queued.append(recipe)
        return RunDir(home / "runs" / f"{len(queued)}")

    monkeypatch.setattr(jobs, "launch", launch)
    result = invoke("run", "all", "--quick")
    assert result.exit_code == 0, result.output
    assert [recipe.name for recipe in queued] == [recipe.name for recipe in recipes.menu()[0]]
    assert all(recipe.is_quick for recipe in queued)


def test_what_is_wrong_with_any_is_said_at_once_and_nothing_starts(gentui, menu, home):
    menu(toy1={"steps": 1}, toy2={"steps": 1})
    done = gentui("run", "toy1", "toy2", "-o", "optim.lrr=1")
    assert done.returncode == 2
    assert "optim.lrr" in done.stderr
    assert gentui("run", "toy1", "toy-none-*").returncode == 3
    assert gentui("run", "toy1", "nope").returncode == 3
    assert list_runs(home) == []


def test_missing_data_is_said_once_with_all_that_need_it_and_nothing_starts(invoke, home, monkeypatch):
    from engine.settings.datasets.published import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "locate", classmethod(lambda cls: None))
    result = invoke("run", "fashion-resnet-*", "digits-unet")
    assert result.exit_code == 4
    assert result.stderr.count("gentui data fetch fashion-mnist") == 1
    assert "fashion-resnet-basic, fashion-resnet-noise" in result.stderr
    assert list_runs(home) == []


def test_ctrl_c_while_waiting_for_several_leaves_them_going(environment, menu, home, gentui):
    menu(toy1={"steps": 100_000, "pause": 0.01}, toy2={"steps": 3})
    watching = subprocess.Popen(
        [sys.executable, "-P", "-m", "gentui", "run", "toy1", "toy2", "--wait"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: [run.read_state().status for run in list_runs(home)] == ["running", "queued"])
    os.killpg(watching.pid, signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 130, err
    assert "the runs continue" in err and "Traceback" not in err
    assert columns(out)["toy2"][1] == "queued"
    first = list_runs(home)[0]
    assert first.is_alive()
    gentui("stop", first.id, "--wait")
