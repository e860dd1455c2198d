"""The machine screen. There is no GPU where these tests run: NVML's answers are made up, by its own types' names, and
so are the files by which the kernel tells of AMD's."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest

from gentui.jobs import launchers
from gentui.jobs.launchers.local import slot_queues, slots
from gentui.jobs.launchers.slurm import crowd
from gentui.jobs.launchers.slurm import launcher as slurm_launcher
from gentui.machine import gpus, monitor
from gentui.tui.machine_history import History
from gentui.tui.screens.machine import gauges_of, rows_of
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.gauges import Gauge, Gauges, graph_of, line_of_history, lines_of
from gentui.tui.widgets.table import Table
from tests.support.fake_slurm import FakeSlurm
from tests.support.ssh import FakeSsh


class Nvml(ModuleType):
    """As much of pynvml as is asked: two GPUs, the second of which tells next to nothing."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    class NVMLError_LibraryNotFound(NVMLError):
        pass

    def __init__(self, processes: list[SimpleNamespace] | None = None, missing: bool = False):
        super().__init__("pynvml")
        self.processes, self.missing, self.is_open = processes or [], missing, False

    def nvmlInit(self) -> None:
        if self.missing:
            raise self.NVMLError_LibraryNotFound("no library")
        self.is_open = True

    def nvmlShutdown(self) -> None:
        self.is_open = False

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetName(self, handle: int) -> bytes | str:
        return b"NVIDIA H100 \x1b[2J" if handle == 0 else "Old one"

    def __getattr__(self, name: str):
        answers = {
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=45, memory=10),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=12 << 30, total=80 << 30),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 302_400,
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetComputeRunningProcesses": self.processes,
        }
        if name not in answers:
            raise AttributeError(name)

        def ask(handle: int, *_: int):
            if handle:
                raise self.NVMLError("Not Supported")
            return answers[name]

        return ask


