"""``runs``, ``show``, ``logs``, ``compare``, ``leaderboard``, ``rm``, ``index``."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from gentui.index import Index
from tests.support.jobs import wait_for_status


def test_no_runs_is_said_on_stderr(invoke):
    result = invoke("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "gentui run digits-unet" in result.stderr
    assert json.loads(invoke("runs", "--json").stdout) == []


def test_runs_newest_first(invoke, make_run):
    first, second = make_run(name="one"), make_run(name="two")
    lines = invoke("runs").stdout.splitlines()
    assert lines[0].split()[:3] == ["RUN", "STATUS", "RECIPE"]
    assert [line.split()[0] for line in lines[1:]] == sorted([first.id, second.id], reverse=True)


def test_runs_as_json_have_the_published_shape(invoke, make_run):
    run = make_run(name="mine", scores=(9.0, 3.0, 5.0))
    (row,) = json.loads(invoke("runs", "--json").stdout)
    assert row["id"] == run.id
    assert {
        "id", "name", "recipe", "family", "dataset", "status", "reason", "step", "steps", "images_per_s",
        "seconds", "seed", "metrics", "evaluations",
    } <= row.keys()  # fmt: skip
    assert (row["name"], row["recipe"], row["status"]) == ("mine", "digits-unet", "done")
    assert (row["step"], row["steps"], row["seed"]) == (3, 3, 7)
    assert row["metrics"]["loss"] == 0.25
    assert [score["value"] for score in row["evaluations"]] == [9.0, 3.0, 5.0]
    assert [score["best"] for score in row["evaluations"]] == [False, True, False]
    assert {"metric", "value", "protocol", "step", "best"} <= row["evaluations"][0].keys()


def test_runs_by_status(invoke, make_run):
    done, failed = make_run(), make_run(status="failed", reason="out of memory on GPU 0 at step 3")
    assert [row["id"] for row in json.loads(invoke("runs", "--status", "failed", "--json").stdout)] == [
        failed.id
    ]
    assert done.id not in invoke("runs", "--status", "failed").stdout
    assert "out of memory on GPU 0 at step 3" in invoke("runs").stdout


def test_a_loss_that_is_no_number_is_null_in_json(invoke, make_run):
    make_run(losses=(0.5, math.nan))
    text = invoke("runs", "--json").stdout
    (row,) = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert row["metrics"]["loss"] is None


def test_show_as_json_has_the_published_shape(invoke, make_run):
    run = make_run(scores=(3.0,))
    row = json.loads(invoke("show", run.id, "--json").stdout)
    assert row["dir"] == str(run.path)
    assert row["recipe_toml"] == run.recipe_path.read_text()
    assert row["samples"] == [str(run.path / "samples" / "000003.png")]
    assert {"figures", "checkpoints", "alerts"} <= row.keys()


def test_a_run_is_found_by_id_prefix_name_and_latest(invoke, make_run):
    first = make_run(name="the-first")
    second = make_run()
    for spec, run in ((first.id, first), (second.id, second), ("the-first", first)):
        assert json.loads(invoke("show", spec, "--json").stdout)["id"] == run.id
    newest = max(first.id, second.id)
    assert json.loads(invoke("show", "latest", "--json").stdout)["id"] == newest
    common = first.id[:8]
    result = invoke("show", common)
    assert result.exit_code == 3
    assert first.id in result.stderr
    assert second.id in result.stderr


def test_show_is_readable(invoke, make_run):
    run = make_run(name="mine", scores=(3.0,))
    text = invoke("show", run.id).stdout
    for part in (
        run.id,
        "mine",
        "digits-unet",
        "done",
        "3/3",
        "3 (best)",
        "samples/000003.png",
        "loss = 0.25",
    ):
        assert part in text


def test_logs_are_what_the_trainer_printed(gentui, make_run):
    run = make_run(log="eins\nzwei · drei\n".encode())
    assert gentui("logs", run.id).stdout == "eins\nzwei · drei\n"
    assert gentui("logs", run.id, "-n", "1").stdout == "zwei · drei\n"
    assert gentui("logs", run.id, "-n", "0").stdout == ""
    assert gentui("logs", "-f", run.id).stdout == "eins\nzwei · drei\n", (
        "a run that has ended is followed to its end"
    )


def test_logs_of_a_run_without_a_log(invoke, make_run):
    run = make_run()
    run.log_path.unlink()
    assert (invoke("logs", run.id).exit_code, invoke("logs", run.id).stdout) == (0, "")


def test_compare_shows_what_differs(invoke, home, make_run):
    first, second = make_run(scores=(3.0,)), make_run(scores=(4.0,), losses=(1.0, 2.0))
    second.recipe_path.write_text(second.recipe_path.read_text().replace("lr = 0.002", "lr = 0.5"))
    text = invoke("compare", first.id, second.id).stdout
    assert "set optim.lr" in text
    assert "set model.net" not in text, "what is the same is not shown"
    data = json.loads(invoke("compare", first.id, second.id, "--json").stdout)
    assert data["settings"] == {"optim.lr": [0.002, 0.5]}
    assert [run["id"] for run in data["runs"]] == [first.id, second.id]
    assert data["metrics"]["loss"] == [0.25, 2.0]
    assert list(data["evaluations"].values()) == [[3.0, 4.0]]


def score_more(run: RunDir, *scores: tuple[int, float], metric: str = "label_accuracy") -> None:
    """Scores of a metric of which more is better."""
    writer = EventWriter(run.events_path(1))
    for step, value in scores:
        writer.emit(
            "evaluation", step=step, images=64 * step, metric=metric, value=value, lower_is_better=False,
            protocol=f"{metric} · n=500", protocol_id=metric, protocol_detail={"samples": 500}, floor=None,
            seconds=1.0, best=False,
        )  # fmt: skip
    writer.close()


def test_compare_and_leaderboard_know_where_more_is_better(invoke, make_run):
    first, second = make_run(scores=(3.0,)), make_run(scores=(4.0,))
    score_more(first, (1, 0.5), (2, 0.9), (3, math.nan), (3, 0.7))
    score_more(second, (1, 0.95), (2, 0.2))
    data = json.loads(invoke("compare", first.id, second.id, "--json").stdout)
    assert data["evaluations"]["label_accuracy (label_accuracy · n=500)"] == [0.9, 0.95]
    rows = [
        row for row in json.loads(invoke("leaderboard", "--json").stdout) if row["metric"] == "label_accuracy"
    ]
    assert [(row["rank"], row["run"], row["value"]) for row in rows if row["run"]] == [
        (1, second.id, 0.95),
        (2, first.id, 0.9),
    ]
    heads = [line for line in invoke("leaderboard").stdout.splitlines() if line.startswith("digits · ")]
    assert [("higher is better" in head, "label" in head) for head in heads] == [(False, False), (True, True)]


def test_show_tells_the_newest_of_each_figure_and_the_size_of_each_net(invoke, make_run):
    run = make_run()
    writer = EventWriter(run.events_path(1))
    for step in (1, 3):
        for name, path in (("strip", f"figures/strip-{step}.png"), ("progress", "figures/progress.gif")):
            writer.emit("figure", step=step, images=step, name=name, path=path, caption=f"{name} of {step}")
    writer.close()
    (run.path / "architecture.txt").write_text("generator: Pair, 3,576,704 parameters\n\nlayer  kind\n")
    row = json.loads(invoke("show", run.id, "--json").stdout)
    names = [figure.rpartition("/")[2] for figure in row["figures"]]
    assert names == ["strip-1.png", "strip-3.png", "progress.gif"]
    assert {name: picture["step"] for name, picture in row["pictures"].items()} == {"strip": 3, "progress": 3}
    assert row["pictures"]["progress"]["path"] == str(run.path / "figures/progress.gif")
    assert row["architecture"] == str(run.path / "architecture.txt")
    text = invoke("show", run.id).stdout
    for part in ("generator: Pair, 3,576,704 parameters", "strip-3.png", "progress of 3"):
        assert part in text
    assert "strip-1.png" not in text


def test_leaderboard_ranks_by_protocol(invoke, make_run):
    worse, better = make_run(scores=(9.0,)), make_run(scores=(3.0, 4.0))
    rows = json.loads(invoke("leaderboard", "--json").stdout)
    ranked = [row for row in rows if row["run"]]
    assert [(row["rank"], row["run"], row["value"]) for row in ranked] == [
        (1, better.id, 3.0),
        (2, worse.id, 9.0),
    ]
    assert {"dataset", "protocol", "metric", "rank", "run", "recipe", "value", "step", "reference"} <= ranked[
        0
    ].keys()
    text = invoke("leaderboard").stdout
    assert "digits · FD in digits-cnn features · 500 samples vs 1,437 training images" in text
    assert text.index(better.id) < text.index(worse.id)
    assert json.loads(invoke("leaderboard", "--dataset", "fashion-mnist", "--json").stdout) == [
        row for row in rows if row["dataset"] == "fashion-mnist"
    ]


def test_no_scores_is_said_on_stderr(invoke, make_run):
    make_run()
    result = invoke("leaderboard", "--dataset", "digits")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no scores on digits" in result.stderr


def test_rm_removes_runs_and_forgets_them(invoke, make_run, runs):
    keep, first, second = make_run(), make_run(), make_run()
    result = invoke("rm", first.id, second.id)
    assert result.exit_code == 0
    assert set(result.stdout.split()) == {first.id, second.id}
    assert [run.id for run in runs()] == [keep.id]
    assert [row["id"] for row in json.loads(invoke("runs", "--json").stdout)] == [keep.id]


def test_rm_with_one_wrong_name_removes_nothing(invoke, make_run, runs):
    run = make_run()
    result = invoke("rm", run.id, "nope")
    assert result.exit_code == 3
    assert [left.id for left in runs()] == [run.id]


def test_index_rebuild_gives_the_same_rows(invoke, home, make_run):
    make_run(scores=(3.0,))
    make_run("fashion-unet", status="failed", reason="non-finite loss for 20 steps")
    before = invoke("runs", "--json").stdout, invoke("leaderboard", "--json").stdout
    assert invoke("index", "rebuild").exit_code == 0
    assert (invoke("runs", "--json").stdout, invoke("leaderboard", "--json").stdout) == before
    (home / "index.db").unlink()
    assert (invoke("runs", "--json").stdout, invoke("leaderboard", "--json").stdout) == before


def test_a_closed_pipe_is_silence(home, make_run):
    for _ in range(3):
        make_run(log=b"line\n" * 200_000)
    for arguments in ("runs", "logs latest", "export"):
        done = subprocess.run(
            f'"{sys.executable}" -P -m gentui --home "{home}" {arguments} | head -n 1',
            shell=True, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr == "", arguments
        assert len(done.stdout.splitlines()) == 1


def test_a_run_whose_files_are_damaged_does_not_hide_the_others(invoke, home, make_run):
    good, bad = make_run(), make_run()
    for path in (bad.info_path, bad.state_path, bad.recipe_path):
        path.write_bytes(b"\x00\xff{")
    result = invoke("runs", "--json")
    assert result.exit_code == 0
    assert good.id in result.stdout
    for arguments in (["show", bad.id], ["compare", good.id, bad.id], ["export"], ["doctor"]):
        assert "Traceback" not in invoke(*arguments).output
    assert invoke("rm", bad.id).exit_code == 0


def test_rm_refuses_a_live_run(gentui, pretend, runs, home):
    started = gentui("run", pretend(steps=100_000, pause=0.01))
    assert started.returncode == 0, started.stderr
    run_id = started.stdout.strip()
    wait_for_status(RunDir(home / "runs" / run_id), "running")
    refused = gentui("rm", run_id)
    assert refused.returncode == 4
    assert run_id in refused.stderr
    stopped = gentui("stop", run_id, "--wait")
    assert (stopped.returncode, stopped.stdout.strip()) == (0, run_id)
    assert RunDir(home / "runs" / run_id).read_state().status == "stopped"
    assert gentui("rm", run_id).returncode == 0
    assert runs() == []


def test_what_the_index_knows_is_what_the_files_say(home, make_run):
    run = make_run(scores=(2.0,))
    index = Index(home)
    index.refresh(wait=5.0)
    assert index.run(run.id).reference is None
