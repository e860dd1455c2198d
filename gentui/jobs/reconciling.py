"""Record what has become of jobs, as their launchers see it. Any process may do this at any time; it never waits."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from engine.runs.directory import JobDir, State
from gentui.jobs.launchers import Look, by_launcher, launcher_of, look_at
from gentui.jobs.states import get_job, locked_job, read_state, unfinished, update_state

_PATIENCE = 2.0  # seconds until the kernel has ended processes that were killed
_TRIES = 5  # looks at a job whose state changes between look and record


def reconcile(
    home: Path, poll: bool = False, jobs: list[tuple[JobDir, State]] | None = None
) -> list[tuple[JobDir, State]]:
    """Record how every unfinished job stands that its launcher can tell; returns those that are left. ``poll``: see
    ``unfinished``. ``jobs``: only these."""
    left = []
    for launcher, group in by_launcher(unfinished(home, poll=poll) if jobs is None else jobs):
        looks = launcher.look(group)
        for job, seen in group:
            look, state = looks[job.id], seen
            try:
                if record(job, seen, look):
                    state = look.state
                if state.status == "running":
                    launcher.kill(home, job, state)
            except (OSError, ValueError):  # removed meanwhile, or the disk is full: the next call tries again
                pass
            if not state.ended:
                left.append((job, state))
    return left


def record(job: JobDir, seen: State, look: Look) -> bool:
    """Write the state that a look at a job found, unless it is no longer the one that was ``seen``, or the end of a
    process that holds the job's lock. Returns whether ``state.json`` says so now. Raises OSError or ValueError."""
    if look.alive is None or look.state == seen:
        return look.alive is not None
    with locked_job(job) if look.state.ended else nullcontext(True) as free:
        return free and update_state(job, lambda now: look.state if now == seen else None) is not None


def settled(job: JobDir) -> State | None:
    """The job's state, once the end of a process that nobody saw end has been recorded; None if it cannot be read.

    Whoever judges a job reads its state here. In a home that cannot be written it is the state that would be recorded.
    """
    home = job.path.parent.parent
    for _ in range(_TRIES):
        state = read_state(job)
        if state is None or state.ended:
            return state
        look = look_at(job, state)
        try:
            if look.alive is None or (record(job, state, look) and not look.alive):
                return read_state(job)
            is_left = look.alive and look.state.status == "running"
            if not is_left or not launcher_of(state).kill(home, job, look.state):
                return read_state(job)
            with locked_job(job, _PATIENCE):  # until what its process had started is gone, too
                pass
        except (OSError, ValueError):
            now = read_state(job)
            return look.state if now == state and look.alive is False else now
    return read_state(job)


def get_settled_job(home: Path, job_id: str) -> JobDir:
    """``get_job``, for callers that judge the job's state: see ``settled``. Raises JobError if there is none."""
    job = get_job(home, job_id)
    settled(job)
    return job


def is_at_work(job: JobDir, state: State) -> bool:
    """Whether a job's process lives, as far as its launcher can tell."""
    return look_at(job, state).alive is not False


def ensure_workers(home: Path, pending: list[tuple[JobDir, State]] | None = None) -> None:
    """Have every launcher begin what waits for it. ``pending``: the unfinished jobs, if they are known."""
    if not os.access(home, os.W_OK):  # another user's, or a backup: its queue is not ours
        return
    for launcher, jobs in by_launcher(unfinished(home) if pending is None else pending):
        launcher.tend(home, jobs)


def reconcile_and_spawn(home: Path) -> None:
    """Record what has become of jobs and begin what waits, as any process that watches the queue should, again and
    again."""
    ensure_workers(home, reconcile(home, poll=True))
