from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.recipes import recipe
from engine.runs.directory import FINAL, JobDir, RunDir, State, list_runs
from gentui import jobs
from gentui.index.status import status_now
from tests.support.waiting import wait_for

FAKE = Path(__file__).with_name("fake_trainer.py")
FAKE_EVALUATOR = FAKE.with_name("fake_evaluator.py")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home whose trainers and evaluations are fake. Nothing started under it outlives the test."""
    monkeypatch.setenv("GENTUI_TRAINER", json.dumps([sys.executable, "-P", str(FAKE)]))
    monkeypatch.setenv("GENTUI_EVALUATOR", json.dumps([sys.executable, "-P", str(FAKE_EVALUATOR)]))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yield home
    for _ in range(3):
        for pid in [*workers(home), *trainers(home), *evaluators(home)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def launch(home: Path) -> Callable[..., RunDir]:
    """Queue a run of the fake trainer that behaves as the keywords say; ``start=False`` leaves it queued."""

    def launch(*, start: bool = True, name: str = "", **plan: object) -> RunDir:
        chosen = recipe.load("digits-unet").model_copy(update={"summary": json.dumps(plan)})
        with pytest.MonkeyPatch.context() as patch:
            if not start:
                patch.setattr("gentui.jobs.launching.ensure_workers", lambda *given: None)
            return jobs.launch(home, chosen, name=name, command=["gentui", "run"])

    return launch


def wait_for_status(run: JobDir, *statuses: str, seconds: float = 60.0) -> State:
    def there() -> State | None:
        state = run.read_state()
        return state if state.status in statuses else None

    return wait_for(there, f"{run.id} to be {statuses}, it is {run.read_state()}", seconds)


def last_step(run: RunDir) -> int:
    """The last step that the run's metrics tell of, 0 before the first."""
    from engine.runs.events import last_event

    event = last_event(run.events_path(run.read_state().attempt), lambda e: e["kind"] == "metrics")
    return 0 if event is None else event["step"]


def wait_for_step(run: RunDir, step: int) -> None:
    wait_for(lambda: last_step(run) >= step, f"step {step} of {run.id}")


def processes(*words: str) -> list[int]:
    """Pids whose command line holds every word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                if line and all(word in line for word in words):
                    found.append(int(entry.name))
    return found


def workers(home: Path) -> list[int]:
    return processes("gentui.jobs.worker", str(home))


def trainers(home: Path) -> list[int]:
    return processes(str(FAKE), str(home))


def evaluators(home: Path) -> list[int]:
    return processes(str(FAKE_EVALUATOR), str(home))


def everything_ended(home: Path) -> bool:
    return all(run.read_state().ended for run in list_runs(home))


def look(run: RunDir) -> tuple[str, str]:
    """(status, reason) as people see them, once what there is to record is recorded; that it has ended is seen then."""
    jobs.reconcile_and_spawn(run.path.parent.parent)
    state = run.read_state()
    status, reason = status_now(run, state)
    is_recorded = status == state.status or status not in FINAL
    return (status, reason) if is_recorded else (state.status, state.reason)
