from __future__ import annotations

import pytest

from engine.runs.directory import State
from gentui.jobs.launchers.local import slots as module
from gentui.jobs.launchers.local.slots import fits, slot_for
from gentui.jobs.states import JobError


@pytest.fixture
def machine(monkeypatch):
    """Pretend a machine with this many GPUs, and what CUDA_VISIBLE_DEVICES says."""

    def machine(gpus: int, visible: str | None = None, cpu_only: bool = False) -> tuple[str, ...]:
        monkeypatch.setattr(module, "nvidia_gpu_count", lambda: gpus)
        monkeypatch.setattr(module, "nvidia_uuids", lambda: ())
        monkeypatch.setattr(module, "_torch_is_cpu_only", lambda: cpu_only)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        module.slots.cache_clear()
        return module.slots()

    yield machine
    module.slots.cache_clear()


@pytest.mark.parametrize(
    ("gpus", "visible", "seen"),
    [
        (0, None, 0),
        (2, None, 2),
        (4, "2,3", 2),
        (2, "", 0),
        (2, "-1", 0),
        (2, "0,7,1", 1),
        (4, "GPU-1a,GPU-2b", 2),
    ],
)
def test_slots_are_the_cpu_and_every_gpu_a_trainer_would_see(machine, gpus, visible, seen):
    assert machine(gpus, visible) == ("cpu", *(f"cuda:{n}" for n in range(seen)))


def test_gpus_are_no_slots_when_torch_cannot_use_them(machine):
    assert machine(2, cpu_only=True) == ("cpu",)


def test_runs_of_any_device_go_to_gpus_where_there_are_some(machine):
    machine(2)
    anywhere, bound = State(slot=None), State(slot="cuda:1")
    assert [fits(anywhere, slot) for slot in module.slots()] == [False, True, True]
    assert [fits(bound, slot) for slot in module.slots()] == [False, False, True]
    machine(0)
    assert fits(anywhere, "cpu") and not fits(bound, "cpu")


def test_a_wanted_device_names_its_slot_or_is_refused(machine):
    machine(1)
    assert [slot_for(d) for d in (None, "auto", "cuda", "cpu", "cuda:0")] == [None, None, None, "cpu", "cuda:0"]
    with pytest.raises(JobError, match="no device cuda:1 on this machine; it has cpu, cuda:0"):
        slot_for("cuda:1")
    machine(0)
    with pytest.raises(JobError, match="no device cuda on this machine; it has cpu"):
        slot_for("cuda")
