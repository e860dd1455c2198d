"""How a run ended, in words a person understands: from its exit status, or from its log alone."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass
from typing import Any

from engine.events import last_event
from engine.rundir import RunDir, State, Status, boot_id
from gentui.text import clean

DEFAULT_GRACE = 30.0
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_CLUE = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt|Exit)\b.*|^\S.*: error: .*")


def grace_of(state: State) -> float:
    """Seconds between the request to stop this run and SIGKILL."""
    grace = state.extra.get("grace")
    return float(grace) if isinstance(grace, int | float) else DEFAULT_GRACE


@dataclass(frozen=True)
class Exit:
    """What the kernel said of an ended process: an exit code or a signal; ``oom``: memory had run out."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False


def last_word(run: RunDir, attempt: int) -> dict[str, Any]:
    """The attempt's last status event other than a phase; empty when it wrote none."""
    return last_event(run.events_path(attempt), _is_milestone) or {}


def _is_milestone(event: dict[str, Any]) -> bool:
    return event["kind"] == "status" and event.get("status") != "phase"


def has_log(run: RunDir, attempt: int) -> bool:
    try:
        return run.events_path(attempt).stat().st_size > 0
    except OSError:
        return False


def ended(run: RunDir, state: State, exit: Exit) -> State:
    """The end state of a trainer whose exit status is known."""
    word = last_word(run, state.attempt)
    status, reason = _judge(run, state, exit, word)
    return _final(state, status, reason).with_(exit_code=exit.code, signal=exit.signal)


def ended_unwatched(run: RunDir, state: State) -> State:
    """The end state of a run that nobody saw end: its worker is gone and its lock is free.

    A run that was claimed but whose trainer never began goes back to the queue.
    """
    word = last_word(run, state.attempt)
    match word.get("status"):
        case "done" | "failed" | "stopped":
            return _final(state, *_said(state, word))
    if state.pid is None and not has_log(run, state.attempt):
        if state.stop_requested_at is not None:
            return _final(state, "stopped", "stopped before training began")
        return state.with_(
            status="queued",
            attempt=state.attempt - 1,
            slot=state.extra.get("asked"),
            started_at=None,
            boot_id=None,
        )
    if state.stop_requested_at is not None:
        return _final(
            state, "stopped", "stopped; it ended without a last word, so go on from its last checkpoint"
        )
    if state.boot_id not in (None, boot_id()):
        return _final(state, "interrupted", "the machine was restarted while it ran")
    return _final(state, "lost", "the trainer vanished while no worker was watching it")


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


def _judge(run: RunDir, state: State, exit: Exit, word: dict[str, Any]) -> tuple[Status, str]:
    said = word.get("status")
    if said == "done":  # what goes wrong after the last checkpoint and score takes nothing away from them
        return _said(state, word)
    if exit.signal is not None:
        return _by_signal(state, exit, word)
    if said in ("stopped", "failed"):
        return _said(state, word)
    if state.stop_requested_at is not None and exit.code == 0:
        return "stopped", "stopped before training began"
    clue = last_line(run)
    if exit.code == 2:
        return "failed", clue or "the trainer refused the recipe (exit code 2)"
    what = f"the trainer left without a word (exit code {exit.code})"
    return "failed", f"{clue} (exit code {exit.code})" if clue and exit.code else what


def _by_signal(state: State, exit: Exit, word: dict[str, Any]) -> tuple[Status, str]:
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
                f"killed, as it had not stopped within {waited}; it can go on from its last checkpoint",
            )
        if exit.signal == signal.SIGTERM:
            return "stopped", "stopped before training began"
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


def last_line(run: RunDir, tail: int = 1 << 14) -> str:
    """The last line of ``log.txt`` that looks like an error message, cleaned; empty when there is none."""
    try:
        with run.log_path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - tail))
            lines = file.read(tail).decode(errors="replace").splitlines()
    except OSError:
        return ""
    clue = next((line for line in reversed(lines) if _CLUE.match(line)), "")
    return clean(clue, 300)
