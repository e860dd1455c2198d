"""Read and update ``state.json`` while other processes may do the same.

Every update holds an flock on the job's directory from the read to the atomic replace. So a stop cannot overwrite an
end that was just recorded, and of two simultaneous resumes only one succeeds.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.runs.directory import FINAL, STATUSES, JobDir, RunDir, State, exclusive
from engine.runs.files import FULL, open_plain_file, private_folder, read_plain_file
from gentui.jobs.job_types import JOB_TYPES, JobType, job_type_of
from gentui.jobs.rota import Rota, note_change

# A directory entry replaced twice within one tick of the file system's clock would look unchanged.
_TICK = 0.05
_seen: dict[str, tuple[tuple[int, int, int], State | None]] = {}
_rotas: dict[str, Rota] = {}  # of each folder that this process polls
_active: dict[str, set[str]] = {}  # of each folder: the names that may change at any moment


class JobError(Exception):
    """The requested action is not possible for this job now; the message is one sentence for the user."""


def update_state(job: JobDir, decide: Callable[[State], State | None]) -> State | None:
    """Replace the job's state with ``decide(state)``, or leave it if ``decide`` returns None.

    Returns the new state, or None if nothing changed. Raises OSError if the directory is gone or the disk is full (the
    old state is then kept), ValueError if ``state.json`` is missing or broken.
    """
    with exclusive(job.path):
        held = read_state(job)
        if held is None:
            raise ValueError(f"{job.state_path} is missing or broken")
        state = decide(held)
        if state is not None:
            job.write_state(state)
            note_change(job.path)
        return state


def try_lock(path: Path, patience: float = 0.0) -> int | None:
    """Take an exclusive flock on ``path`` (created 0600, parent 0700); its descriptor, or None if it is held.

    ``engine.runs.directory.is_locked`` takes a lock for a moment to test it. A caller that must not mistake such a
    test for a holder waits up to ``patience`` seconds.
    """
    try:
        fd = open_plain_file(path, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError:
        private_folder(path.parent)
        fd = open_plain_file(path, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(fd)
                return None
            time.sleep(0.005)
        except BaseException:
            os.close(fd)
            raise


@contextmanager
def locked_job(job: JobDir, patience: float = 0.0) -> Iterator[bool]:
    """Hold the job's own lock; yields False if its live process has it."""
    if not job.path.is_dir():
        yield False
        return
    try:
        fd = try_lock(job.lock_path, patience)
    except OSError as error:
        if error.errno not in FULL or job.lock_path.exists():
            raise
        yield True  # there is no lock, nor room for one: nobody holds it
        return
    try:
        yield fd is not None
    finally:
        if fd is not None:
            os.close(fd)


def queued(slot: str | None, attempt: int, extra: Mapping[str, Any] | None = None) -> State:
    """The state of a job queued now. ``asked`` keeps the requested slot after a worker has set ``slot``."""
    return State(slot=slot, attempt=attempt, queued_at=time.time(), extra={"asked": slot, **(extra or {})})


def read_state(job: JobDir) -> State | None:
    """The job's state; None if the job is gone or ``state.json`` is not JSON or has wrong types."""
    try:
        state = job.read_state()
    except (OSError, ValueError, TypeError):
        return None
    return state if _is_well_formed(state) else None


def _is_well_formed(state: State) -> bool:
    texts = (state.reason, state.slot, state.boot_id)
    moments = (state.queued_at, state.started_at, state.ended_at, state.stop_requested_at)
    return (
        state.status in STATUSES
        and type(state.attempt) is int
        and 0 <= state.attempt < 10**9
        and isinstance(state.extra, dict)
        and all(isinstance(text, str | None) for text in texts)
        and all(n is None or (type(n) is int and 0 <= n < 2**62) for n in (state.start_time, state.pid))
        and (state.pid or 0) < 2**31
        and all(t is None or (type(t) in (int, float) and 0 <= t < 1e11) for t in moments)
    )


def unfinished(
    home: Path, job_types: Sequence[JobType] = JOB_TYPES, *, poll: bool = False
) -> list[tuple[JobDir, State]]:
    """Every queued or running job: runs, then evaluations, each oldest first. Unchanged files are not read again.

    ``poll``: look at jobs that had ended only in turn, see ``rota``; for one that asks again and again.
    """
    found = []
    for job_type in job_types:
        folder = str(home / job_type.folder)
        rota = _rotas.setdefault(folder, Rota(home / job_type.folder, lambda kind=job_type: kind.ids(home)))
        active = _active.setdefault(folder, set())
        names, is_all = rota.look(active, everything=not poll)
        if is_all:
            active.intersection_update(names)
        for name in names:
            state, is_final = _unfinished_state(job_type, f"{folder}/{name}")
            (active.discard if is_final else active.add)(name)
            if state is not None:
                found.append((job_type.open(f"{folder}/{name}"), state))
    return found


def _unfinished_state(job_type: JobType, path: str) -> tuple[State | None, bool]:
    """(the state of a job that is queued or running, else None; whether that will do until its turn comes)."""
    try:
        stat = os.stat(f"{path}/state.json")  # noqa: PTH116 - a thousand Path objects a second are felt
    except OSError:
        return None, True
    signature = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
    cached = _seen.get(path)
    if cached is not None and cached[0] == signature:
        return cached[1], cached[1] is None
    state = None if _has_ended(path) else read_state(job_type.open(path))
    if state is not None and state.ended:
        state = None
    if time.time() - stat.st_mtime > _TICK:
        _seen[path] = (signature, state)
        return state, state is None
    return state, False


def _has_ended(path: str) -> bool:
    """Whether ``state.json`` says so; most do, and need not become a ``State``."""
    try:
        return json.loads(read_plain_file(f"{path}/state.json"))["status"] in FINAL
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


def queue(home: Path) -> list[tuple[JobDir, State]]:
    """Jobs waiting for a slot, in the order in which workers take them."""
    return in_order(unfinished(home))


def in_order(jobs: Iterable[tuple[JobDir, State]]) -> list[tuple[JobDir, State]]:
    """Those of the jobs that are queued, in the order in which workers take them."""
    waiting = [(job, state) for job, state in jobs if state.status == "queued"]
    return sorted(waiting, key=lambda pair: (pair[1].queued_at or 0.0, pair[0].id))


def get_job(home: Path, job_id: str) -> JobDir:
    """The directory of the run or evaluation with this id. Raises JobError if there is none."""
    job_type = job_type_of(job_id)
    job = job_type.open(home / job_type.folder / job_id)
    if "/" in job_id or job_id.startswith(".") or not job.path.is_dir():
        raise JobError(f"there is no {job_type.noun} {job_id}")
    return job


def job_label(job: JobDir) -> str:
    """``run 20260101-…``: how messages refer to the job."""
    return f"{job_type_of(job).noun} {job.id}"


def require_own(job: JobDir) -> None:
    """Raise JobError if the job is a run imported from another program, which cannot be trained or sampled here."""
    if isinstance(job, RunDir) and (source := job.imported_from()):
        raise JobError(
            f"{job_label(job)} was imported from {source}: it has no recipe or checkpoint here and can"
            " only be viewed"
        )
