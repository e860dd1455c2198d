"""Decide how a job ended and why, from its exit status or, if nobody saw it end, from the files it left."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Any

from engine.runs.directory import JobDir, RunDir, State, Status, boot_id
from gentui.jobs.job_types import JobType, job_type_of, last_error
from gentui.text.numbers import real
from gentui.text.sanitize import clean

DEFAULT_GRACE = 30.0
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


def grace_of(state: State) -> float:
    """Seconds between the request to stop this job and SIGKILL."""
    grace = real(state.extra.get("grace"))
    return DEFAULT_GRACE if grace is None else grace


@dataclass(frozen=True)
class Exit:
    """Exit status of a process: its exit code, or the signal that killed it. ``oom``: killed for lack of memory."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False


def reported_outcome(job: JobDir, attempt: int) -> dict[str, Any]:
    """The outcome that the attempt's process itself reported; empty if it reported none."""
    return job_type_of(job).reported_outcome(job, attempt)


def ended(job: JobDir, state: State, exit: Exit) -> State:
    """The final state of a job, given its process's exit status."""
    report = reported_outcome(job, state.attempt)
    status, reason = _classify(job, state, exit, report)
    return _ended_with(state, status, reason).with_(exit_code=exit.code, signal=exit.signal)


def ended_unwatched(job: JobDir, state: State) -> State:
    """The final state of a job that ended unobserved: its worker is gone and its lock is free.

    A job that was claimed but whose process never started goes back to the queue.
    """
    job_type, report = job_type_of(job), reported_outcome(job, state.attempt)
    match report.get("status"):
        case "done" | "failed" | "stopped":
            return _ended_with(state, *_as_reported(state, report))
    if isinstance(job, RunDir) and job.imported_from():
        return _ended_with(state, *_unfollowed(state))
    if state.pid is None and not job_type.has_started(job, state.attempt):
        if state.stop_requested_at is not None:
            return _ended_with(state, "stopped", job_type.stopped_too_early)
        return state.with_(
            status="queued",
            attempt=state.attempt - 1,
            slot=state.extra.get("asked"),
            started_at=None,
            boot_id=None,
        )
    if state.stop_requested_at is not None:
        return _ended_with(
            state, "stopped", f"stopped; it did not report how it ended; {job_type.after_kill_hint}"
        )
    if state.boot_id not in (None, boot_id()):
        return _ended_with(state, "interrupted", "the machine was restarted while it ran")
    return _ended_with(state, "lost", f"the {job_type.process_name} vanished while no worker was watching it")


def _unfollowed(state: State) -> tuple[Status, str]:
    """Status and reason of an imported run whose `gentui import --follow` is gone. It cannot be requeued."""
    if state.stop_requested_at is not None:
        return "stopped", "it is no longer followed; the script that logs it may continue"
    if state.boot_id not in (None, boot_id()):
        return "interrupted", "the machine was restarted while it was followed; import it again"
    return "interrupted", "the `gentui import` that followed it was killed; import it again"


def _ended_with(state: State, status: Status, reason: str) -> State:
    return state.with_(status=status, reason=clean(reason), ended_at=time.time())


def _as_reported(state: State, report: dict[str, Any]) -> tuple[Status, str]:
    """Status and reason, from what the process itself reported."""
    reason, step = clean(report.get("reason") or ""), report.get("step")
    match report.get("status"):
        case "done":
            return "done", reason
        case "failed":
            return "failed", reason or f"failed at step {step}"
        case _ if state.stop_requested_at is None:
            named = reason.partition(" ")[0]  # the trainer says which signal it was: "SIGINT at step 7; …"
            name = named if named in signal.Signals.__members__ else "SIGTERM"
            return "interrupted", f"ended by {name} from outside gentui, at step {step}"
        case _:
            return "stopped", _by_you(reason) or f"stopped by you at step {step}"


def _by_you(reason: str) -> str:
    """What a process reported of a stop that was asked for: ``SIGTERM at step 60, …`` is ``stopped by you at …``."""
    name, _, rest = reason.partition(" ")
    return f"stopped by you {rest}" if rest and name in signal.Signals.__members__ else reason


def _classify(job: JobDir, state: State, exit: Exit, report: dict[str, Any]) -> tuple[Status, str]:
    job_type = job_type_of(job)
    reported = report.get("status")
    if reported == "done":  # a crash after the last checkpoint and score does not invalidate them
        return _as_reported(state, report)
    if exit.signal is not None:
        return _by_signal(job_type, state, exit, report)
    if reported in ("stopped", "failed"):
        return _as_reported(state, report)
    if state.stop_requested_at is not None and exit.code == 0:
        return "stopped", job_type.stopped_too_early
    if message := job_type.exit_message(job, exit.code or 0):
        return "failed", message
    clue = last_error(job)
    what = f"the {job_type.process_name} exited without reporting anything (exit code {exit.code})"
    return "failed", f"{clue} (exit code {exit.code})" if clue and exit.code else what


def _by_signal(job_type: JobType, state: State, exit: Exit, report: dict[str, Any]) -> tuple[Status, str]:
    assert exit.signal is not None
    if report.get("status") == "failed":
        return _as_reported(state, report)
    if state.stop_requested_at is not None:
        if report.get("status") == "stopped":
            return _as_reported(state, report)
        if exit.signal == signal.SIGKILL and time.time() >= state.stop_requested_at + grace_of(state):
            waited = f"{grace_of(state):g} s"
            return (
                "stopped",
                f"killed because it had not stopped within {waited}; {job_type.after_kill_hint}",
            )
        if exit.signal == signal.SIGTERM:
            return "stopped", job_type.stopped_too_early
    if exit.signal in _FROM_OUTSIDE:
        return "interrupted", f"ended by {_name(exit.signal)} from outside gentui"
    if exit.signal == signal.SIGKILL:
        return "failed", "killed by signal 9" + (" (the machine ran out of memory)" if exit.oom else "")
    return "failed", f"killed by signal {exit.signal} ({_name(exit.signal)})"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
