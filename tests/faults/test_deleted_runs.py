"""The directory of a run is deleted or moved while it trains."""

from __future__ import annotations

import shutil
import threading

import pytest

from gentui.jobs import exit_reason
from gentui.jobs.worker import Worker
from tests.support.engine import finish, trainer, wait_for_step
from tests.support.engine import make_run as make_small_run  # noqa: F401
from tests.support.jobs import home, launch, trainers, wait_for_status  # noqa: F401 - trainers that only pretend
from tests.support.jobs import wait_for_step as wait_for_pretended_step
from tests.support.waiting import wait_for


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_the_trainer_ends_by_itself_and_makes_nothing_anew(how, make_small_run, tmp_path):  # noqa: F811
    run = make_small_run(train__steps=1_000_000, sample__times=200)
    process = trainer(run)
    wait_for_step(run, process, 5)
    if how == "moved":
        run.path.rename(tmp_path / "elsewhere")
    else:
        # The trainer may be writing a file just now, and a folder with a new file in it cannot be removed.
        wait_for(lambda: shutil.rmtree(run.path, ignore_errors=True) or not run.path.exists(), "an empty place")
    if how == "replaced":
        run.path.mkdir()
    code, output = finish(process)
    assert code == 1 and "failed: the run's directory was deleted or moved at step" in output
    assert not run.path.exists() or not list(run.path.iterdir())


@pytest.mark.parametrize("deaf", [False, True])
def test_a_trainer_that_does_not_notice_is_stopped_by_its_worker(deaf, home, launch, monkeypatch):  # noqa: F811
    monkeypatch.setattr(exit_reason, "DEFAULT_GRACE", 0.1)
    run, behind = launch(start=False, steps=1_000_000, deaf=deaf), launch(start=False, steps=2)
    worker = threading.Thread(target=Worker(home, "cpu").work)
    worker.start()
    wait_for_pretended_step(run, 2)
    shutil.rmtree(run.path)
    assert wait_for_status(behind, "done").exit_code == 0
    worker.join()
    assert not trainers(home) and not run.path.exists()


def test_to_stop_a_run_whose_directory_is_gone_says_so_and_its_trainer_ends(gentui, pretend, runs, home):  # noqa: F811
    gentui("run", pretend(steps=1_000_000))
    (run,) = runs()
    wait_for_pretended_step(run, 3)
    shutil.rmtree(run.path)
    stopped = gentui("stop", "--wait", run.id)
    assert stopped.returncode == 3 and f"no run is called {run.id!r}" in stopped.stderr
    wait_for(lambda: not trainers(home), "the end of the trainer")
    assert not run.path.exists() and not runs()
    again = gentui("run", pretend(steps=2), "--wait")
    assert again.returncode == 0, again.stderr
