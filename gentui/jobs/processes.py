"""Which process is the trainer, and signals to it and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from engine.runs.directory import State, boot_id, process_start_time


def open_trainer(state: State) -> int | None:
    """A pidfd on the trainer that ``state`` names, or None when that very process is not running any more.

    Boot id, pid and start time must all match, and are compared again after the pidfd is open: from then
    on the descriptor means that process even if the pid is given away.
    """
    if state.pid is None or state.pid <= 1 or state.boot_id != boot_id():
        return None
    try:
        fd = os.pidfd_open(state.pid)
    except OSError:
        return None
    if state.start_time is None or process_start_time(state.pid) != state.start_time:
        os.close(fd)
        return None
    return fd


def terminate(state: State) -> bool:
    """SIGTERM to the trainer (and SIGCONT, so that a suspended one hears it); whether it was there."""
    fd = open_trainer(state)
    if fd is None:
        return False
    try:
        signal.pidfd_send_signal(fd, signal.SIGTERM)
        signal.pidfd_send_signal(fd, signal.SIGCONT)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def kill_session(state: State) -> bool:
    """SIGKILL to the trainer and everything it started; whether anything was there.

    The trainer leads its own session. When it is gone itself, what it left behind (and what may still hold
    the run's lock) is found by that session's number and by having started no earlier than it did.
    """
    if state.pid is None or state.pid <= 1 or state.start_time is None or state.boot_id != boot_id():
        return False
    leader = open_trainer(state)
    hit = False
    try:
        if leader is not None:  # while the leader lives, its group's number cannot be given away
            with contextlib.suppress(ProcessLookupError):
                os.killpg(state.pid, signal.SIGKILL)
                hit = True
        for pid in _session_members(state.pid, state.start_time):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                hit = True
    finally:
        if leader is not None:
            os.close(leader)
    return hit


def _session_members(session: int, not_before: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        fields = _stat_fields(int(entry.name))
        if fields and int(fields[3]) == session and int(fields[19]) >= not_before and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def _stat_fields(pid: int) -> list[str] | None:
    """``/proc/PID/stat`` from the state letter on: [0] state, [2] group, [3] session, [19] start time."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return stat[stat.rindex(")") + 2 :].split()


def is_suspended(state: State) -> bool:
    """Whether the trainer is stopped by a signal or a debugger (state T or t)."""
    if state.pid is None or state.boot_id != boot_id():
        return False
    fields = _stat_fields(state.pid)
    return bool(fields) and int(fields[19]) == state.start_time and fields[0] in "Tt"


def oom_kills() -> int | None:
    """How many processes the kernel has killed for want of memory since boot, or None when it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
