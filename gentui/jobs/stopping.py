"""Stop a job: SIGTERM, and SIGKILL after a grace period."""

from __future__ import annotations

import time
from pathlib import Path

from engine.runs.directory import JobDir, State
from gentui.jobs.exit_reason import DEFAULT_GRACE
from gentui.jobs.launchers import launcher_of
from gentui.jobs.reconciling import ensure_workers, settled
from gentui.jobs.states import JobError, get_job, job_label, read_state, update_state
from gentui.machine import disk

_POLL = 0.05
_LOOK = 1.0  # seconds between looks for a worker that is suspended again
_MARGIN = 15.0  # seconds beyond the grace for the kernel and the worker to do their part


def stop(home: Path, job_id: str, grace: float = DEFAULT_GRACE, wait: bool = False) -> None:
    """Stop a run or an evaluation.

    A queued job is stopped at once. A running one gets SIGTERM (a trainer then writes a checkpoint and exits) and
    SIGKILL after ``grace`` seconds, from the slot's worker or, if that is gone and ``wait`` is set, from this call. A
    process or a worker that is suspended is continued. An ended job is left as it is. Raises JobError if there is no
    such job, if its state cannot be written, or if ``wait`` is set and it did not end.
    """
    job = get_job(home, job_id)
    if (held := read_state(job)) is not None and held.status == "queued":
        settled(job)  # it may run already where a launcher of its own begins it
    try:
        state = update_state(job, lambda s: _asked(job, s, grace))
    except ValueError:
        raise JobError(f"{job_label(job)} cannot be stopped: its state.json is not readable") from None
    except OSError as error:
        raise JobError(f"{job_label(job)} cannot be stopped: {disk.why(error, home)}") from None
    if state is None or state.ended:
        return
    if not launcher_of(state).wake(home, state):
        settled(job)
        ensure_workers(home)
    if wait:
        _wait(home, job, state, grace)


def _asked(job: JobDir, state: State, grace: float) -> State | None:
    """The state with the stop recorded. The signal is sent here, under the lock, so that it is sent only once."""
    now = time.time()
    launcher = launcher_of(state)
    if state.status == "queued" and launcher.stop(job, state):
        return state.with_(status="stopped", reason="stopped while queued", ended_at=now, stop_requested_at=now)
    if state.ended:
        return None
    extra = {**state.extra, "grace": grace}
    if state.status == "running" and "terminated_at" not in extra and launcher.stop(job, state):
        extra["terminated_at"] = now
    earlier = state.stop_requested_at
    return state.with_(stop_requested_at=now if earlier is None else earlier, extra=extra)


def _wait(home: Path, job: JobDir, asked: State, grace: float) -> None:
    began = looked = time.monotonic()
    is_watched = True
    while True:
        state = read_state(job)
        if state is None or state.ended or state.attempt != asked.attempt:
            return
        if time.monotonic() > looked + _LOOK or not is_watched:
            is_watched = launcher_of(state).wake(home, state)
            looked = time.monotonic()
        if not is_watched:
            settled(job)
        if time.monotonic() > began + grace + _MARGIN:
            raise JobError(f"{job_label(job)} has not ended {grace + _MARGIN:g} s after the request to stop")
        time.sleep(_POLL)
