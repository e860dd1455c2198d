"""Alarms, what scores cost, and runs over seeds, as the command line tells them."""

from __future__ import annotations

import json
import re

import pytest

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter

NASTY = "\x1b]52;c;b3duZWQ=\x07\x1b[2J[bold]\u202eevil[/] \x9b31m"


def alarm(
    run: RunDir, step: int, severity: str = "warning", name: str = "class-ignored", **fields: object
) -> None:
    told = {
        "sentence": "The samples do not follow their labels.", "cause": "the net is told the class once",
        "remedy": "try -o model.net=unet",
    }  # fmt: skip
    writer = EventWriter(run.events_path(1))
    writer.emit("alert", step=step, images=64 * step, severity=severity, name=name, **{**told, **fields})
    writer.close()


def measure(run: RunDir, step: int, **values: float) -> None:
    writer = EventWriter(run.events_path(1))
    writer.emit("metrics", step=step, images=64 * step, values={f"health/{k}": v for k, v in values.items()})
    writer.close()


def test_runs_tell_how_many_alarms_and_how_bad_the_worst_is(invoke, make_run):
    well, ill = make_run(name="well"), make_run(name="ill")
    alarm(ill, 2)
    alarm(ill, 3, "error", "non-finite")
    alarm(ill, 3, "info", "data")
    rows = {row["id"]: row for row in json.loads(invoke("runs", "--json").stdout)}
    assert (rows[ill.id]["alarms"], rows[ill.id]["worst"]) == (3, "error")
    assert (rows[well.id]["alarms"], rows[well.id]["worst"]) == (0, None)
    lines = {line.split()[0]: line for line in invoke("runs").stdout.splitlines()}
    assert "ALARMS" in lines["RUN"]
    assert "‼ 3" in lines[ill.id] and not re.search("[‼▲]", lines[well.id])


def test_show_tells_every_alarm_with_its_cause_and_what_to_try(invoke, make_run):
    run = make_run()
    alarm(run, 3, began=2)
    measure(run, 3, diversity=0.25, recall=0.5)
    text = invoke("show", run.id).stdout
    for part in (
        "▲ warning: The samples do not follow their labels. (class-ignored, since step 2)",
        "cause: the net is told the class once", "try: try -o model.net=unet", "diversity = 0.25", "recall = 0.5",
    ):  # fmt: skip
        assert part in text
    assert "health/diversity" not in text, "once, among its like"
    full = json.loads(invoke("show", run.id, "--json").stdout)
    (told,) = full["alerts"]
    assert list(told) == ["step", "began", "severity", "name", "sentence", "cause", "remedy", "t"]
    assert (told["step"], told["began"], told["severity"], told["name"]) == (3, 2, "warning", "class-ignored")
    assert full["metrics"]["health/diversity"] == 0.25
    assert (full["alarms"], full["worst"]) == (1, "warning")


def test_show_says_that_no_alarm_was_raised(invoke, make_run):
    assert "no problems found" in invoke("show", make_run().id).stdout


def test_show_tells_what_the_scores_cost(invoke, make_run):
    run, unscored = make_run(losses=(1.0, 0.5)), make_run()
    writer = EventWriter(run.events_path(2))
    common = {"images": 64, "attempt": 2}
    begun = writer.stamp("status", step=0, status="resumed", total_steps=100, **common)
    trained = writer.stamp("metrics", step=1, values={"loss": 1.0}, **common)
    scores = [
        writer.stamp("evaluation", step=step, metric=metric, value=1.0, protocol="p", protocol_id=metric, seconds=4.0,
                     **common)
        for step in (1, 50) for metric in ("fid", "kid")
    ]  # fmt: skip
    last = writer.stamp("metrics", step=100, values={"loss": 1.0}, **common)
    last["mono"] = trained["mono"] + 92
    writer.emit_many([begun, trained, *scores, last])
    writer.close()
    full = json.loads(invoke("show", run.id, "--json").stdout)
    assert full["evaluation_seconds"] == 8.0
    assert full["evaluation_share"] == pytest.approx(8 / 92, rel=0.01)
    assert "scoring: 8 s of 92 s (9 %)" in invoke("show", run.id).stdout
    assert json.loads(invoke("show", unscored.id, "--json").stdout)["evaluation_seconds"] == 0
    assert "scoring:" not in invoke("show", unscored.id).stdout


