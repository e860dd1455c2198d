"""Record the ends of jobs whose worker is gone. Any process may do this at any time; it never waits."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.runs.directory import JobDir, State, is_locked
from gentui.jobs import exit_reason
from gentui.jobs.processes import kill_session, open_trainer
from gentui.jobs.states import locked_job, unfinished, update_state


def worker_lock(home: Path, slot: str) -> Path:
    """The lock that only the slot's worker holds."""
    return home / "slots" / f"{slot}.worker.lock"


def slot_lock(home: Path, slot: str) -> Path:
    """The lock that the slot's worker and its child process hold: never two jobs on a device, whatever is killed."""
    return home / "slots" / f"{slot}.lock"


def has_worker(home: Path, slot: str | None) -> bool:
    return slot is not None and is_locked(worker_lock(home, slot))


def reconcile(home: Path) -> None:
    """Record the end of every job whose state says running but whose process is gone."""
    for job, state in unfinished(home):
        if state.status != "running":
            continue
        try:
            if not settle(job) and not has_worker(home, state.slot):
                enforce(state)
        except (OSError, ValueError):  # removed meanwhile, or the disk is full: the next call tries again
            continue


def settle(job: JobDir) -> bool:
    """Record the end of ``job`` if nobody holds its lock. Return whether the lock was free."""
    with locked_job(job) as free:
        if free:
            update_state(job, lambda s: exit_reason.ended_unwatched(job, s) if s.status == "running" else None)
        return free


def enforce(state: State) -> None:
    """Do what the worker of an orphaned job would: kill it after the grace of a stop, and kill leftover children."""
    overdue = (
        state.stop_requested_at is not None
        and time.time() > state.stop_requested_at + exit_reason.grace_of(state)
    )
    trainer = open_trainer(state)
    if trainer is not None:
        os.close(trainer)
    if overdue or (trainer is None and state.pid is not None):
        kill_session(state)
