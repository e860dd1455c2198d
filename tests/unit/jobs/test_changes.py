"""Settings that are changed when a run is resumed: rewritten whole, recorded, and shown."""

from __future__ import annotations

import json

import pytest

from engine.recipes.recipe import MissingData, RecipeError, load
from engine.runs.directory import RunDir, State
from gentui import jobs
from gentui.index import Index
from gentui.jobs.changes import Change, changes_of


@pytest.fixture
def ended(home, monkeypatch):
    """Makes a run that has ended; nothing that is queued starts."""
    monkeypatch.setattr("gentui.jobs.launching.ensure_workers", lambda *given: None)

    def make(status: str = "stopped", **fields) -> RunDir:
        recipe = load("digits-unet")
        info = {"name": "", "recipe": recipe.name, "dataset": recipe.dataset, "device": "cpu"}
        state = State(status=status, attempt=1, **fields)  # type: ignore[arg-type]
        return RunDir.create(home, recipe.to_toml(), info, state)

    return make


@pytest.mark.parametrize("status", ["stopped", "failed", "interrupted", "lost"])
def test_a_resumed_run_takes_new_settings(home, ended, status):
    run = ended(status)
    before = load(run.recipe_path)
    jobs.resume(home, run.id, overrides=["evaluate.batch_size=32", "sample.times=2"])
    assert run.read_state().status == "queued"
    after = load(run.recipe_path)
    assert (after.evaluate.batch_size, after.sample.times) == (32, 2)
    assert after.optim == before.optim and after.train == before.train
    (change,) = changes_of(run)
    assert (change.attempt, change.settings["evaluate.batch_size"]) == (2, [before.evaluate.batch_size, 32])
    assert change.lines == ["evaluate.batch_size: 256 → 32", "sample.times: 8 → 2"]
    index = Index(home)
    index.refresh(wait=5.0)
    assert index.run(run.id).settings["evaluate.batch_size"] == 32


def test_changes_add_up_and_what_is_the_same_is_none(home, ended):
    run = ended()
    for value in (32, 32, 16):
        jobs.resume(home, run.id, overrides=[f"evaluate.batch_size={value}"])
        run.write_state(State(status="stopped", attempt=2))
    assert [change.settings for change in changes_of(run)] == [
        {"evaluate.batch_size": [256, 32]}, {"evaluate.batch_size": [32, 16]},
    ]  # fmt: skip


def test_what_cannot_be_changed_changes_nothing(home, ended, monkeypatch, tmp_path):
    run = ended()
    held = {path: path.read_bytes() for path in (run.recipe_path, run.info_path, run.state_path)}
    with pytest.raises(RecipeError, match=r"optim\.lr: is part of the experiment"):
        jobs.resume(home, run.id, overrides=["evaluate.times=1", "optim.lr=1"])
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    with pytest.raises(MissingData, match="inception"):
        jobs.resume(home, run.id, overrides=["evaluate.extractor=inception"])
    with pytest.raises(jobs.JobError, match="there is no device cuda:99"):
        jobs.resume(home, run.id, overrides=["evaluate.times=1"], device="cuda:99")
    assert {path: path.read_bytes() for path in held} == held


@pytest.mark.parametrize("status", ["running", "queued", "done"])
def test_a_run_that_has_not_ended_early_keeps_its_settings(home, ended, status):
    run = ended(status)
    held = run.recipe_path.read_bytes()
    with pytest.raises(jobs.JobError, match="already"):
        jobs.resume(home, run.id, overrides=["evaluate.times=1"])
    assert run.recipe_path.read_bytes() == held and changes_of(run) == []


def test_another_device_is_where_it_continues(home, ended):
    run = ended(slot="cuda:3", extra={"asked": "cuda:3"})
    jobs.resume(home, run.id, device="cpu")
    assert (run.read_state().slot, run.read_state().extra, run.read_state().attempt) == (
        "cpu",
        {"asked": "cpu"},
        1,
    )


def test_a_broken_run_json_is_named(home, ended):
    run = ended()
    run.info_path.write_text("{")
    with pytest.raises(jobs.JobError, match=r"its run\.json is not readable"):
        jobs.resume(home, run.id, overrides=["evaluate.times=1"])
    assert run.read_state().status == "stopped"


@pytest.mark.parametrize(
    "stored",
    [3, {"t": 1}, [3], [{"t": "x", "attempt": 1, "settings": {}}], [{"t": 1.0, "attempt": 1, "settings": []}]],
)
def test_records_that_are_malformed_are_left_out(home, ended, stored):
    run = ended()
    run.update_info(changes=stored)
    assert changes_of(run) == []
    run.update_info(changes=[{"t": 1.0, "attempt": 2, "settings": {"a.b": [1, None], "c.d": 3}}])
    assert changes_of(run) == [Change(1.0, 2, {"a.b": [1, None]})]
    assert changes_of(run)[0].lines == ["a.b: 1 → unset"]
    assert json.loads(run.info_path.read_bytes())["recipe"] == "digits-unet"