def test_what_an_alarm_says_cannot_act_on_the_terminal(invoke, make_run):
    run = make_run(scores=(3.0,))
    alarm(run, 3, "error", NASTY, sentence=NASTY, cause=f"a\nb{NASTY}", remedy=NASTY * 100)
    for command in (
        ["runs"],
        ["show", run.id],
        ["leaderboard"],
        ["compare", run.id, make_run().id],
        ["export"],
    ):
        out = invoke(*command).stdout
        assert out and not set(out) & set("\x1b\x07\x9b\u202e"), command
    assert "evil" in invoke("show", run.id).stdout


def over_seeds(make_run, *values: float, **score: object) -> list[RunDir]:
    runs = []
    for seed, value in enumerate(values):
        run = make_run("digits-unet")
        run.update_info(seed=seed)
        run.recipe_path.write_text(
            re.sub(r"(?m)^seed = .*$", f"seed = {seed}", run.recipe_path.read_text(), count=1)
        )
        writer = EventWriter(run.events_path(1))
        writer.emit(
            "evaluation", step=3, images=192,
            **{
                "metric": "fid", "value": value, "lower_is_better": True, "protocol": "fid · n=500",
                "protocol_id": "p", "protocol_detail": {"samples": 500}, "seconds": 1.0, **score,
            },
        )  # fmt: skip
        writer.close()
        runs.append(run)
    return runs


def test_the_leaderboard_sums_up_runs_that_differ_in_their_seed_alone(invoke, make_run):
    runs = over_seeds(make_run, 12.0, 12.2, 12.7)
    other = make_run("digits-cfg", scores=(3.0,))
    rows = {row["run"]: row for row in json.loads(invoke("leaderboard", "--json").stdout)}
    for run in runs:
        row = rows[run.id]
        assert (row["seeds"], row["mean"], row["std"]) == (3, pytest.approx(12.3), None)
        assert row["sd"] == pytest.approx(0.36055512754639)
    assert [rows[run.id]["rank"] for run in runs] == [1, 2, 3]
    assert (rows[other.id]["seeds"], rows[other.id]["mean"], rows[other.id]["sd"]) == (1, 3.0, None)
    text = invoke("leaderboard", "--dataset", "digits").stdout
    assert text.count("12.30 ± 0.36 (3 seeds)") == 3
    assert "1 seeds" not in text
    published = [row for row in rows.values() if row["run"] is None]
    assert all(row["seeds"] is row["mean"] is row["sd"] is None for row in published)


def test_scores_stand_with_their_standard_deviation(invoke, make_run):
    (run,) = over_seeds(make_run, 0.02, metric="kid", std=0.00123)
    assert "kid 0.0200 ± 0.0012 (best)" in invoke("show", run.id).stdout
    assert "0.0200 ± 0.0012" in invoke("leaderboard").stdout
    (row,) = [row for row in json.loads(invoke("leaderboard", "--json").stdout) if row["run"]]
    assert row["std"] == 0.00123
    assert json.loads(invoke("runs", "--json").stdout)[0]["evaluations"][0]["std"] == 0.00123


def test_the_leaderboard_flags_runs_with_alarms(invoke, make_run):
    well, ill, told = (make_run(scores=(value,)) for value in (1.0, 2.0, 3.0))
    alarm(ill, 2)
    alarm(ill, 3, "error", "non-finite")
    alarm(told, 3, "info", "data")
    rows = {row["run"]: row for row in json.loads(invoke("leaderboard", "--json").stdout)}
    assert rows[ill.id]["alarms"] == ["non-finite", "class-ignored"]
    assert rows[well.id]["alarms"] == rows[told.id]["alarms"] == []
    (line,) = [line for line in invoke("leaderboard").stdout.splitlines() if ill.id in line]
    assert "‼ non-finite, class-ignored" in line
