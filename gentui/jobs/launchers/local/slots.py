"""The device slots of this machine, and starting a worker for every slot that needs one.

A slot is ``cpu``, or a GPU by its UUID, ``cuda:GPU-8f3e…``: which GPU ``cuda:0`` is depends on the
``CUDA_VISIBLE_DEVICES`` of each shell, and a GPU must not get a second job because a second shell calls it otherwise.
Where NVML tells no UUIDs, and in the states of older runs, it is ``cuda:N`` as the shell calls it.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engine.runs.directory import JobDir, State
from engine.runs.files import FULL
from gentui.jobs.launchers.local.here import is_here
from gentui.jobs.launchers.local.locks import has_worker, make_slots_folder, worker_lock
from gentui.jobs.launchers.local.processes import WORKER
from gentui.jobs.launchers.protocol import Jobs
from gentui.jobs.states import JobError, in_order, try_lock
from gentui.machine.gpus import nvidia_gpu_count, nvidia_uuids

VISIBLE = "CUDA_VISIBLE_DEVICES"
ALLOWED, DEVICES, TAKEN = "allowed", "devices", "slots"
"""Fields of ``State.extra``: slots a job of any device may take, how many it needs at once, and which it has taken."""
_GIVE_UP = 30.0  # seconds before another worker replaces one that failed at once
_LOG_LIMIT = 1 << 20
_spawned: dict[tuple[Path, str], tuple[subprocess.Popen[bytes], float]] = {}


@functools.cache
def slots() -> tuple[str, ...]:
    """``cpu``, and the slot of each GPU that a trainer started from this process would see."""
    return ("cpu", *_gpus())


def device_names() -> tuple[str, ...]:
    """What this shell calls the ``slots()``: ``cpu``, ``cuda:0`` …"""
    return ("cpu", *(f"cuda:{n}" for n in range(len(slots()) - 1)))


def _gpus() -> list[str]:
    if _torch_is_cpu_only():
        return []
    uuids, count = nvidia_uuids(), nvidia_gpu_count()
    visible = os.environ.get(VISIBLE)
    names = list(map(str, range(count))) if visible is None else [part.strip() for part in visible.split(",")]
    chosen: list[str] = []
    for name in names if count else []:
        if not name or name == "-1" or (name.isdigit() and int(name) >= count):
            break  # as in CUDA, the list ends at the first device that does not exist
        if not uuids:
            chosen.append(f"cuda:{len(chosen)}")
            continue
        found = [uuids[int(name)]] if name.isdigit() else [uuid for uuid in uuids if uuid.startswith(name)]
        if len(found) != 1 and not name.startswith("MIG-"):  # a part of a GPU, which NVML does not list
            break
        chosen.append(f"cuda:{found[0] if found else name}")
    return list(dict.fromkeys(chosen))


def canonical(slot: str) -> str:
    """The slot that ``slot`` stands for: itself, or the GPU that this shell calls ``cuda:N``."""
    names = device_names()
    return slots()[names.index(slot)] if slot in names else slot


def label(slot: str) -> str:
    """A slot in few words: a GPU by its number in ``nvidia-smi``, ``cuda:1``, or by the beginning of its UUID."""
    uuid = slot.removeprefix("cuda:")
    if uuid == slot or uuid.isdigit():
        return slot
    known = _known_uuids()
    return f"cuda:{known.index(uuid)}" if uuid in known else f"cuda:{uuid[:12]}"


def older_name(slot: str) -> str | None:
    """What older versions of gentui called the slot where all GPUs were visible; None if they called it the same."""
    name = label(slot)
    return name if name != slot and name.removeprefix("cuda:").isdigit() else None


def device_of(slot: str) -> tuple[str, dict[str, str]]:
    """The ``--device`` of a process that works on a slot, and the environment variables under which it is that one."""
    uuid = slot.removeprefix("cuda:")
    return (slot, {}) if uuid == slot or uuid.isdigit() else ("cuda:0", {VISIBLE: uuid})


def devices_of(taken: Sequence[str]) -> tuple[str, dict[str, str]]:
    """As ``device_of``, for a process that works on several slots: GPUs, or the processor alone."""
    if len(taken) == 1:
        return device_of(taken[0])
    visible = os.environ.get(VISIBLE, "")
    here = [part.strip() for part in visible.split(",")] if visible else list(map(str, range(len(slots()))))
    names = [slot.removeprefix("cuda:") for slot in taken]
    return "cuda", {VISIBLE: ",".join(here[int(name)] if name.isdigit() else name for name in names)}


_known_uuids = functools.cache(nvidia_uuids)


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
    if device not in device_names():
        raise JobError(f"there is no device {device} on this machine; it has {', '.join(device_names())}")
    return canonical(device)


def require_devices(count: int, device: str | None) -> None:
    """Raise JobError unless a run can be shared by so many devices of this machine."""
    gpus = len(slots()) - 1
    if count == 1 or device == "cpu" or (device in (None, "auto") and not gpus):
        return
    if device not in (None, "auto", "cuda"):
        raise JobError(f"--device {device} names one GPU: leave it out, or say cuda, for {count} of them")
    if count > (usable := len(allowed().get(ALLOWED, ())) or gpus):
        raise JobError(f"{count} devices were asked for, and there are {usable} GPUs here")


def needed(state: State) -> int:
    """How many devices a job needs at once."""
    count = state.extra.get(DEVICES)
    return count if type(count) is int and 1 < count < 10**4 else 1


def taken(state: State) -> list[str]:
    """The slots that a running job has."""
    several = state.extra.get(TAKEN)
    if isinstance(several, list) and needed(state) > 1:
        return [canonical(str(slot)) for slot in several]
    return [canonical(state.slot)] if state.slot else []


def may_take(queue: Jobs, slot: str) -> list[tuple[JobDir, State]]:
    """What a worker of ``slot`` may take, of the queued jobs in order.

    A job for several GPUs is taken by the worker of the first that fits; those of the others take nothing behind it, so
    that their GPUs become free for it.
    """
    found = []
    for job, state in queue:
        if not fits(state, slot):
            continue
        if slot != "cpu" and needed(state) > 1 and slot != next(s for s in slots() if fits(state, s)):
            break
        found.append((job, state))
    return found


def allowed() -> dict[str, list[str]]:
    """For ``State.extra``: the only slots for a job of any device, if the shell that queues it restricts its GPUs."""
    return {ALLOWED: list(slots()[1:] or slots())} if os.environ.get(VISIBLE) is not None else {}


def fits(state: State, slot: str) -> bool:
    """Whether a worker of ``slot`` may take this queued job. Jobs for any device go to GPUs if there are any."""
    if not is_here(state):  # another launcher's
        return False
    if state.slot is not None:
        return canonical(state.slot) == slot
    only = state.extra.get(ALLOWED)
    if isinstance(only, list) and any(
        one in slots() or older_name(str(one)) for one in only
    ):  # not of another machine
        return slot in only
    return slot != "cpu" or len(slots()) == 1


def ensure_workers(home: Path, pending: Jobs) -> None:
    """Start a worker for every slot without one that has queued jobs, or a running job that nobody watches, among the
    unfinished jobs ``pending``."""
    waiting = in_order(pending)
    for slot in slots():
        is_needed = bool(may_take(waiting, slot)) or any(
            state.status == "running" and canonical(state.slot or "") == slot for _, state in pending
        )
        if is_needed and not has_worker(home, slot) and not _failed_just_now(home, slot):
            _spawn(home, slot)


def _failed_just_now(home: Path, slot: str) -> bool:
    """Whether the last worker started here failed at once. One that was killed is replaced immediately."""
    process, at = _spawned.get((home, slot), (None, 0.0))
    if process is None or (code := process.poll()) is None:
        return False
    return code > 0 and time.monotonic() - at < _GIVE_UP


def _spawn(home: Path, slot: str) -> None:
    """Start a worker that inherits its lock, already held. So there is never a second worker, and a held lock means
    a worker that will check the queue once more before it exits."""
    try:
        folder = make_slots_folder(home)
        lock = try_lock(worker_lock(home, slot), patience=0.2)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return  # the worker could begin nothing; the next process that looks at the queue tries again
    if lock is None:
        return
    try:
        out = _open_log(folder / f"{slot}.worker.log")
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER,
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
    try:
        return os.open(log, flags, 0o600)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
