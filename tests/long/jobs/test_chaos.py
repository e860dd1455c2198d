"""kill -9 at random of trainers, workers and apps: nothing whole is lost, nothing ends in a wrong state."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.directory import RunDir, list_runs
from engine.runs.events import iter_events
from gentui import jobs
from gentui.index import Index
from gentui.jobs.exit_reason import reported_outcome
from gentui.jobs.states import read_state
from tests.support.jobs import everything_ended, trainers, workers
from tests.support.waiting import wait_for

KILLS = int(os.environ.get("GENTUI_CHAOS_KILLS", "20"))
STEPS = 60

APP = """
import sys, time
from pathlib import Path
from gentui import jobs
from gentui.index import Index
home = Path(sys.argv[1])
index = Index(home)
while True:
    index.refresh()
    jobs.reconcile(home)
    jobs.ensure_workers(home)
    index.runs()
    time.sleep(0.05)
"""


class App:
    """What a person's terminal does each second, only more often; it may be killed like everything else."""

    def __init__(self, home: Path):
        self.home = home
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", APP, str(self.home)], stderr=subprocess.PIPE)

    def kill(self) -> None:
        self.process.kill()
        assert self.process.stderr is not None
        assert self.process.stderr.read() == b""
        self.process.wait()

    def kill_and_start_again(self) -> None:
        self.kill()
        self.process = self._start()


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    app = App(home)
    yield app
    app.kill()


@pytest.mark.timeout(1800)
def test_random_kills_lose_nothing_and_leave_no_run_in_a_wrong_state(home, launch, app):
    chance = random.Random(20260)
    runs = [launch(steps=STEPS, pause=0.01) for _ in range(3)]
    seen_final: dict[tuple[str, int], str] = {}
    killed = 0
    while killed < KILLS:
        time.sleep(chance.uniform(0.0, 0.25))
        what = chance.choice(("trainer", "worker", "worker and trainer", "app"))
        if what == "app":
            app.kill_and_start_again()
            killed += 1
        else:
            victims = (workers(home) if "worker" in what else []) + (
                trainers(home) if "trainer" in what else []
            )
            for pid in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        for run in runs:
            check(run, seen_final)
            state = run.read_state()
            if state.ended and state.status != "done":
                with contextlib.suppress(jobs.JobError):
                    jobs.resume(home, run.id)
        if all(run.read_state().status == "done" for run in runs):
            runs.append(launch(steps=STEPS, pause=0.01))
    wait_for(lambda: until_done(home, runs), "everything to be done", 60 + KILLS)
    wait_for(lambda: not workers(home) and not trainers(home), "workers to leave")
    assert everything_ended(home)
    index = Index(home)
    wait_for(lambda: not index.refresh(wait=5.0), "the index to have everything")
    for run in runs:
        check(run, seen_final)
        assert run.read_state().status == index.run(run.id).status == "done"
        assert complete_records(run) == list(range(1, STEPS + 1))
        assert index.series(run.id, "loss").x.tolist() == list(range(1, STEPS + 1))
        assert index.run(run.id).corrupt <= sum(1 for _ in run.events_files())  # torn by a kill, at most


def until_done(home: Path, runs: list[RunDir]) -> bool:
    for run in runs:
        state = run.read_state()
        if state.ended and state.status != "done":
            with contextlib.suppress(jobs.JobError):
                jobs.resume(home, run.id)
    return all(run.read_state().status == "done" for run in list_runs(home))


def check(run: RunDir, seen: dict[tuple[str, int], str]) -> None:
    """An end that is recorded agrees with the log, and is never another later."""
    state = read_state(run)
    assert state is not None, "state.json must always be whole"
    if not state.ended:
        return
    before = seen.setdefault((run.id, state.attempt), state.status)
    assert before == state.status, f"{run.id}: {before} became {state.status}"
    said = reported_outcome(run, state.attempt).get("status")
    assert (state.status == "done") == (said == "done"), (state, said)
    assert state.status in ("done", "failed", "lost"), state
    if state.status == "failed":
        assert state.reason == "killed by signal 9"


def complete_records(run: RunDir) -> list[int]:
    """Steps with a whole record, each attempt's in one piece from where it began."""
    found: set[int] = set()
    for _, path in run.events_files():
        events = list(iter_events(path))
        if not events:
            continue
        assert events[0]["status"] in ("started", "resumed")
        steps = [event["step"] for event in events if event["kind"] == "metrics"]
        first = events[0]["step"]
        assert steps == list(range(first + 1, first + 1 + len(steps))), f"a gap in {path}"
        found = {step for step in found if step <= first} | set(steps)
    return sorted(found)
