"""Orphans get their true end state. Anybody may call this at any time; it never waits."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.runs.directory import JobDir, State, is_locked
from gentui.jobs import exit_reason
from gentui.jobs.processes import kill_session, open_trainer
from gentui.jobs.states import locked_job, unfinished, update_state


def worker_lock(home: Path, slot: str) -> Path:
    """Held by the slot's worker, and by nobody else."""
    return home / "slots" / f"{slot}.worker.lock"


def slot_lock(home: Path, slot: str) -> Path:
    """Held by the slot's worker and the process it started: one per device, whatever is killed."""
    return home / "slots" / f"{slot}.lock"


def has_worker(home: Path, slot: str | None) -> bool:
    return slot is not None and is_locked(worker_lock(home, slot))


def reconcile(home: Path) -> None:
    """Record the end of every job that says it is running while the kernel says nothing of it is."""
    for job, state in unfinished(home):
        if state.status != "running":
            continue
        try:
            if not settle(job) and not has_worker(home, state.slot):
                enforce(state)
        except (OSError, ValueError):  # removed under our hands, or no room to write: the next call tries again
            continue


def settle(job: JobDir) -> bool:
    """Record the end of ``job`` if nobody holds its lock; whether its lock was free."""
    with locked_job(job) as free:
        if free:
            update_state(job, lambda s: exit_reason.ended_unwatched(job, s) if s.status == "running" else None)
        return free


def enforce(state: State) -> None:
    """Do for an orphan what its worker would: SIGKILL after a stop's grace, and to what a dead process left."""
    overdue = (
        state.stop_requested_at is not None
        and time.time() > state.stop_requested_at + exit_reason.grace_of(state)
    )
    trainer = open_trainer(state)
    if trainer is not None:
        os.close(trainer)
    if overdue or (trainer is None and state.pid is not None):
        kill_session(state)
