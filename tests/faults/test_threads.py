"""How many threads a trainer computes with: as many as the user's variables say."""

from __future__ import annotations

import json
import os
import sys

import pytest

from engine.devices import threads_by_default
from tests.support.jobs import wait_for_status

VARIABLES = ("GENTUI_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
ALL = len(os.sched_getaffinity(0))
TELLS_THREADS = f"""
import os, sys
print("threads", [os.environ.get(name) for name in {VARIABLES!r}], flush=True)
"""


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({}, ALL),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"MKL_NUM_THREADS": "4"}, 4),
        ({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "4"}, 4),
        ({"OMP_NUM_THREADS": "3", "GENTUI_THREADS": "6"}, 6),
        ({"OMP_NUM_THREADS": ""}, ALL),
        ({"OMP_NUM_THREADS": "0"}, ALL),
        ({"OMP_NUM_THREADS": "-2"}, ALL),
        ({"OMP_NUM_THREADS": "many"}, ALL),
        ({"GENTUI_THREADS": "many", "OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "9" * 5000}, ALL),
    ],
)
def test_a_trainer_takes_as_many_threads_as_it_is_told(monkeypatch, variables, threads):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert threads_by_default() == threads


def test_a_run_has_the_threads_of_the_shell_that_queued_it_whoever_started_the_worker(
    gentui, environment, runs, tmp_path
):
    for name in VARIABLES:
        environment.pop(name, None)
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-c", TELLS_THREADS])
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waits = f"open({str(gate)!r}).read()"
    environment["OMP_NUM_THREADS"] = "3"
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-c", waits + TELLS_THREADS])
    gentui("run", "digits-unet")  # its worker serves the next one, too
    del environment["OMP_NUM_THREADS"]
    environment["MKL_NUM_THREADS"] = "4"
    gentui("run", "digits-unet")
    first, second = runs()
    for run, shown in ((first, "[None, None, '3']"), (second, "[None, '4', None]")):
        gate.write_text("go")
        wait_for_status(run, "failed")
        assert f"threads {shown}" in run.log_path.read_text()