@pytest.fixture(autouse=True)
def sysfs(monkeypatch, tmp_path):
    """A kernel that knows no GPU; and how to write what it says: a path and its text."""
    monkeypatch.setattr(gpus, "SYSFS", tmp_path / "sys")

    def says(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    return says


@pytest.fixture
def nvml(monkeypatch):
    slots.slots()  # which are remembered, are those of this machine

    def use(nvml: Nvml) -> Nvml:
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        return nvml

    return use


async def test_without_nvml_a_sentence_says_so(desk, nvml):
    nvml(Nvml(missing=True))
    async with desk() as d:
        await d.opens("MachineScreen", "5")
        await d.sees("No NVIDIA GPU found", "CPU", "memory", "GiB left", "Queue of cpu", "nothing runs")
        assert (d.app.screen.query_one(Table).key or "").startswith("pid"), "what is not there cannot be chosen"


async def test_gpus_with_the_runs_on_them(desk, runs, nvml, size):
    run = runs.live(40, name="mine")
    run.write_state(run.read_state().with_(pid=os.getpid()))
    child = SimpleNamespace(pid=os.getpid(), usedGpuMemory=3 << 30)
    fake = nvml(Nvml([child, SimpleNamespace(pid=2**22 + 1, usedGpuMemory=None)]))
    async with desk(size) as d:
        screen = await d.opens("MachineScreen", "5")
        await d.sees("NVIDIA H100", "45%", "12.0/80.0 GiB", "61 °C", "302/700 W")
        await d.sees("mine", "3.0 GiB", "another process", "Old one", "no readings")
        assert not fake.is_open
        table = screen.query_one(Table)
        while not (table.key or "").startswith("process"):
            await d.press("down")
        assert (await d.opens("RunScreen", "enter")).run_id == run.id


AMD = {
    "card1/device/vendor": "0x1002",
    "card1/device/product_name": "AMD Instinct MI300X \x1b[2J",
    "card1/device/gpu_busy_percent": "87",
    "card1/device/mem_info_vram_used": str(48 << 30),
    "card1/device/mem_info_vram_total": str(192 << 30),
    "card1/device/hwmon/hwmon3/temp1_input": "54000",
    "card1/device/hwmon/hwmon3/power1_average": "412000000",
    "card1/device/hwmon/hwmon3/power1_cap": "750000000",
    "card1/device/drm/renderD129/dev": "226:129",
    "card1-DP-1/status": "disconnected",
    "card10/device/vendor": "0x1002",
    "card10/device/gpu_busy_percent": "many",
    "card0/device/vendor": "0x8086",
}
KFD = {
    "topology/nodes/0/gpu_id": "0",
    "topology/nodes/0/properties": "cpu_cores_count 16\ndrm_render_minor 0",
    "topology/nodes/1/gpu_id": "51234",
    "topology/nodes/1/properties": "simd_count 304\ndrm_render_minor 129",
}


async def test_gpus_of_amd_beside_those_of_nvidia(desk, runs, nvml, sysfs, size):
    run = runs.live(40, name="mine")
    run.write_state(run.read_state().with_(pid=os.getpid()))
    nvml(Nvml())
    sysfs({f"class/drm/{name}": text for name, text in AMD.items()})
    memory = {f"proc/{os.getpid()}/vram_51234": str(5 << 30), "proc/77/vram_51234": "0", "proc/78/vram_9": "1"}
    sysfs({f"class/kfd/kfd/{name}": text for name, text in {**KFD, **memory}.items()})
    async with desk(size) as d:
        screen = await d.opens("MachineScreen", "5")
        await d.sees("GPU 0", "Old one", "GPU 2", "87%", "48.0/192 GiB", "54 °C", "412/750 W")
        await d.sees("mine", "5.0 GiB", "GPU 3", "no readings · AMD GPU")
        assert any("AMD Instinct MI300X" in gauge.detail for gauge in screen.query_one(Gauges)._gauges)
        table = screen.query_one(Table)
        while not (table.key or "").startswith("process"):
            await d.press("down")
        assert (await d.opens("RunScreen", "enter")).run_id == run.id


async def test_it_is_looked_at_only_while_it_is_shown(desk, nvml, monkeypatch):
    nvml(Nvml(missing=True))
    monkeypatch.setattr("gentui.tui.screens.machine.EVERY", 0.05)
    async with desk() as d:
        screen = await d.opens("MachineScreen", "5")
        await d.until(lambda: screen.samples > 2)
        await d.opens("HomeScreen", "1")
        await d.until(lambda: not screen._is_sampling)
        looks = screen.samples
        for _ in range(20):
            await d.pilot.pause(0.02)
        assert screen.samples == looks
        await d.opens("MachineScreen", "5")
        await d.until(lambda: screen.samples > looks)


def test_the_queue_in_its_order(home, runs):
    run = runs.live(40)
    waiting = [runs.make(status="queued", steps=0, name=name, fid=None, samples=0) for name in ("a", "b")]
    for place, one in enumerate(waiting):
        one.write_state(one.read_state().with_(queued_at=1000.0 - place))
    jobs = slot_queues.queue_by_slot(home)["cpu"]
    assert [(job.id, job.place) for job in jobs] == [(run.id, 0), (waiting[1].id, 1), (waiting[0].id, 2)]
    assert slot_queues.queue_summary(jobs) == f"{run.id}; 2 waiting"
    machine = monitor.MachineState((), "none", 0.5, 2, 1.0, (1, 2), (99, 100), {"cpu": jobs})
    lines = rows_of(machine, {})
    shown = [" ".join(cell if isinstance(cell, str) else cell[0] for cell in line.cells) for line in lines]
    assert any("◌ 2 in line" in line for line in shown)
    full = [gauge for gauge in gauges_of(machine, History()) if gauge.is_warning]
    assert [(gauge.name, gauge.value, gauge.detail[:2]) for gauge in full] == [("disk of runs", "99%", "! ")]


def test_a_child_of_a_trainer_is_its_run_s(tmp_path):
    assert monitor.job_of_process(os.getpid(), {os.getppid(): "run"}) == "run"
    assert monitor.job_of_process(2**22 + 1, {1: "run"}) == ""


def test_a_driver_that_fails_is_a_sentence(nvml, monkeypatch):
    fake = nvml(Nvml())

    def fail() -> int:
        raise fake.NVMLError("Driver/library version mismatch")

    monkeypatch.setattr(fake, "nvmlDeviceGetCount", fail)
    assert gpus.read_gpus(lambda pid: "") == (
        (),
        "NVIDIA GPUs cannot be read: Driver/library version mismatch.",
    )


async def test_the_machine_in_charts_since_it_was_looked_at(desk, size, nvml, monkeypatch):
    nvml(Nvml())
    monkeypatch.setattr("gentui.tui.screens.machine.EVERY", 0.05)
    async with desk(size) as d:
        screen = await d.opens("MachineScreen", "5")
        await d.until(lambda: screen.samples > 3)
        await d.press("c")
        await d.sees("cpu %", "cores: least %", "page 1 of")
        boxes = screen.query_one(ChartGrid).query(Chart)
        await d.until(lambda: boxes.first().drawings > 1)
        await d.press("slash", *"gpu0", "enter")
        await d.sees("gpu0 %", "gpu0 memory %")
        await d.until(lambda: "cpu %" not in d.text.replace("gpu0", ""))
        await d.press("m")
        await d.press("slash", *"moon")
        await d.sees("No chart is called moon.")
        await d.press("escape")
        await d.sees("cpu %")
        await d.press("escape")
        await d.until(lambda: screen.query_one("#machine-body").display)
        await d.press("plus")
        await d.sees("sampled every 0.5 s")
        await d.press("minus", "minus")
        await d.sees("sampled every 2 s")


async def test_processes_are_sorted_filtered_and_known_by_their_run(desk, runs, nvml):
    nvml(Nvml(missing=True))
    run = runs.live(40, name="mine")
    run.write_state(run.read_state().with_(pid=os.getpid()))
    async with desk((120, 60)) as d:
        screen = await d.opens("MachineScreen", "5")
        await d.sees("Processes by processor")
        await d.press("o")
        await d.sees("Processes by memory")
        await d.press("slash", *f"^{os.getpid()}", "enter")
        await d.sees(f"  {os.getpid()} ", "of a core", "MiB · trains mine", "Processes by memory: 1 of")
        await d.press("end")
        assert (screen.query_one(Table).key or "").startswith(f"pid{os.getpid()}")
        assert (await d.opens("RunScreen", "enter")).run_id == run.id


def test_rates_are_of_what_passed_between_two_looks():
    history = History()
    for at, read, sent in ((10.0, 0, 5 << 20), (12.0, 6 << 20, 5 << 20), (14.0, 2 << 20, 9 << 20)):
        history.add(at, monitor.MachineState(
            (), "", 0.5, 2, 1.0, (1, 4), (1, 2), {}, (), (0.25, 0.75), (0, 0), {"disk read": read, "net sent": sent}
        ))  # fmt: skip
    found = {curve.key: curve.lo.tolist() for chart in history.charts() for curve in chart}
    assert found["disk read MiB/s"][1:] == [3.0, 0.0]  # counters begin anew now and then
    assert found["net sent MiB/s"][1:] == [0.0, 2.0]
    assert (
        found["cores: least %"] == [25.0] * 3
        and found["memory %"] == [25.0] * 3
        and found["swap %"] == [0.0] * 3
    )
    assert history.extent == (0.0, 4.0)
    assert [[curve.key for curve in chart] for chart in history.charts("cores")] == [
        ["cpu %", "cores: least %", "cores: most %"]
    ]


def test_the_use_of_the_cores_is_since_the_last_look_of_whichever_thread(monkeypatch):
    work = iter([(100.0, 200.0), (101.0, 204.0), (104.0, 208.0), (104.0, 208.0)])
    monkeypatch.setattr(monitor, "_cores", [])
    monkeypatch.setattr(monitor, "_core_times", lambda: [next(work)])
    told: list[tuple[float, ...]] = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: told.append(monitor.core_usage()))
        thread.start()
        thread.join()
    assert told == [(0.25,), (0.75,), (0.0,)]


