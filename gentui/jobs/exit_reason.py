"""How a job ended, in words a person understands: from its exit status, or from what it left alone."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Any

from engine.runs.directory import JobDir, RunDir, State, Status, boot_id
from gentui.jobs.job_types import Kind, kind_of, last_error
from gentui.text.sanitize import clean

DEFAULT_GRACE = 30.0
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def grace_of(state: State) -> float:
    """Seconds between the request to stop this job and SIGKILL."""
    grace = state.extra.get("grace")
    return float(grace) if isinstance(grace, int | float) else DEFAULT_GRACE


@dataclass(frozen=True)
class Exit:
    """What the kernel said of an ended process: an exit code or a signal; ``oom``: memory had run out."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False


def last_word(job: JobDir, attempt: int) -> dict[str, Any]:
    """What the attempt's process itself said of its end; empty when it said nothing."""
    return kind_of(job).last_word(job, attempt)


def ended(job: JobDir, state: State, exit: Exit) -> State:
    """The end state of a job whose process's exit status is known."""
    word = last_word(job, state.attempt)
    status, reason = _judge(job, state, exit, word)
    return _final(state, status, reason).with_(exit_code=exit.code, signal=exit.signal)


def ended_unwatched(job: JobDir, state: State) -> State:
    """The end state of a job that nobody saw end: its worker is gone and its lock is free.

    One that was claimed but whose process never began goes back to the queue.
    """
    kind, word = kind_of(job), last_word(job, state.attempt)
    match word.get("status"):
        case "done" | "failed" | "stopped":
            return _final(state, *_said(state, word))
    if isinstance(job, RunDir) and job.imported_from():
        return _final(state, *_unfollowed(state))
    if state.pid is None and not kind.has_begun(job, state.attempt):
        if state.stop_requested_at is not None:
            return _final(state, "stopped", kind.too_early)
        return state.with_(
            status="queued",
            attempt=state.attempt - 1,
            slot=state.extra.get("asked"),
            started_at=None,
            boot_id=None,
        )
    if state.stop_requested_at is not None:
        return _final(state, "stopped", f"stopped; it ended without a last word; {kind.after_kill}")
    if state.boot_id not in (None, boot_id()):
        return _final(state, "interrupted", "the machine was restarted while it ran")
    return _final(state, "lost", f"the {kind.process} vanished while no worker was watching it")


def _unfollowed(state: State) -> tuple[Status, str]:
    """Of an imported run whose follower is gone: no device waits for it, and nothing of it can go on here."""
    if state.stop_requested_at is not None:
        return "stopped", "it is no longer followed; the script that logs it may go on"
    if state.boot_id not in (None, boot_id()):
        return "interrupted", "the machine was restarted while it was followed; import it again"
    return "interrupted", "the `gentui import` that followed it was killed; import it again"


def _final(state: State, status: Status, reason: str) -> State:
    return state.with_(status=status, reason=clean(reason), ended_at=time.time())


def _said(state: State, word: dict[str, Any]) -> tuple[Status, str]:
    """What the trainer's own last word amounts to."""
    reason, step = clean(word.get("reason") or ""), word.get("step")
    match word.get("status"):
        case "done":
            return "done", reason
        case "failed":
            return "failed", reason or f"failed at step {step}"
        case _ if state.stop_requested_at is None:
            return "interrupted", f"ended by SIGTERM from outside gentui, at step {step}"
        case _:
            return "stopped", reason or f"stopped at step {step}"


def _judge(job: JobDir, state: State, exit: Exit, word: dict[str, Any]) -> tuple[Status, str]:
    kind = kind_of(job)
    said = word.get("status")
    if said == "done":  # what goes wrong after the last checkpoint and score takes nothing away from them
        return _said(state, word)
    if exit.signal is not None:
        return _by_signal(kind, state, exit, word)
    if said in ("stopped", "failed"):
        return _said(state, word)
    if state.stop_requested_at is not None and exit.code == 0:
        return "stopped", kind.too_early
    if sentence := kind.sentence(job, exit.code or 0):
        return "failed", sentence
    clue = last_error(job)
    what = f"the {kind.process} left without a word (exit code {exit.code})"
    return "failed", f"{clue} (exit code {exit.code})" if clue and exit.code else what


def _by_signal(kind: Kind, state: State, exit: Exit, word: dict[str, Any]) -> tuple[Status, str]:
    assert exit.signal is not None
    if word.get("status") == "failed":
        return _said(state, word)
    if state.stop_requested_at is not None:
        if word.get("status") == "stopped":
            return _said(state, word)
        if exit.signal == signal.SIGKILL and time.time() >= state.stop_requested_at + grace_of(state):
            waited = f"{grace_of(state):g} s"
            return (
                "stopped",
                f"killed, as it had not stopped within {waited}; {kind.after_kill}",
            )
        if exit.signal == signal.SIGTERM:
            return "stopped", kind.too_early
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
