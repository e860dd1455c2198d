"""The worker of one slot: start the next queued job, wait, record how it ended, until the queue is empty.

Runs as ``python -P -m gentui.jobs.worker --home DIR --slot SLOT``, in its own session without a terminal. Killing it
loses nothing: the process it started (a trainer or an evaluation) continues, and the next worker waits for its end.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.runs.directory import JobDir, RunDir, State, boot_id, is_locked, process_start_time
from engine.runs.files import FULL, NotAPlainFile, open_plain_file
from gentui.jobs import exit_reason
from gentui.jobs.job_types import job_type_of
from gentui.jobs.launchers.local.here import CALLED, ON
from gentui.jobs.launchers.local.launcher import HOST
from gentui.jobs.launchers.local.locks import (
    host_name,
    make_slots_folder,
    older_slot_lock,
    slot_lock,
    worker_lock,
)
from gentui.jobs.launchers.local.processes import oom_kills, terminate
from gentui.jobs.launchers.local.slots import (
    TAKEN,
    canonical,
    devices_of,
    ensure_workers,
    fits,
    label,
    may_take,
    needed,
    older_name,
    slots,
)
from gentui.jobs.launching import sweep
from gentui.jobs.reconciling import reconcile, settled
from gentui.jobs.states import queue, read_state, try_lock, unfinished, update_state
from gentui.machine import disk

_POLL = 0.2  # seconds between checks of stop requests, orphans, and jobs that cannot be taken yet
_RETRY = 1.0  # seconds between attempts to write to a full disk
_LONGEST_PAUSE = 3.0
_LOCK_PATIENCE = 1.0  # other processes test our locks for an instant
_ROOM_PATIENCE = 660.0  # seconds beyond the grace; a trainer waits for 600 (engine/training/patience.py)
_WRITE_PATIENCE = 600.0  # how long to wait on a full disk before leaving a job's end to reconcile


class Worker:
    """The worker of ``slot`` (see ``gentui.jobs.slots``) for the jobs under ``home``."""

    def __init__(self, home: Path, slot: str, lock: int | None = None):
        self.home = home
        self.slot = slot
        self._inherited = lock
        self._slot_fd = -1
        self._others: dict[str, int] = {}
        """Locks of the further slots of a job that needs several, by slot."""

    def work(self) -> None:
        """Work until the queue is empty. Returns at once if the slot has a worker already."""
        make_slots_folder(self.home)
        while True:
            lock = self._inherited
            if lock is None:
                lock = try_lock(worker_lock(self.home, self.slot), _LOCK_PATIENCE)
            if lock is None:
                return
            self._inherited = None
            try:
                self._drain()
            finally:
                os.close(lock)
            # A process that queued a job while we held the lock started no worker: check once more.
            if not self._waiting():
                return

    def _waiting(self) -> list[JobDir]:
        return [job for job, _ in may_take(queue(self.home), self.slot)]

    def _drain(self) -> None:
        self._slot_fd = self._take_slot()
        try:
            reconcile(self.home)
            pause = _POLL
            while self._waiting():
                if self._run_next():
                    self._let_go()
                    pause = _POLL
                else:  # its lock is still held, or the disk is full
                    time.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._let_go()
            os.close(self._slot_fd)

    def _take_slot(self) -> int:
        """Wait until no process of an earlier worker is left on this slot, and handle its stop requests meanwhile."""
        names = [name for name in (self.slot, older_name(self.slot)) if name]
        older = [older_slot_lock(self.home, name) for name in names]
        older += [slot_lock(self.home, name) for name in names[1:]]
        while True:
            if not any(map(is_locked, older)):
                fd = try_lock(slot_lock(self.home, self.slot))
                if fd is not None:
                    return fd
            self._mind_orphans()
            time.sleep(_POLL)

    def _mind_orphans(self) -> None:
        for job, state in unfinished(self.home):
            if state.status == "running" and state.slot is not None and canonical(state.slot) == self.slot:
                with contextlib.suppress(OSError, ValueError):
                    settled(job)

    def _run_next(self) -> bool:
        """Take the first available job and run it to its end; False if there was none."""
        waiting = self._waiting()
        if waiting and disk.refusal(self.home) is not None:  # it would only fail, and all others after it
            return False
        for job in waiting:
            if not self._has_slots_for(job):
                return False
            lock = None
            try:
                lock = try_lock(job.lock_path, 0.3) if job.path.is_dir() else None
            except NotAPlainFile as error:
                self._refuse(job, f"its file lock cannot be used: {error.strerror}")
            except OSError:
                pass
            if lock is None:
                continue
            try:
                state = self._claim(job)
                if state is not None:
                    if self._others:
                        ensure_workers(self.home, unfinished(self.home))  # of the slots that it does not need
                    self._see_through(job, state, lock)
                    return True
            finally:
                os.close(lock)
        return False

    def _has_slots_for(self, job: JobDir) -> bool:
        """Take the further slots that a job needs as they become free; False until it has all of them."""
        state = read_state(job)
        count = needed(state) if state is not None and self.slot != "cpu" else 1
        if state is None or count == 1:
            self._let_go()
            return True
        for slot in slots():
            if len(self._others) < count - 1 and slot not in (self.slot, *self._others) and fits(state, slot):
                lock = try_lock(slot_lock(self.home, slot))
                if lock is not None:
                    self._others[slot] = lock
        return len(self._others) == count - 1

    def _let_go(self) -> None:
        """Free the further slots, and see that the jobs that wait for them are taken."""
        if self._others:
            for lock in self._others.values():
                os.close(lock)
            self._others = {}
            ensure_workers(self.home, unfinished(self.home))

    def _refuse(self, job: JobDir, reason: str) -> None:
        """Let a queued job fail that can never be taken."""
        with contextlib.suppress(OSError, ValueError):
            update_state(job, lambda s: _failed(s, reason) if s.status == "queued" else None)

    def _claim(self, job: JobDir) -> State | None:
        try:
            return update_state(job, self._claimed)
        except (OSError, ValueError) as error:
            _say(f"{job.id}: cannot be taken: {error}")
            return None

    def _claimed(self, state: State) -> State | None:
        if state.status != "queued" or not fits(state, self.slot):
            return None
        several: dict[str, Any] = {TAKEN: [self.slot, *self._others]} if self._others else {}
        if ON in state.extra:  # for those who look from elsewhere, and cannot tell our GPUs apart
            several[CALLED] = ", ".join(map(label, [self.slot, *self._others]))
        return state.with_(
            status="running", reason="", attempt=state.attempt + 1, slot=self.slot, started_at=time.time(),
            ended_at=None, pid=None, start_time=None, boot_id=boot_id(), exit_code=None, signal=None,
            extra={**state.extra, HOST: host_name(), **several},
        )  # fmt: skip

    def _see_through(self, job: JobDir, state: State, lock: int) -> None:
        """Run a claimed job to its recorded end. ``lock`` is held until the end is on disk."""
        now = read_state(job)
        if now is not None and now.stop_requested_at is not None:
            self._record(job, state, exit_reason.Exit(code=0))
            return
        oom_before = oom_kills()
        try:
            process = self._start(job, state, lock)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            self._record_failure(job, state, f"the {job_type_of(job).process_name} could not be started: {why}")
            return
        _say(f"{job.id}: attempt {state.attempt}, pid {process.pid}")
        _Watch(job, state, process).until_it_ends()
        exit = _exit_status(process)
        if exit.signal == signal.SIGKILL and oom_before is not None and (oom_kills() or 0) > oom_before:
            exit = exit_reason.Exit(signal=exit.signal, oom=True)
        self._record(job, state, exit)

    def _start(self, job: JobDir, state: State, lock: int) -> subprocess.Popen[bytes]:
        device, variables = devices_of([self.slot, *self._others])
        argv = job_type_of(job).argv(job, state.attempt, device, needed(state))
        variables = job_type_of(job).environment(job) | variables
        log = open_plain_file(job.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            return subprocess.Popen(
                argv, cwd=job.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=(lock, self._slot_fd, *self._others.values()),
                env={**variables, "GENTUI_HOME": str(self.home), "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        finally:
            os.close(log)

    def _record(self, job: JobDir, claimed: State, exit: exit_reason.Exit) -> None:
        self._finish(job, claimed, lambda state: exit_reason.ended(job, state, exit))

    def _record_failure(self, job: JobDir, claimed: State, reason: str) -> None:
        self._finish(job, claimed, lambda s: _failed(s, reason))

    def _finish(self, job: JobDir, claimed: State, end: Callable[[State], State]) -> None:
        """Write the final state, waiting for room on a full disk; an end that is already recorded is kept."""
        deadline = time.monotonic() + _WRITE_PATIENCE
        while True:
            try:
                state = update_state(job, lambda s: end(s) if _is_ours(s, claimed) else None)
                if state is not None:
                    _say(f"{job.id}: {state.status} {state.reason}")
                return
            except (FileNotFoundError, ValueError) as error:
                _say(f"{job.id}: its end cannot be recorded: {error}")
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    _say(f"{job.id}: its end cannot be recorded: {error}")
                    return
                time.sleep(_RETRY)


def _failed(state: State, reason: str) -> State:
    return state.with_(status="failed", reason=reason, ended_at=time.time())


def _is_ours(state: State, claimed: State) -> bool:
    return state.status == "running" and state.attempt == claimed.attempt


class _Watch:
    """Waits for one process, records its pid, and carries out requests to stop it."""

    def __init__(self, job: JobDir, claimed: State, process: subprocess.Popen[bytes]):
        self.job = job
        self.claimed = claimed
        self.process = process
        self._start_time = process_start_time(process.pid)
        self._recorded = False
        self._kill_at: float | None = None
        self._signature: tuple[int, int] | None = None

    def until_it_ends(self) -> None:
        """Wait until the process has ended and kill what it started. The process is not reaped yet."""
        pidfd = os.pidfd_open(self.process.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            self._look()
            while not poll.poll(_POLL * 1000):
                self._look()
        finally:
            os.close(pidfd)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _look(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # a full disk: the next check tries again
            if not self._recorded:
                update_state(self.job, self._identified)
                self._recorded = True
            stat = self.job.state_path.stat()
            if self._signature != (stat.st_mtime_ns, stat.st_ino):
                self._signature = (stat.st_mtime_ns, stat.st_ino)
                self._obey(self.job.read_state())
        if self._kill_at is None and not self.job.path.is_dir():
            self._stop_orphan()
        if self._kill_at is not None and time.monotonic() >= self._kill_at and not self._waits_for_room():
            self._kill_at = None
            os.killpg(self.process.pid, signal.SIGKILL)

    def _stop_orphan(self) -> None:
        """Stop a process whose job's directory was deleted or moved: nobody can stop it by its id any more."""
        _say(f"{self.job.id}: its directory is gone; the process is stopped")
        self.process.terminate()
        self._kill_at = time.monotonic() + exit_reason.DEFAULT_GRACE

    def _waits_for_room(self) -> bool:
        assert self._kill_at is not None
        return time.monotonic() < self._kill_at + _ROOM_PATIENCE and lacks_room(self.job)

    def _identified(self, state: State) -> State | None:
        """The state with the process's pid. A stop requested before there was one is carried out here."""
        if not _is_ours(state, self.claimed):
            return None
        identified = state.with_(pid=self.process.pid, start_time=self._start_time, boot_id=boot_id())
        return self._terminated(identified) or identified

    def _terminated(self, state: State) -> State | None:
        """The state once the process was sent the SIGTERM of a stop that was asked for; None if that is not due."""
        is_due = state.stop_requested_at is not None and "terminated_at" not in state.extra
        if not is_due or not _is_ours(state, self.claimed) or not terminate(state):
            return None
        return state.with_(extra={**state.extra, "terminated_at": time.time()})

    def _obey(self, state: State) -> None:
        if _is_ours(state, self.claimed) and state.stop_requested_at is not None and self._kill_at is None:
            self._kill_at = time.monotonic() + exit_reason.grace_of(state)
            if "terminated_at" not in state.extra:  # asked for on another host, which cannot send signals here
                update_state(self.job, self._terminated)


def lacks_room(job: JobDir) -> bool:
    """Whether the disk may be too full for another checkpoint of a run like its last: the trainer then waits."""
    if not isinstance(job, RunDir):
        return False
    try:
        last = sum(path.stat().st_size for path in job.checkpoint("last").iterdir())
    except OSError:  # there is none yet
        last = 0
    try:
        return shutil.disk_usage(job.path).free < last + (1 << 20)
    except OSError:
        return False


def _exit_status(process: subprocess.Popen[bytes]) -> exit_reason.Exit:
    code = process.wait()
    return exit_reason.Exit(signal=-code) if code < 0 else exit_reason.Exit(code=code)


def _say(text: str) -> None:
    try:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)
    except OSError as error:  # the worker's log is a convenience; the disk may be full
        if error.errno not in {*FULL, errno.EIO}:
            raise


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gentui.jobs.worker", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--slot", required=True)
    parser.add_argument("--lock", type=int, help="descriptor of the slot's worker lock, held and inherited")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sweep(options.home)
    if options.lock is not None:
        os.set_inheritable(options.lock, False)
    Worker(options.home, options.slot, options.lock).work()


if __name__ == "__main__":
    main()