def test_what_a_process_uses_is_known_at_the_first_look(tmp_path):
    """In a process of its own: this one may have looked before."""
    code = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from gentui.machine import monitor\n"
        "busy = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "time.sleep(0.3)\n"
        "try:\n"
        f"    seen = monitor.sample(Path({str(tmp_path)!r}), {{}})\n"
        "finally:\n"
        "    busy.kill()\n"
        "print(next(one.cpu for one in seen.processes if one.pid == busy.pid))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0


async def test_runs_on_slurm_are_in_a_queue_of_their_host(desk, runs, nvml, monkeypatch, tmp_path):
    """Slurm's commands are scripts that print what is told."""
    nvml(Nvml(missing=True))
    monkeypatch.setattr(slurm_launcher, "FRESH", 0.0)
    monkeypatch.setattr(slurm_launcher, "_SLOWNESS", 0.0)
    launchers._launcher.cache_clear()
    slurm = FakeSlurm(tmp_path / "slurm", monkeypatch)
    run = runs.make(status="queued", steps=0, name="far away")
    on = {"launcher": "slurm", "name": "gpu", "job": "83", "token": "ab", "options": {}, "submitted_at": 1.0}
    run.write_state(run.read_state().with_(slot="gpu", extra={"on": on}))
    line = f"83|83|{{}}|gentui-{run.id}.ab|{{}}|1|1999999999|N/A|8:00:00|{{}}\n"
    slurm.answer("squeue", line.format("PENDING", "", "Priority"))
    async with desk((160, 40)) as d:
        await d.opens("MachineScreen", "5")
        await d.sees("Queue of gpu", "far away", "1 in line", "Slurm: Priority, others are before it")
        slurm.answer("squeue", line.format("RUNNING", "node7", "None"))
        await d.sees("Queue of gpu", "on node7", "starting on node7")
        await d.opens("RunsScreen", "2")
        await d.sees("far away", "running")
        await d.opens("RunScreen", "enter")
        await d.sees("far away", "gpu node7")


