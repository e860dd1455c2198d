"""A run's current status: the state file checked against the live processes."""

from __future__ import annotations

import os
import time

from engine.runs.directory import RunDir, State
from gentui.index.rows import RunRow
from gentui.jobs import exit_reason
from gentui.jobs.orphans import is_at_work
from gentui.jobs.processes import is_suspended
from gentui.jobs.slots import label
from gentui.jobs.states import read_state

SILENT_AFTER = 60.0


def refresh(row: RunRow) -> None:
    """Update the status and the fields from ``state.json`` of a run that had not ended when it was indexed."""
    run = RunDir(row.dir)
    state = read_state(run)
    if state is None:
        return
    status, reason = status_now(run, state)
    row.status, row.reason = status, reason
    row.attempt, row.slot, row.pid = state.attempt, state.slot and label(state.slot), state.pid
    row.started_at, row.ended_at = state.started_at, state.ended_at
    row.exit_code, row.signal = state.exit_code, state.signal


def status_now(run: RunDir, state: State) -> tuple[str, str]:
    """(status, reason) of a run whose ``state.json`` says ``state``."""
    if state.status != "running":
        return state.status, state.reason
    if not is_at_work(run, state):
        now = read_state(run)  # another process may have recorded it
        if now is None or now.status != "running":
            return (now.status, now.reason) if now else ("lost", "its state.json cannot be read")
        end = exit_reason.ended_unwatched(run, state)
        return end.status, end.reason
    if state.stop_requested_at is not None:
        return "running", "stopping"
    if is_suspended(state):
        return "stalled", f"the trainer is suspended; `kill -CONT {state.pid}` continues it"
    silent = _last_sign_of_life(run, state)
    if time.time() - silent > SILENT_AFTER:
        at = time.strftime("%H:%M:%S", time.localtime(silent))
        return "stalled", f"the trainer has written nothing since {at}"
    return "running", ""


def _last_sign_of_life(run: RunDir, state: State) -> float:
    times = [state.started_at or 0.0]
    for path in (run.events_path(state.attempt), run.log_path):
        try:
            times.append(os.stat(path).st_mtime)  # noqa: PTH116
        except OSError:
            continue
    return max(times)
