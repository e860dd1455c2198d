"""Find a job's process and send signals to it, and to nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from engine.runs.directory import State, boot_id, process_start_time

WORKER = "gentui.jobs.worker"
"""The module of a worker's process, followed on its command line by ``--home DIR --slot SLOT``."""


def open_trainer(state: State) -> int | None:
    """Open a pidfd on the process that ``state`` names; None if that process is no longer running.

    Boot id, pid and start time must all match. The start time is compared after the pidfd is open: from then on the
    descriptor refers to that process even if the pid is reused.
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
    """Send SIGTERM to the process, and SIGCONT in case it is suspended. Return whether it was running."""
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


def continue_worker(home: Path, slot: str | None) -> None:
    """Send SIGCONT to the slot's worker if it is suspended: until then it records no end and starts nothing."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it has ended meanwhile, or belongs to another user
            if process.status() != psutil.STATUS_STOPPED or WORKER not in (words := process.cmdline()):
                continue
            match words[words.index(WORKER) + 1 :]:
                case ["--home", its_home, "--slot", its_slot, *_]:
                    if its_slot == slot and Path(its_home).samefile(home):
                        process.send_signal(signal.SIGCONT)


def kill_session(state: State) -> bool:
    """Send SIGKILL to the process and everything it started. Return whether anything was running.

    The process leads its own session. If it is gone, what it left behind (and what may still hold the run's lock) is
    found by that session's id and by not having started before it.
    """
    if state.pid is None or state.pid <= 1 or state.start_time is None or state.boot_id != boot_id():
        return False
    leader = open_trainer(state)
    hit = False
    try:
        if leader is not None:  # while the leader lives, its group id cannot be reused
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
    """Live processes of a session that started at ``not_before`` (clock ticks since boot) or later."""
    import psutil

    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):  # it has ended meanwhile
            if os.getsid(pid) != session or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                continue
            if (started := process_start_time(pid)) is not None and started >= not_before:
                members.append(pid)
    return members


def is_suspended(state: State) -> bool:
    """Whether the process is stopped by a signal or a debugger."""
    if state.pid is None or state.boot_id != boot_id() or process_start_time(state.pid) != state.start_time:
        return False
    import psutil

    try:
        return psutil.Process(state.pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def oom_kills() -> int | None:
    """How many processes the kernel has killed for lack of memory since boot; None if it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