async def test_slurm_s_queue_of_everybody_is_shown_by_partition(desk, runs, nvml, monkeypatch, tmp_path):
    nvml(Nvml(missing=True))
    monkeypatch.setattr(crowd, "_answer", (0.0, ()))
    slurm = FakeSlurm(tmp_path / "slurm", monkeypatch)
    mine = f"gpu,big|PENDING|{crowd._me()}|{int(time.time()) - 7200}"
    slurm.answer("squeue", f"gpu|RUNNING|ann|1\n{mine}\ngpu|PENDING|bob|9999999999\n")
    async with desk((200, 50)) as d:
        await d.opens("MachineScreen", "5")
        await d.sees("Slurm's queue, of everybody", "2 waiting", "1 running · 3 users")
        await d.sees("big", "0 running · 1 user · yours: 0 running, 1 waiting", "the first waits 2:00")
        screen = d.app.screen
        seen = screen.samples
        screen._poll()
        await d.until(lambda: screen.samples > seen)
        assert sum("--states=PENDING,RUNNING" in call for call in slurm.calls) == 1


async def test_every_number_has_its_history_and_processes_say_what_they_run(desk, nvml, monkeypatch):
    nvml(Nvml())
    monkeypatch.setattr("gentui.tui.screens.machine.EVERY", 0.05)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "told-by-its-command"])
    try:
        async with desk((160, 48)) as d:
            screen = await d.opens("MachineScreen", "5")
            await d.until(lambda: screen.samples > 3)
            gauges = {gauge.name: gauge for gauge in screen.query_one(Gauges)._gauges}
            assert {"GPU 0", "  memory", "  heat", "  power", "CPU", "memory", "disk of runs"} <= gauges.keys()
            assert all(len(gauge.history) > 2 for gauge in gauges.values() if gauge.part is not None)
            assert all(gauge.top == 100 for gauge in gauges.values() if gauge.part is not None), "0 to 100 %"
            await d.sees("100%", "45%", "every 0.05 s")
            await d.press("slash", *"told-by-its", "enter")
            await d.sees(f"{sleeper.pid} ", "-c import time; time.sleep(600)")
            await d.press("escape")
            await d.resize(80, 24)
            await d.sees("CPU", "memory", "─ queue and processes")
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_graph_is_as_high_as_its_values():
    assert graph_of([0, 25, 50, 100], 100, 4, 2) == ["   █", " ▄██"]
    assert graph_of([math.nan, 0.1, 1000], 100, 5, 2) == ["    █", "   ▁█"], "a trace is seen, too much is full"
    assert line_of_history([1, 2, 4, 8], None, 2) == "▄█", "of the newest, to the largest of them"
    assert line_of_history([], None, 3) == "   " and line_of_history([1.0], 1.0, 0) == ""


def test_where_there_is_little_room_histories_stand_in_lines():
    gauges = [
        Gauge("CPU", "50%", "2 cores", 0.5, (10.0, 50.0), 100.0),
        Gauge("sent", "1.0 MiB/s", "", None, (1.0,)),
    ]
    low = ["".join(text for text, _ in line) for line in lines_of(gauges, 60, 2)]
    assert len(low) == 2 and "50%" in low[0] and "▁▄" in low[0] and "2 cores" in low[0] and "█" in low[1]
    high = ["".join(text for text, _ in line) for line in lines_of(gauges, 60, 12)]
    assert len(high) == 11 and high[1].startswith("100%") and high[9].startswith("  0%") and "▄" in high[5]
    assert all(len(line) <= 60 for line in [*low, *high])


async def test_a_run_on_a_machine_out_of_reach_is_said_to_run_there(
    desk, runs, nvml, home, monkeypatch, tmp_path
):
    """``ssh`` is a script that prints what it is told; the run's files say that it trains on."""
    nvml(Nvml(missing=True))
    FakeSsh(tmp_path / "ssh", monkeypatch).prints(
        "ssh: connect to host box2 port 22: Connection refused", code=255
    )
    (home / "hosts.toml").write_text('[box2]\nlauncher = "ssh"\n')
    run = runs.make(status="running", steps=3, name="far away")
    on = {"launcher": "ssh", "name": "box2", "host": "other"}
    extra = {"on": on, "host": "other", "called": "cuda:1"}
    run.write_state(
        run.read_state().with_(slot="cuda:GPU-8f3e", boot_id="theirs", started_at=time.time(), extra=extra)
    )
    run.log_path.touch()
    before = run.state_path.read_bytes()
    async with desk((160, 40)) as d:
        await d.opens("MachineScreen", "5")
        await d.sees("Queue of box2", "far away", "on cuda:1", "box2 cannot be reached since")
        await d.opens("RunsScreen", "2")
        await d.sees("far away", "running")
        await d.opens("RunScreen", "enter")
        await d.sees("far away", "box2 cuda:1", "box2 cannot be reach")
    assert run.state_path.read_bytes() == before
