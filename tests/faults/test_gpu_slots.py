"""Two shells that call the same GPU differently, or different GPUs the same: each GPU has one queue and one job.

There need be no GPU: NVML pretends to list some.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.runs.directory import RunDir, State, boot_id, is_locked
from gentui import jobs
from gentui.jobs.job_types import RUNS
from gentui.jobs.launchers.local import slots as module
from gentui.jobs.launchers.local.locks import slot_lock, worker_lock
from gentui.jobs.launchers.local.slot_queues import queue_by_slot
from gentui.jobs.states import locked_job, queue, try_lock
from gentui.jobs.worker import Worker
from tests.support.jobs import wait_for_status

NVML = """
class NVMLError(Exception):
    pass
def nvmlInit(): pass
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetUUID(number): return ("GPU-0a0a0a0a-0000", "GPU-1b1b1b1b-1111")[number]
"""
FIRST, SECOND = "cuda:GPU-0a0a0a0a-0000", "cuda:GPU-1b1b1b1b-1111"
TELLS_DEVICE = """
import os, sys
print("device", sys.argv[sys.argv.index("--device") + 1], "of", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
"""
Shell = Callable[..., "tuple[str, ...]"]


@pytest.fixture
def pynvml(tmp_path, monkeypatch) -> Path:
    """A folder with a ``pynvml`` that lists two GPUs, for processes; this one has it, too."""
    folder = tmp_path / "nvml"
    folder.mkdir()
    (folder / "pynvml.py").write_text(NVML)
    pretended = ModuleType("pynvml")
    exec(NVML, vars(pretended))
    monkeypatch.setitem(sys.modules, "pynvml", pretended)
    monkeypatch.setattr(module, "_torch_is_cpu_only", lambda: False)
    return folder


@pytest.fixture
def shell(pynvml, monkeypatch):
    """Become a shell with this CUDA_VISIBLE_DEVICES; the slots of a machine with two GPUs as it sees them."""

    def shell(visible: str | None) -> tuple[str, ...]:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        for cached in (module.slots, module._known_uuids):
            cached.cache_clear()
        return module.slots()

    yield shell
    for cached in (module.slots, module._known_uuids):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, [FIRST, SECOND]),
        ("0,1", [FIRST, SECOND]),
        ("1,0", [SECOND, FIRST]),
        ("1", [SECOND]),
        ("GPU-1b1b1b1b-1111", [SECOND]),
        ("GPU-1b", [SECOND]),
        ("GPU-", []),  # names no single GPU
        ("1,7,0", [SECOND]),
        ("1,1", [SECOND]),
        ("", []),
        ("-1", []),
        ("MIG-2c", ["cuda:MIG-2c"]),
    ],
)
def test_a_slot_is_a_gpu_whatever_the_shell_calls_it(shell, visible, seen):
    assert list(shell(visible)) == ["cpu", *seen]
    assert module.device_names() == ("cpu", *(f"cuda:{n}" for n in range(len(seen))))


def test_shells_that_see_different_gpus_share_no_lock(shell, home):
    shell("0")
    first = module.slot_for("cuda:0")
    shell("1")
    second = module.slot_for("cuda:0")
    assert worker_lock(home, first) != worker_lock(home, second) and slot_lock(home, first) != slot_lock(
        home, second
    )
    shell(None)
    assert [module.slot_for(name) for name in ("cuda:0", "cuda:1")] == [first, second]


def test_shells_that_see_the_same_gpu_share_its_worker(shell):
    shell("1")
    second = module.slot_for("cuda:0")
    shell("1,0")
    assert module.slot_for("cuda:0") == second


def test_a_device_that_the_shell_does_not_see_is_named_as_the_shell_names_devices(shell):
    shell("1")
    with pytest.raises(jobs.JobError, match="no device cuda:1 on this machine; it has cpu, cuda:0"):
        module.slot_for("cuda:1")


def test_a_job_of_any_device_keeps_to_the_gpus_of_the_shell_that_queued_it(shell):
    shell("1")
    state = State(extra={"asked": None, **module.allowed()})
    shell(None)
    assert [module.fits(state, slot) for slot in module.slots()] == [False, False, True]
    shell("")
    on_the_processor = State(extra={"asked": None, **module.allowed()})
    shell(None)
    assert [module.fits(on_the_processor, slot) for slot in module.slots()] == [True, False, False]
    of_another_machine = State(extra={"allowed": ["cuda:GPU-9999"]})
    assert [module.fits(of_another_machine, slot) for slot in module.slots()] == [False, True, True]
    assert [module.fits(State(), slot) for slot in module.slots()] == [False, True, True]


def test_queued_runs_with_the_slot_names_of_older_versions_run(shell):
    shell(None)
    older = State(slot="cuda:1", extra={"asked": "cuda:1"})
    assert [module.fits(older, slot) for slot in module.slots()] == [False, False, True]


def test_a_gpu_is_shown_by_its_number(shell):
    shell("1")
    assert (module.label(SECOND), module.label(FIRST)) == ("cuda:1", "cuda:0")
    assert (module.label("cpu"), module.label("cuda:3")) == ("cpu", "cuda:3")
    assert module.label("cuda:GPU-8f3e55aa-7777") == "cuda:GPU-8f3e55aa"


@pytest.fixture
def taken(make_run) -> Callable[[str], RunDir]:
    """A run that is training on a slot, in the state of its directory."""

    def taken(slot: str) -> RunDir:
        run = make_run()
        run.write_state(State("running", attempt=1, slot=slot, pid=1, start_time=1, boot_id=boot_id()))
        return run

    return taken


def test_queues_are_listed_by_gpu_whatever_the_states_call_them(shell, taken, home):
    shell(None)
    new, old = taken(FIRST), taken("cuda:1")
    with locked_job(new), locked_job(old):  # as their trainers would
        listed = queue_by_slot(home)
    assert list(listed) == ["cpu", "cuda:0", "cuda:1"]
    assert [[job.id for job in listed[name]] for name in ("cuda:0", "cuda:1")] == [[new.id], [old.id]]


def test_a_trainer_sees_the_gpu_of_its_slot_alone(shell, home, make_run, monkeypatch):
    monkeypatch.setenv(RUNS.hook, json.dumps([sys.executable, "-c", TELLS_DEVICE]))
    shell(None)
    run = make_run(status="stopped", log=b"")
    run.write_state(State("queued", slot=SECOND))
    Worker(home, SECOND).work()
    assert "device cuda:0 of GPU-1b1b1b1b-1111" in run.log_path.read_text()


def test_a_worker_waits_for_what_an_older_version_still_trains_on_its_gpu(shell, home, make_run, monkeypatch):
    monkeypatch.setenv(RUNS.hook, json.dumps([sys.executable, "-c", TELLS_DEVICE]))
    shell(None)
    run = make_run(status="stopped", log=b"")
    run.write_state(State("queued", slot="cuda:1"))
    held = try_lock(slot_lock(home, "cuda:1"))  # by an older trainer
    assert held is not None
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        assert run.read_state().status == "queued"
        if len(naps) == 3:
            os.close(held)

    monkeypatch.setattr("gentui.jobs.worker.time.sleep", nap)
    Worker(home, SECOND).work()
    assert len(naps) >= 3 and run.read_state().attempt == 1
    assert "of GPU-1b1b1b1b-1111" in run.log_path.read_text()


def test_two_shells_train_on_their_gpus_at_once(gentui, environment, pynvml, runs, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waits = f"open({str(gate)!r}).read()"
    environment["PYTHONPATH"] = str(pynvml)
    (pynvml / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nold = m.version\nm.version = lambda n: 'cuda' if n == 'torch' else old(n)\n"
    )
    environment["GENTUI_TRAINER"] = json.dumps([sys.executable, "-c", TELLS_DEVICE + waits])
    for visible in ("0", "1"):
        environment["CUDA_VISIBLE_DEVICES"] = visible
        queued = gentui("run", "digits-unet", "--device", "cuda:0")
        assert queued.returncode == 0, queued.stderr
    first, second = runs()
    assert [wait_for_status(run, "running").slot for run in (first, second)] == [FIRST, SECOND]  # neither waits
    listed = gentui("runs")
    assert listed.returncode == 0 and listed.stdout.count("running") == 2
    for run in (first, second):
        gentui("stop", "--grace", "0", "--wait", run.id)
    told = [run.log_path.read_text() for run in (first, second)]
    assert "device cuda:0 of GPU-0a0a0a0a-0000" in told[0] and "device cuda:0 of GPU-1b1b1b1b-1111" in told[1]


@pytest.fixture
def three_gpus(shell, pynvml, monkeypatch):
    """A machine with a third GPU."""
    nvml = sys.modules["pynvml"]
    uuids = ("GPU-0a0a0a0a-0000", "GPU-1b1b1b1b-1111", "GPU-2c2c2c2c-2222")
    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: 3)
    monkeypatch.setattr(nvml, "nvmlDeviceGetUUID", uuids.__getitem__)
    assert shell(None) == ("cpu", FIRST, SECOND, THIRD)


THIRD = "cuda:GPU-2c2c2c2c-2222"
TELLS_ALL = "import os, sys; print(sys.argv[2:], 'of', os.environ['CUDA_VISIBLE_DEVICES'], flush=True)"


def queued_at(run: RunDir, moment: float, **fields: Any) -> RunDir:
    extra = {"asked": None, **({"devices": fields.pop("devices")} if "devices" in fields else {})}
    run.write_state(State("queued", queued_at=moment, extra=extra, **fields))
    return run


def test_a_run_on_two_gpus_is_taken_by_the_first_that_fits_and_nobody_passes_it(three_gpus, home, make_run):
    before, several, behind = (make_run(status="stopped", log=b"") for _ in range(3))
    pinned = make_run(status="stopped", log=b"")
    queued_at(before, 1.0), queued_at(several, 2.0, devices=2), queued_at(behind, 3.0)
    queued_at(pinned, 4.0, slot=THIRD)
    jobs_of = {slot: [job.id for job, _ in module.may_take(queue(home), slot)] for slot in module.slots()}
    assert jobs_of == {
        "cpu": [], FIRST: [before.id, several.id, behind.id], SECOND: [before.id], THIRD: [before.id]
    }  # fmt: skip


def test_a_run_on_two_gpus_has_both_locks_and_sees_both(three_gpus, home, make_run, monkeypatch):
    monkeypatch.setenv(RUNS.hook, json.dumps([sys.executable, "-c", TELLS_ALL]))
    spawned = []
    monkeypatch.setattr("gentui.jobs.worker.ensure_workers", lambda home, pending: spawned.append(pending))
    run = queued_at(make_run(status="stopped", log=b""), 1.0, devices=2)
    busy, other = (try_lock(slot_lock(home, slot)) for slot in (SECOND, THIRD))  # by jobs of one GPU
    assert busy is not None and other is not None
    naps = []

    def nap(seconds: float) -> None:
        naps.append(run.read_state().status)
        assert not is_locked(run.lock_path)  # so that it can still be removed
        if len(naps) == 2:
            os.close(busy)

    monkeypatch.setattr("gentui.jobs.worker.time.sleep", nap)
    Worker(home, FIRST).work()
    state = run.read_state()
    os.close(other)
    assert state.extra["slots"] == [FIRST, SECOND] and module.taken(state) == [FIRST, SECOND]
    told = "'--device', 'cuda', '--devices', '2'] of GPU-0a0a0a0a-0000,GPU-1b1b1b1b-1111"
    assert told in run.log_path.read_text() and len(naps) >= 2
    assert not any(is_locked(slot_lock(home, slot)) for slot in module.slots())
    assert len(spawned) == 2  # as it began, for the GPUs that it does not need, and when its own became free


def test_more_gpus_than_there_are_or_one_by_name_are_refused(three_gpus, shell):
    module.require_devices(3, None)
    module.require_devices(8, "cpu")
    with pytest.raises(jobs.JobError, match="4 devices were asked for, and there are 3 GPUs here"):
        module.require_devices(4, None)
    with pytest.raises(jobs.JobError, match="--device cuda:1 names one GPU: leave it out, or say cuda, for 2"):
        module.require_devices(2, "cuda:1")
    shell("1")
    with pytest.raises(jobs.JobError, match="2 devices were asked for, and there are 1 GPUs here"):
        module.require_devices(2, "cuda")


def test_gpus_without_uuids_are_named_as_the_worker_sees_them(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    assert module.devices_of(["cuda:0", "cuda:2"]) == ("cuda", {"CUDA_VISIBLE_DEVICES": "3,7"})
    assert module.devices_of(["cpu"]) == ("cpu", {})
