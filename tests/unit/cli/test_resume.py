"""``gentui resume -o``: what is changed is said, shown and refused as by ``gentui run -o``."""

from __future__ import annotations

import json

import pytest

from engine.recipes.recipe import load


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch):
    monkeypatch.setattr("gentui.jobs.launching.ensure_workers", lambda *given: None)


def test_a_change_is_shown(invoke, make_run):
    run = make_run(status="stopped")
    resumed = invoke(
        "resume", "latest", "-o", "evaluate.batch_size=32", "--set", "sample.times=2", "--device", "cpu"
    )
    assert resumed.exit_code == 0, resumed.output
    assert resumed.stdout == f"{run.id}\n"
    assert load(run.recipe_path).evaluate.batch_size == 32
    assert run.read_state().status == "queued" and run.read_state().slot == "cpu"
    shown = invoke("show", "latest")
    assert "before attempt 2: evaluate.batch_size: 256 → 32; sample.times: 8 → 2" in shown.stdout
    (change,) = json.loads(invoke("show", "latest", "--json").stdout)["changes"]
    assert change["settings"] == {"evaluate.batch_size": [256, 32], "sample.times": [8, 2]}
    assert change["attempt"] == 2 and change["t"] > 1e9


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-o", "optim.lr=1"], 2, "`gentui run digits-unet -o optim.lr=1` starts a new run with it"),
        (["-o", "evaluate.samples=-5"], 2, "-o evaluate.samples=-5: evaluate.samples:"),
        (["-o", "evaluate.sample=5"], 2, "did you mean"),
        (["-o", "nothing"], 2, "is not KEY=VALUE"),
        (["--device", "abacus"], 4, "there is no device abacus"),
    ],
)
def test_what_is_refused_leaves_the_run_as_it_was(invoke, make_run, arguments, code, says):
    run = make_run(status="failed")
    held = run.recipe_path.read_bytes()
    refused = invoke("resume", "latest", *arguments)
    assert refused.exit_code == code, refused.output
    assert says in refused.stderr and "Traceback" not in refused.stderr
    assert run.recipe_path.read_bytes() == held and run.read_state().status == "failed"


def test_a_run_that_is_done_keeps_its_settings(invoke, make_run):
    make_run()
    refused = invoke("resume", "latest", "-o", "evaluate.times=1")
    assert refused.exit_code == 4 and "already finished" in refused.stderr
    assert json.loads(invoke("show", "latest", "--json").stdout)["changes"] == []
