"""``--quiet`` leaves data and what went wrong; ``--no-color`` is NO_COLOR; filters are those of the list of runs."""

from __future__ import annotations

import json
import os


def test_only_data_and_what_went_wrong_is_printed(invoke, make_run):
    assert "no runs yet" in invoke("runs").stderr
    assert invoke("-q", "runs").stderr == ""
    run = make_run(name="one")
    listed = invoke("--quiet", "runs")
    assert run.id in listed.stdout and listed.stderr == ""
    missing = invoke("-q", "show", "nope")
    assert missing.exit_code == 3 and "nope" in missing.stderr
    assert "no such option" in invoke("-q", "runs", "--nope").stderr.lower()
    removed = invoke("-q", "rm", run.id)
    assert (removed.stdout.strip(), removed.stderr) == (run.id, "")


def test_no_color_is_the_variable(invoke, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")  # taken back after the test
    monkeypatch.delenv("NO_COLOR")
    assert invoke("--no-color", "runs").exit_code == 0 and os.environ["NO_COLOR"]


def test_a_filter_chooses_the_runs_of_the_leaderboard(invoke, make_run):
    good, other = make_run(name="good", scores=(4.0,)), make_run(name="other", scores=(8.0,))
    both = [row["run"] for row in json.loads(invoke("leaderboard", "--json").stdout) if row["run"]]
    assert {*both} == {good.id, other.id}
    (row,) = json.loads(invoke("leaderboard", "--filter", "good", "--json").stdout)
    assert row["run"] == good.id
    assert invoke("leaderboard", "--filter", "good").stdout.count(" · ") >= 1
    mistake = invoke("leaderboard", "--filter", "nope>1")
    assert mistake.exit_code == 2 and "--filter" in mistake.stderr
