"""Trainers of the same nets share one precision, which their home remembers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.runs.directory import RunDir
from tests.support.engine import events, finish, make_run, trainer

__all__ = ["make_run"]
AUTO = {"train__precision": "auto", "train__steps": 2, "evaluate__times": 0, "sample__times": 1}


def started(run: RunDir) -> dict:
    return next(event for event in events(run, "status") if event["status"] in ("started", "resumed"))


def test_two_seeds_at_once_and_one_later_train_in_one_precision(make_run, tmp_path: Path):
    first, second, later = (make_run(**AUTO, train__seed=seed) for seed in (0, 1, 2))
    processes = [trainer(first), trainer(second)]
    assert [finish(process)[0] for process in processes] == [0, 0]
    code, output = finish(trainer(later))
    assert code == 0
    [path] = (tmp_path / "precisions").iterdir()
    choice = json.loads(path.read_bytes())
    assert {started(run)["precision"] for run in (first, second, later)} == {choice["precision"]}
    assert "as chosen for these nets" in started(later)["precision_probe"]["reason"]
    assert f"{choice['precision']} (as chosen for these nets" in output
    assert choice["run"] in {first.id, second.id}


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_home_that_cannot_be_written_to_is_said_and_trains(kind, make_run, tmp_path: Path):
    folder = tmp_path / "precisions"
    if kind == "file":
        folder.touch()
    else:
        folder.mkdir(mode=0o500)
        try:
            (folder / "probe").touch()
        except OSError:
            pass
        else:
            pytest.skip("nothing is read-only to root")
    run = make_run(**AUTO)
    code, output = finish(trainer(run))
    assert code == 0, output
    assert f"not remembered, because {folder} cannot be written" in output


def test_a_run_directory_of_its_own_trains_and_leaves_nothing_beside_it(make_run, tmp_path: Path):
    run = make_run(**AUTO)
    alone = RunDir(run.path.rename(tmp_path / "alone"))
    code, output = finish(trainer(alone))
    assert code == 0, output
    assert "not remembered, because the run is in no home" in output
    assert not (tmp_path / "precisions").exists()
