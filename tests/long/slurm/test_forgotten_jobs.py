"""Jobs that squeue has forgotten: the accounting knows them, where there is one, and a trainer's last word counts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir
from gentui import jobs
from gentui.jobs import launchers
from gentui.jobs.launchers.slurm import clients
from gentui.jobs.launchers.slurm import launcher as module
from tests.support.jobs import trainers
from tests.support.slurm import Cluster, lacking
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.skipif(bool(lacking()), reason=lacking()), pytest.mark.timeout(300)]


@pytest.fixture(params=[False, True], ids=["without sacct", "with sacct"])
def accounting(request, monkeypatch) -> Iterator[bool]:
    """A Slurm that forgets an ended job after two seconds."""
    if request.param and (why := lacking(accounting=True)):
        pytest.skip(why)
    cluster = Cluster(accounting=request.param, min_job_age=2, nodes=1)
    try:
        cluster.start()
        monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
        monkeypatch.setattr(module, "FRESH", 0.0)
        monkeypatch.setattr(module, "_SLOWNESS", 0.0)
        launchers._launcher.cache_clear()
        yield request.param
    finally:
        cluster.stop()


def test_what_became_of_them(home, accounting):
    def submit(**plan: object) -> RunDir:
        chosen = load("digits-unet").model_copy(update={"summary": json.dumps(plan)})
        return jobs.launch(home, chosen, on="slurm:time=10m", command=["gentui", "run"])

    done, failed, killed = submit(steps=5), submit(exit=3, says="ValueError: no"), submit(steps=100_000)
    wait_for(lambda: killed.events_path(1).exists(), "the last one to train")
    (trainer,) = wait_for(lambda: len(found := trainers(home)) == 1 and found, "the others to end")
    os.kill(trainer, signal.SIGKILL)
    wait_for(lambda: not clients.queue(), "squeue to forget them", 120, 0.5)
    jobs.reconcile(home)
    assert done.read_state().status == "done"
    ends = [(run.read_state().status, run.read_state().reason) for run in (failed, killed)]
    if accounting:
        assert ends == [("failed", "ValueError: no (exit code 3)"), ("failed", "killed by signal 9")]
    else:
        assert [status for status, _ in ends] == ["lost", "lost"]
        assert "Slurm does not know job" in ends[0][1]
