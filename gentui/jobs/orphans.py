"""Record the ends of jobs whose worker is gone. Any process may do this at any time; it never waits."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.runs.directory import JobDir, State, is_locked
from gentui.jobs import exit_reason
from gentui.jobs.processes import kill_session, open_trainer
from gentui.jobs.states import get_job, locked_job, read_state, unfinished, update_state

_PATIENCE = 2.0  # seconds until the kernel has ended processes that were killed


def worker_lock(home: Path, slot: str) -> Path:
    """The lock that only the slot's worker holds."""
    return home / "slots" / f"{slot}.worker.lock"


def slot_lock(home: Path, slot: str) -> Path:
    """The lock that the slot's worker and its child process hold: never two jobs on a device, whatever is killed."""
    return home / "slots" / f"{slot}.lock"


def has_worker(home: Path, slot: str | None) -> bool:
    return slot is not None and is_locked(worker_lock(home, slot))


def reconcile(home: Path, poll: bool = False) -> list[tuple[JobDir, State]]:
    """Record the end of every job whose state says running but whose process is gone; returns the unfinished jobs that
    are left. ``poll``: see ``unfinished``."""
    left = []
    for job, state in unfinished(home, poll=poll):
        try:
            if state.status == "running":
                if settle(job):
                    continue
                if not has_worker(home, state.slot):
                    enforce(state)
        except (OSError, ValueError):  # removed meanwhile, or the disk is full: the next call tries again
            pass
        left.append((job, state))
    return left


def settle(job: JobDir, patience: float = 0.0) -> bool:
    """Record the end of ``job`` if nobody holds its lock, or all let go of it within ``patience`` seconds.

    Return whether the lock was free.
    """
    with locked_job(job, patience) as free:
        if free:
            update_state(job, lambda s: exit_reason.ended_unwatched(job, s) if s.status == "running" else None)
        return free


def settled(job: JobDir) -> State | None:
    """The job's state, once the end of a process that nobody saw end has been recorded; None if it cannot be read.

    Whoever judges a job reads its state here. In a home that cannot be written it is the state that would be recorded.
    """
    state = read_state(job)
    if state is None or state.status != "running":
        return state
    try:
        is_left = not settle(job) and not has_worker(job.path.parent.parent, state.slot)
        if is_left and enforce(state):  # its process is gone, and what that had started held the lock
            settle(job, _PATIENCE)
    except (OSError, ValueError):
        now = read_state(job)
        if now == state and not is_at_work(job, state):
            return exit_reason.ended_unwatched(job, state)
        return now
    return read_state(job)


def get_settled_job(home: Path, job_id: str) -> JobDir:
    """``get_job``, for callers that judge the job's state: see ``settled``. Raises JobError if there is none."""
    job = get_job(home, job_id)
    settled(job)
    return job


def is_at_work(job: JobDir, state: State) -> bool:
    """Whether the process of a job that is ``running`` lives. It holds the job's lock; where another user's lock
    cannot be opened, the process that ``state`` names decides."""
    try:
        return job.is_alive()
    except OSError:
        trainer = open_trainer(state)
        if trainer is not None:
            os.close(trainer)
        return trainer is not None


def enforce(state: State) -> bool:
    """Do what the worker of an orphaned job would: kill it after the grace of a stop, and kill leftover children.

    Return whether anything was killed.
    """
    overdue = (
        state.stop_requested_at is not None
        and time.time() > state.stop_requested_at + exit_reason.grace_of(state)
    )
    trainer = open_trainer(state)
    if trainer is not None:
        os.close(trainer)
    return (overdue or (trainer is None and state.pid is not None)) and kill_session(state)
