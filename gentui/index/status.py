"""A run's current status: the state file checked against the live processes."""

from __future__ import annotations

import time

from engine.runs.directory import RunDir, State
from gentui.index.rows import RunRow
from gentui.jobs.launchers import look_at
from gentui.jobs.launchers.local.here import is_here, shown_slot
from gentui.jobs.launchers.local.launcher import other_host
from gentui.jobs.launchers.local.slots import label
from gentui.jobs.signs_of_life import last_sign_of_life
from gentui.jobs.states import read_state

SILENT_AFTER = 60.0
SILENT_ELSEWHERE_AFTER = 180.0
"""For runs of other hosts, whose files may be seen late."""


def refresh(row: RunRow) -> None:
    """Update the status and the fields from ``state.json`` of a run that had not ended when it was indexed."""
    run = RunDir(row.dir)
    state = read_state(run)
    if state is None:
        return
    status, reason = status_now(run, state)
    row.status, row.reason = status, reason
    row.attempt, row.slot, row.pid = state.attempt, _slot(state), state.pid
    row.started_at, row.ended_at = state.started_at, state.ended_at
    row.exit_code, row.signal = state.exit_code, state.signal


def _slot(state: State) -> str | None:
    slot = shown_slot(state.slot, state.extra)
    return slot and label(slot)


def status_now(run: RunDir, state: State) -> tuple[str, str]:
    """(status, reason) of a run whose ``state.json`` says ``state``."""
    if state.ended:
        return state.status, state.reason
    look = look_at(run, state)
    if look.alive is False and look.state.ended:
        now = read_state(run)  # another process may have recorded it
        if now is None or now.status != state.status:
            return (now.status, now.reason) if now else ("lost", "its state.json cannot be read")
    status, reason = look.shown
    if status == "running" and state.stop_requested_at is None:
        is_ours = look.alive and is_here(state) and not other_host(state)
        silent = last_sign_of_life(run, look.state, afresh=not is_ours)
        if time.time() - silent > (SILENT_AFTER if is_ours else SILENT_ELSEWHERE_AFTER):
            at = time.strftime("%H:%M:%S", time.localtime(silent))
            return "stalled", f"the trainer has written nothing since {at}" + (f", {reason}" if reason else "")
    return status, reason
