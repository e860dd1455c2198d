"""``evaluate`` with real processes: a job in the queue, its scores, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from gentui.jobs.job_types import EVALUATIONS, EvaluationDir
from tests.support.waiting import wait_for

GENTUI = [sys.executable, "-P", "-m", "gentui"]
LINE = "fid\t12.5  (real images 1.5)\tfid · pretended\n"


@pytest.fixture
def trained(home, pretend):
    """A run with a checkpoint, whose scoring is pretended as the keywords say."""

    def make(**scoring: object) -> RunDir:
        recipe = load(pretend(scoring=scoring))
        info = {
            "recipe": recipe.name,
            "dataset": recipe.dataset,
            "family": recipe.family,
            "title": recipe.title,
        }
        run = RunDir.create(home, recipe.to_toml(), info, State(status="done", attempt=1, slot="cpu"))
        EventWriter(run.events_path(1)).emit("status", step=10, images=80, status="done", reason="")
        (run.checkpoints / "last").mkdir()
        return run

    return make


def jobs_of(home) -> list[EvaluationDir]:
    return [EVALUATIONS.open(home / "evaluations" / name) for name in EVALUATIONS.ids(home)]


def test_it_waits_and_prints_the_scores(gentui, trained, home):
    run = trained(images=30, pause=0.02)
    done = gentui("evaluate", run.id, "--samples", "30")
    assert (done.returncode, done.stdout) == (0, LINE), done.stderr
    (job,) = jobs_of(home)
    assert done.stderr.startswith(f"queued {job.id}\n") and "evaluating" in done.stderr
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    shown = json.loads(gentui("show", run.id, "--json").stdout)
    assert [(score["metric"], score["value"]) for score in shown["evaluations"]] == [("fid", 12.5)]
    assert shown["pending"] == []


def test_json_is_what_the_engine_wrote(gentui, trained, home):
    run = trained()
    done = gentui("evaluate", run.id, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["run"], row["step"], row["metric"], row["value"], row["floor"]) == (
        run.id,
        10,
        "fid",
        12.5,
        1.5,
    )


@pytest.mark.parametrize(
    ("code", "expected"), [(2, 2), (3, 3), (4, 4), (1, 1), (5, 1)]
)  # fmt: skip
def test_the_engines_exit_code_and_sentence_are_ours(gentui, trained, code, expected):
    done = gentui("evaluate", trained(exit=code, says="ValueError: no such extractor").id)
    assert done.returncode == expected and done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last == "ValueError: no such extractor" + ("" if code in (2, 3, 4) else f" (exit code {code})")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--sampler", "huen"], "did you mean 'heun'"),
        (["--metrics", "fid,fit"], "names out of fid, kid"),
        (["--guidance", "2"], "guidance"),
        (["--now", "--no-wait"], "exclude each other"),
    ],
)
def test_a_bad_option_is_known_before_it_is_queued(gentui, trained, home, arguments, says):
    done = gentui("evaluate", trained().id, *arguments)
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr, done.stderr
    assert not (home / "evaluations").exists()


def test_without_a_checkpoint_or_a_run_nothing_is_queued(gentui, make_run, home):
    done = gentui("evaluate", make_run().id)
    assert done.returncode == 4 and "has no checkpoint yet" in done.stderr
    assert gentui("evaluate", "nope").returncode == 3
    assert not (home / "evaluations").exists()


def test_a_step_is_scored_where_its_checkpoint_was_kept(gentui, trained, home):
    run = trained()
    (run.checkpoints / "kept-000000250").mkdir()
    for command in (["evaluate", run.id], ["sample", run.id, "-o", str(home / "a.png")]):
        done = gentui(*command, "--checkpoint", "200")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
        assert "no checkpoint of step 200: choose last or 250" in done.stderr
    assert gentui("evaluate", run.id, "--checkpoint", "lst").returncode == 2
    assert gentui("evaluate", run.id, "--checkpoint", "250", "--no-wait").returncode == 0
    assert jobs_of(home)[0].options() == {"checkpoint": 250}


def test_no_wait_prints_the_id_and_the_scores_come_later(gentui, pretend, trained, home, environment):
    training = gentui("run", pretend(steps=100_000, pause=0.02)).stdout.strip()
    run = trained()
    job = EvaluationDir(home / "evaluations" / gentui("evaluate", run.id, "--no-wait").stdout.strip())
    assert job.read_state().status == "queued"
    listed = gentui("runs")
    assert f"{job.id} of {run.id}: waiting: run {training} is training on cpu" in listed.stderr
    assert job.id not in listed.stdout
    shown = gentui("show", run.id).stdout
    assert f"scoring {job.id}: waiting" in shown
    second = json.loads(gentui("evaluate", run.id, "--no-wait", "--json").stdout)
    assert (second["run"], second["status"]) == (run.id, "queued")
    stopped = gentui("stop", second["id"])
    assert stopped.returncode == 0 and "queues it again" in stopped.stderr
    assert gentui("rm", second["id"]).stdout == f"{second['id']}\n"
    assert not (home / "evaluations" / second["id"]).exists()
    gentui("stop", training)
    wait_for(lambda: job.read_state().status == "done")
    assert "5/5 images" in gentui("logs", job.id).stdout
    assert gentui("resume", job.id).returncode == 4


def test_while_it_waits_it_says_for_what(gentui, pretend, trained, environment):
    training = gentui("run", pretend(steps=100_000, pause=0.02)).stdout.strip()
    process = subprocess.Popen(
        [*GENTUI, "evaluate", trained().id], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline() + process.stderr.readline()
    assert f"waiting: run {training} is training on cpu" in said
    assert gentui("stop", training).returncode == 0
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, LINE), error


def test_ctrl_c_leaves_it_in_the_queue(trained, home, environment):
    run = trained(images=100, pause=0.02)
    command = [*GENTUI, "evaluate", run.id]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    job = wait_for(lambda: next(iter(jobs_of(home)), None))
    wait_for(lambda: job.read_state().pid)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=30)
    assert process.returncode == 130 and output == ""
    assert f"{job.id} stays in the queue; `gentui stop {job.id}` removes it" in error
    wait_for(lambda: job.read_state().status == "done")


@pytest.mark.parametrize(("how", "says"), [("kill", "killed by signal 9"), ("stop", "stopped: ")])
def test_one_that_is_killed_or_stopped_meanwhile_exits_1(gentui, trained, home, environment, how, says):
    run = trained(images=1000, pause=0.02)
    process = subprocess.Popen(
        [*GENTUI, "evaluate", run.id],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    job = wait_for(lambda: next(iter(jobs_of(home)), None))
    pid = wait_for(lambda: job.read_state().pid)
    if how == "kill":
        os.kill(pid, signal.SIGKILL)
    else:
        assert gentui("stop", job.id, "--wait").returncode == 0
    output, error = process.communicate(timeout=30)
    assert process.returncode == 1 and output == "" and says in error.splitlines()[-1]


def test_a_stopped_one_is_queued_again_and_waited_for(gentui, trained, home):
    job = gentui("evaluate", trained().id, "--no-wait").stdout.strip()
    wait_for(lambda: EvaluationDir(home / "evaluations" / job).read_state().ended)
    EvaluationDir(home / "evaluations" / job).scores_path.unlink()
    EvaluationDir(home / "evaluations" / job).write_state(State(status="stopped", attempt=1))
    done = gentui("resume", job, "--wait")
    assert (done.returncode, done.stdout) == (0, LINE)


def test_now_scores_beside_what_is_running_without_the_queue(home, invoke, monkeypatch, trained):
    run = trained()
    seen = []

    def run_engine(module, found, options, *flags):
        seen.append((module, found.id, {k: v for k, v in options.items() if v is not None}, flags))
        return 0

    monkeypatch.setattr("gentui.cli.commands.evaluate.run_engine", run_engine)
    result = invoke("evaluate", run.id, "--now", "--samples", "20", "--metrics", " fid , kid", "--json")
    assert result.exit_code == 0, result.output
    assert seen == [("evaluate", run.id, {"samples": 20, "metrics": "fid,kid"}, ("--json",))]
    assert not (home / "evaluations").exists()


def test_noises_their_seed_and_the_labels_are_passed_on_and_files_by_their_whole_path(
    gentui, trained, home, tmp_path
):
    run = trained()
    (tmp_path / "mine.txt").write_text("3\n")
    chosen = ("--noises", "5", "--seed", "2")
    for labels, passed in (("uniform", "uniform"), ("mine.txt", str(tmp_path / "mine.txt"))):
        done = gentui("evaluate", run.id, "--no-wait", *chosen, "--labels", labels, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        job = EvaluationDir(home / "evaluations" / done.stdout.strip())
        assert job.options() == {"noises": 5, "seed": 2, "labels": passed}


@pytest.mark.parametrize(
    "wrong",
    [("--noises", "0"), ("--noises", "x"), ("--seed", "-1"), ("--labels", "nowhere.txt"), ("--labels", "")],
)
def test_noises_and_labels_that_cannot_be_are_refused_at_once(invoke, trained, home, wrong):
    result = invoke("evaluate", trained().id, *wrong)
    assert result.exit_code == 2 and wrong[0] in result.stderr
    assert not (home / "evaluations").exists()
