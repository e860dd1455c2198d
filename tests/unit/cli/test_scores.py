"""Scores as the command line prints and exports them: every ± with what it is over, selections marked."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from engine.runs.directory import RunDir
from engine.runs.events import EventWriter
from gentui.cli.progress import _what_came_of
from gentui.index import Index
from gentui.runs.scores import MARK, SELECTION_CAPTION
from tests.support.cli import PROTOCOL

DETAIL = {**PROTOCOL["protocol_detail"], "labels": "as in the data", "precision": "bf16"}
MEASURED = {"lower_is_better": True, "floor": 0.461, "floor_std": 0.03, "seconds": 2.0, "best": True}
NEW_FIELDS = {"over", "role", "floor_std", "precision", "labels", "noises", "noise_seed"}


def score(run: RunDir, value: float, role: str, step: int = 2, **told: object) -> None:
    noises = 3 if role == "report" else 1
    fields = {
        "protocol": f"fid · n=500 · labels as in the data · {noises} noises · bf16", "protocol_id": f"n{noises}",
        "protocol_detail": {**DETAIL, "noises": noises}, "role": role, "noise_seed": noises,
    }  # fmt: skip
    if role == "report":
        fields |= {"std": 0.22, "over": "3 noises"}
    writer = EventWriter(run.events_path(1))
    writer.emit(
        "evaluation", step=step, images=64 * step, metric="fid", value=value, **{**MEASURED, **fields, **told}
    )
    writer.close()


@pytest.fixture
def reported(make_run) -> RunDir:
    run = make_run(name="finished")
    score(run, 2.65, "selection")
    score(run, 3.03, "report")
    return run


@pytest.fixture
def selected(make_run) -> RunDir:
    run = make_run(name="given up", status="stopped")
    score(run, 2.5, "selection")
    return run


def test_the_leaderboard_prints_what_each_spread_is_over(invoke, reported, selected):
    text = invoke("leaderboard", "--dataset", "digits").stdout
    lines = {
        line.split()[-2] + " " + line.split()[-1]: line for line in text.splitlines() if "digits-unet" in line
    }
    assert re.search(r"3\.03 ± 0\.22 +3 noises .*0\.461 ± 0\.030 +bf16", text)
    assert f"2.5{MARK}" in lines["given up"] and "noises" not in lines["given up"]
    assert SELECTION_CAPTION in text and "real images: what real test images score" in text
    assert text.index("3.03 ± 0.22") < text.index("chose the checkpoint") < text.index(f"2.5{MARK}"), (
        "never in one ranking"
    )


def test_the_leaderboard_as_json_tells_role_spread_and_conditions(invoke, reported, selected):
    rows = {row["name"]: row for row in json.loads(invoke("leaderboard", "--json").stdout) if row["run"]}
    report = {key: rows["finished"][key] for key in ("value", "std", "rank", *sorted(NEW_FIELDS))}
    assert report == {
        "value": 3.03, "std": 0.22, "rank": 1, "over": "3 noises", "role": "report", "floor_std": 0.03,
        "precision": "bf16", "labels": "as in the data", "noises": 3, "noise_seed": 3,
    }  # fmt: skip
    selection = rows["given up"]
    assert (selection["value"], selection["role"], selection["std"], selection["rank"]) == (
        2.5,
        "selection",
        None,
        1,
    )


def test_an_old_score_is_as_it_was_and_says_nothing_new(invoke, make_run):
    make_run(scores=(9.0, 3.0))
    (row,) = [row for row in json.loads(invoke("leaderboard", "--json").stdout) if row["run"]]
    assert (row["value"], row["std"], row["floor"], row["protocol"]) == (3.0, None, 1.5, PROTOCOL["protocol"])
    assert {key: row[key] for key in NEW_FIELDS} == {
        "over": "", "role": "", "floor_std": None, "precision": "fp32", "labels": "", "noises": None, "noise_seed": None
    }  # fmt: skip
    (line,) = [line for line in invoke("leaderboard").stdout.splitlines() if "digits-unet" in line]
    assert "±" not in line and MARK not in line


def test_show_tells_selections_and_reports_apart(invoke, reported):
    text = invoke("show", reported.id).stdout
    assert "FD · digits-cnn 3.03 ± 0.22 over 3 noises report at step 2, real images 0.461 ± 0.030: fid" in text
    assert f"FD · digits-cnn 2.65{MARK} selection (best) at step 2, real images" in text
    scores = json.loads(invoke("show", reported.id, "--json").stdout)["evaluations"]
    assert [(one["role"], one["value"], one["over"], one["best"]) for one in scores] == [
        ("selection", 2.65, "", True), ("report", 3.03, "3 noises", True)
    ]  # fmt: skip
    assert scores[0].keys() >= NEW_FIELDS


def test_lists_of_runs_mark_a_score_that_only_selected(invoke, reported, selected):
    listed = invoke("runs")
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert "fid 3.03 ± 0.22 " in lines[reported.id] and f"fid 2.5{MARK} " in lines[selected.id]
    assert SELECTION_CAPTION in listed.stderr


def test_compare_holds_reports_against_reports_and_selections_against_selections(invoke, reported, selected):
    data = json.loads(invoke("compare", reported.id, selected.id, "--json").stdout)
    assert list(data["evaluations"].values()) == [[2.65, 2.5], [3.03, None]]
    report = next(row for key, row in data["scores"].items() if "selection" not in key)
    assert (report[0]["std"], report[0]["over"], report[1]) == (0.22, "3 noises", None)
    table = invoke("compare", reported.id, selected.id)
    assert "3.03 ± 0.22" in table.stdout and f"2.65{MARK}" in table.stdout
    assert "± over 3 noises" in table.stderr
    assert SELECTION_CAPTION in table.stderr


def test_compare_leaves_out_selections_of_runs_that_all_have_a_report(invoke, reported, make_run):
    other = make_run()
    score(other, 2.0, "selection")
    score(other, 3.5, "report")
    data = json.loads(invoke("compare", reported.id, other.id, "--json").stdout)
    assert list(data["evaluations"].values()) == [[3.03, 3.5]]


def test_exports_hold_the_report_with_its_conditions(invoke, reported, selected):
    rows = {
        row["name"]: row for row in csv.DictReader(io.StringIO(invoke("export").stdout)) if row["kind"] == "run"
    }
    row = rows["finished"]
    assert (row["value"], row["std"], row["over"], row["role"]) == ("3.03", "0.22", "3 noises", "report")
    assert (row["floor"], row["floor_std"], row["precision"], row["labels"]) == (
        "0.461",
        "0.03",
        "bf16",
        "as in the data",
    )
    assert (row["noises"], row["noise_seed"]) == ("3", "3")
    assert (rows["given up"]["value"], rows["given up"]["role"]) == ("2.5", "selection")


@pytest.mark.parametrize("format", ["md", "html", "latex"])
def test_tables_for_people_say_what_a_spread_is_over_and_mark_selections(invoke, reported, selected, format):
    text = invoke("export", "-f", format).stdout
    spread, mark = (r"$\pm$", r"$\dagger$") if format == "latex" else ("±", MARK)
    for part in (
        f"3.03 {spread} 0.22",
        f"{spread} over",
        "3 noises",
        f"2.5{mark}",
        f"0.461 {spread} 0.030",
        "Real images",
    ):
        assert part in text, part
    assert "selected on one noise" in text and "what real test images score" in text


def test_a_report_of_runs_says_what_its_spreads_are_over(invoke, reported, selected, tmp_path):
    assert invoke("report", reported.id, "-o", str(tmp_path / "report")).exit_code == 0
    for page in ("index.html", "report.md"):
        text = (tmp_path / "report" / page).read_text()
        for part in (
            "3.03 ± 0.22 (report)",
            "± over",
            "3 noises",
            "0.461 ± 0.03",
            f"2.5{MARK}",
            "selected on one noise",
        ):
            assert part in text, (page, part)


def test_who_waits_for_a_run_is_told_its_scores_and_what_to_do_next(make_run, home):
    run = make_run(scores=(4.0, 2.5))
    Index(home).refresh()
    score, next_step = _what_came_of(home, run.id)
    assert score == "FD · digits-cnn 2.5 at step 2, real images 1.5"
    assert f"`gentui show {run.id}`" in next_step and f"`gentui open {run.id}`" in next_step
