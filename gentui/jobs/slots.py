"""The device slots of this machine, and starting a worker for every slot that needs one."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from pathlib import Path

from engine.runs.directory import State
from gentui.jobs.orphans import has_worker, reconcile, worker_lock
from gentui.jobs.states import JobError, try_lock, unfinished
from gentui.machine.gpus import nvidia_gpu_count

_GIVE_UP = 30.0  # seconds before another worker replaces one that failed at once
_LOG_LIMIT = 1 << 20
_spawned: dict[tuple[Path, str], tuple[subprocess.Popen[bytes], float]] = {}


@functools.cache
def slots() -> tuple[str, ...]:
    """``cpu``, and ``cuda:N`` for each GPU that a trainer started from this process would see."""
    return ("cpu", *(f"cuda:{n}" for n in range(_gpus())))


def _gpus() -> int:
    if _torch_is_cpu_only():
        return 0
    count = nvidia_gpu_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or count == 0:
        return count
    chosen = []
    for name in (part.strip() for part in visible.split(",")):
        if not name or name == "-1" or (name.isdigit() and int(name) >= count):
            break  # as in CUDA, the list ends at the first device that does not exist
        chosen.append(name)
    return len(chosen)


def _torch_is_cpu_only() -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


def slot_for(device: str | None) -> str | None:
    """The slot of a requested device; None for any suitable one. Raises JobError if this machine lacks the device."""
    if device in (None, "auto"):
        return None
    if device == "cuda" and len(slots()) > 1:
        return None
    if device not in slots():
        raise JobError(f"there is no device {device} on this machine; it has {', '.join(slots())}")
    return device


def fits(state: State, slot: str) -> bool:
    """Whether a worker of ``slot`` may take this queued job. Jobs for any device go to GPUs if there are any."""
    if state.slot is not None:
        return state.slot == slot
    return slot != "cpu" or len(slots()) == 1


def ensure_workers(home: Path) -> None:
    """Start a worker for every slot without one that has queued jobs, or a running job that nobody watches."""
    pending = unfinished(home)
    for slot in slots():
        is_needed = any(
            fits(state, slot) if state.status == "queued" else state.slot == slot for _, state in pending
        )
        if is_needed and not has_worker(home, slot) and not _failed_just_now(home, slot):
            _spawn(home, slot)


def reconcile_and_spawn(home: Path) -> None:
    """Record the ends of orphaned jobs and start missing workers, as any process that watches the queue should."""
    reconcile(home)
    ensure_workers(home)


def _failed_just_now(home: Path, slot: str) -> bool:
    """Whether the last worker started here failed at once. One that was killed is replaced immediately."""
    process, at = _spawned.get((home, slot), (None, 0.0))
    if process is None or (code := process.poll()) is None:
        return False
    return code > 0 and time.monotonic() - at < _GIVE_UP


def _spawn(home: Path, slot: str) -> None:
    """Start a worker that inherits its lock, already held. So there is never a second worker, and a held lock means
    a worker that will check the queue once more before it exits."""
    lock = try_lock(worker_lock(home, slot), patience=0.2)
    if lock is None:
        return
    try:
        out = _open_log(home / "slots" / f"{slot}.worker.log")
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gentui.jobs.worker",
                 "--home", str(home), "--slot", slot, "--lock", str(lock)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home, start_new_session=True,
                pass_fds=(lock,),
            )  # fmt: skip
        finally:
            os.close(out)
    finally:
        os.close(lock)
    for key, (old, _) in list(_spawned.items()):
        if old.poll() is not None:  # also reaps it
            del _spawned[key]
    _spawned[home, slot] = (process, time.monotonic())


def _open_log(log: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        flags |= os.O_TRUNC
    return os.open(log, flags, 0o600)
