"""The launcher of this machine. A job is alive exactly as long as a process holds its lock."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.runs.directory import JobDir, State, boot_id
from engine.runs.filesystems import is_shared
from gentui.jobs import exit_reason
from gentui.jobs.launchers.local.locks import has_worker, host_name
from gentui.jobs.launchers.local.processes import (
    continue_worker,
    is_suspended,
    kill_session,
    open_trainer,
    terminate,
)
from gentui.jobs.launchers.local.slots import (
    DEVICES,
    allowed,
    ensure_workers,
    needed,
    require_devices,
    slot_for,
)
from gentui.jobs.launchers.protocol import Jobs, Look, Request
from gentui.jobs.signs_of_life import last_sign_of_life
from gentui.jobs.states import queued
from gentui.text.sanitize import clean

HOST = "host"
"""The field of ``State.extra`` with the host whose worker took the job."""
QUIET_AFTER = 180.0
"""Seconds without a sign of life after which a job of another host may be given up."""


class LocalLauncher:
    """Jobs that workers of this machine take, and those that workers of another host with the same home have taken."""

    def admit(self, request: Request) -> State:
        before, count = request.before, request.devices
        if before is not None and request.device is None and "on" not in before.extra:
            asked = before.extra.get("asked")
            slot = asked if isinstance(asked, str) else None
            count = count or needed(before)
        else:
            slot = slot_for(request.device)
        require_devices(count or 1, "cpu" if slot == "cpu" else request.device)
        several = {DEVICES: count} if count and count > 1 else {}
        return queued(slot, request.attempt, allowed() | several)

    def tend(self, home: Path, pending: Jobs) -> None:
        ensure_workers(home, [(job, state) for job, state in pending if not other_host(state)])

    def look(self, jobs: Jobs) -> dict[str, Look]:
        return {job.id: _look(job, state) for job, state in jobs}

    def stop(self, job: JobDir, state: State) -> bool:
        return state.status == "queued" or terminate(state)

    def wake(self, home: Path, state: State) -> bool:
        if not other_host(state) and has_worker(home, state.slot):
            continue_worker(home, state.slot)
            return True
        return False

    def kill(self, home: Path, job: JobDir, state: State) -> bool:
        return not has_worker(home, state.slot) and _enforce(state)


def _look(job: JobDir, state: State) -> Look:
    if state.status != "running":
        return Look(False, state)
    if _is_at_work(job, state):
        if state.stop_requested_at is not None:
            return Look(True, state, standing="stopping")
        if is_suspended(state):
            why = f"the trainer is suspended; `kill -CONT {state.pid}` continues it"
            return Look(True, state, "stalled", why)
        return Look(True, state)
    if (host := other_host(state)) and not _is_given_up(job, state):
        asked = ", asked to stop" if state.stop_requested_at is not None else ""
        return Look(None, state, standing=f"on {host}{asked}; only its files can be seen from here")
    return Look(False, exit_reason.ended_unwatched(job, state))


def other_host(state: State) -> str:
    """The host of a running job that this machine cannot judge, for its locks and processes are of another kernel;
    else ""."""
    host = state.extra.get(HOST)
    if state.status != "running" or not isinstance(host, str) or state.boot_id in (None, boot_id()):
        return ""
    return "" if host == host_name() else clean(host, 60)


def _is_given_up(job: JobDir, state: State) -> bool:
    """Whether a job of another host has not been heard of for long, and was asked to stop or is on this machine's disk,
    where the other host must be an earlier name of this one, say of a container.

    If it lives after all, it leaves as soon as another trainer has taken its run.
    """
    if state.stop_requested_at is None and is_shared(job.path):
        return False
    newest = max(state.stop_requested_at or 0.0, last_sign_of_life(job, state, afresh=True))
    return time.time() > newest + max(QUIET_AFTER, exit_reason.grace_of(state))


def _is_at_work(job: JobDir, state: State) -> bool:
    """Whether the process of a job that is ``running`` lives. It holds the job's lock; where another user's lock
    cannot be opened, the process that ``state`` names decides."""
    try:
        return job.is_alive()
    except OSError:
        trainer = open_trainer(state)
        if trainer is not None:
            os.close(trainer)
        return trainer is not None


def _enforce(state: State) -> bool:
    """Do what the worker of an orphaned job would: kill it after the grace of a stop, and kill leftover children.

    Return whether anything was killed.
    """
    overdue = (
        state.stop_requested_at is not None
        and time.time() > state.stop_requested_at + exit_reason.grace_of(state)
    )
    trainer = open_trainer(state)
    if trainer is not None:
        os.close(trainer)
    return (overdue or (trainer is None and state.pid is not None)) and kill_session(state)
