"""The machine is watched while a run trains: without the loop, in silence while no step is done."""

from __future__ import annotations

import threading

import torch

from engine.runs.events import EventWriter, iter_events
from engine.training import machine_monitor
from engine.training.machine_monitor import MachineMonitor

CPU = torch.device("cpu")


def values_of(path) -> list[dict]:
    return [event for event in iter_events(path) if event["kind"] == "system"]


def test_every_step_of_the_way_is_told_once_and_a_hanging_trainer_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_monitor, "SHORTEST", 0.01)
    monkeypatch.setattr(machine_monitor, "LONGEST", 0.02)
    writer = EventWriter(tmp_path / "events-1.jsonl")
    step, looked = 0, threading.Semaphore(0)

    def where() -> tuple[int, int]:
        looked.release()
        return step, step * 8

    with MachineMonitor(writer, where, tmp_path, CPU):
        for step in (0, 7, 7, 9):  # noqa: B007 - read by the monitor
            for _ in range(3):  # it has looked where training stands since the step was done
                assert looked.acquire(timeout=30)
    told = values_of(writer.path)
    assert [(event["step"], event["images"]) for event in told] == [(7, 56), (9, 72)]
    assert told[0]["values"]["process_memory_gib"] > 0
    assert 0 <= told[0]["values"]["disk_percent"] <= 100
    assert {"cpu_percent", "process_cpu_percent", "memory_percent", "swap_percent"} <= told[0]["values"].keys()
    assert not any(name.startswith("gpu") for name in told[0]["values"])


def test_what_cannot_be_told_here_is_left_out(tmp_path, monkeypatch):
    import psutil

    def refuse(*_: object) -> None:
        raise PermissionError("not in this container")

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    monitor = MachineMonitor(EventWriter(tmp_path / "events-1.jsonl"), lambda: (1, 8), tmp_path / "gone", CPU)
    monitor.read()
    assert {name.split("_")[0] for name in monitor.read()} <= {"net"}


def test_a_gpu_is_asked_through_torch_and_says_what_it_can(tmp_path, monkeypatch):
    cuda = torch.cuda
    monkeypatch.setattr(cuda, "get_device_properties", lambda d: type("P", (), {"total_memory": 4 << 30}))
    monkeypatch.setattr(cuda, "utilization", lambda d: 87)
    monkeypatch.setattr(cuda, "device_memory_used", lambda d: 1 << 30)
    monkeypatch.setattr(cuda, "power_draw", lambda d: 250_500)
    monkeypatch.setattr(cuda, "memory_reserved", lambda d: 1 << 29)

    def refuse(_: object) -> None:
        raise RuntimeError("no thermometer")

    monkeypatch.setattr(cuda, "temperature", refuse)
    monitor = MachineMonitor(
        EventWriter(tmp_path / "e.jsonl"), lambda: (1, 8), tmp_path, torch.device("cuda:0")
    )
    told = {name: value for name, value in monitor.read().items() if "gpu" in name}
    assert told == {
        "gpu_percent": 87.0,
        "gpu_memory_percent": 25.0,
        "gpu_watts": 250.5,
        "process_gpu_memory_gib": 0.5,
    }


def test_two_threads_write_whole_records(tmp_path):
    writer = EventWriter(tmp_path / "events-1.jsonl")

    def write(kind) -> None:
        for i in range(300):
            writer.emit(kind, step=i, images=i, values={"x" * 50: 1.0})

    threads = [threading.Thread(target=write, args=(kind,)) for kind in ("system", "metrics")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = list(iter_events(writer.path))
    assert len(events) == 600
    for kind in ("system", "metrics"):
        assert [e["step"] for e in events if e["kind"] == kind] == list(range(300))
