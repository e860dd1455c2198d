"""How long a run's end stays unknown, one line a figure: ``python -m tests.benchmarks.bench_endings``.

Trainers without torch, under real workers: killed alone, and with their worker, after which the next look is ours.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from engine.recipes import recipe
from engine.runs.directory import RunDir
from gentui import jobs
from tests.support.jobs import FAKE, wait_for_status, wait_for_step, workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    os.environ["GENTUI_TRAINER"] = json.dumps([sys.executable, "-P", str(FAKE)])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        seen = [killed(home) for _ in range(rounds)]
        unseen = [killed(home, with_worker=True) for _ in range(rounds)]
    for name, times in (("worker_lives", seen), ("worker_killed_too", unseen)):
        took = f"{1000 * statistics.median(times):.0f} most {1000 * max(times):.0f}"
        print(f"killed_to_final_{name}_ms {took} rounds {rounds}")


def killed(home: Path, with_worker: bool = False) -> float:
    """Seconds from a trainer's SIGKILL to the end in its run's state."""
    plan = json.dumps({"steps": 10_000})
    run: RunDir = jobs.launch(home, recipe.load("digits-unet").model_copy(update={"summary": plan}))
    wait_for_step(run, 3)
    if with_worker:
        for pid in workers(home):
            os.kill(pid, signal.SIGKILL)
    trainer = run.read_state().pid
    assert trainer is not None
    began = time.perf_counter()
    os.kill(trainer, signal.SIGKILL)
    while not run.read_state().ended:
        if with_worker:
            jobs.reconcile(home)
    took = time.perf_counter() - began
    wait_for_status(run, "lost" if with_worker else "failed")
    return took


if __name__ == "__main__":
    main()
