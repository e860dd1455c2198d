"""The machine: what its GPUs, processor, memory and disk are doing, and what waits for which slot."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.timer import Timer

from gentui.machine import Gpu, Job, Machine, gpu_in_words, look, of
from gentui.text import clean
from gentui.tui import keys, wording
from gentui.tui.live import SLOW, Fetch
from gentui.tui.screens import deeds
from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

COLUMNS = (
    Column("what", minimum=12, maximum=34),
    Column("use", minimum=15, maximum=15),
    Column("", flex=True, minimum=20, maximum=90),
)
EVERY = 2.0
"""Seconds between two looks, while somebody looks."""
NEARLY_FULL = 0.95


class MachineScreen(BaseScreen):
    """Polled only while it is on top."""

    context = "machine"
    place = "machine"
    BINDINGS = keys.bindings("machine")

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, Any] = {}
        self._machine: Machine | None = None
        self._timer: Timer | None = None
        self._is_looking = False
        self.looks = 0

    def body(self) -> ComposeResult:
        yield Table(COLUMNS, empty="Looking …")

    def on_mount(self) -> None:
        self._timer = self.set_interval(SLOW if self.gentui.low_bandwidth else EVERY, self._poll, pause=True)
        self.query_one(Table).focus()

    def on_screen_resume(self) -> None:
        self._poll()
        if self._timer is not None:
            self._timer.resume()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def fetch(self) -> Fetch | None:
        return Fetch(lambda index: {run.id: run for run in index.runs()})

    def show(self, data: dict[str, Any]) -> None:
        self._names = data
        self._fill()

    def _poll(self) -> None:
        if (
            self._is_looking or not self.is_current
        ):  # a driver that hangs gets one question, not one more each time
            return
        self._is_looking = True

        def work() -> Machine | None:
            try:
                return look(self.gentui.home)
            finally:
                self._is_looking = False

        self.gentui.in_thread(work, self._take)

    def _take(self, machine: Machine) -> None:
        self._machine, self.looks = machine, self.looks + 1
        self._fill()

    def _fill(self) -> None:
        if self._machine is not None and self.is_mounted:
            self.query_one(Table).set_rows(rows_of(self._machine, self._names))

    def action_open(self) -> None:
        run = (self.query_one(Table).key or "").rpartition("\0")[2]
        if run in self._names:
            self.gentui.open_run(run)
        else:
            self.say("There is no run behind this line.")

    def on_table_chosen(self) -> None:
        self.action_open()

    async def action_back(self) -> None:
        await self.gentui.action_go("home")


def rows_of(machine: Machine, names: dict[str, Any]) -> list[Row]:
    """The lines of the screen. ``names``: runs by id, for what they are called."""
    rows = [heading("GPUs")]
    for gpu in machine.gpus:
        use = meter(gpu.utilisation) if gpu.utilisation is not None else ("–", "dim")
        rows.append(Row(f"gpu{gpu.number}", (f"{gpu.number}  {gpu.name}", use, gpu_in_words(gpu, busy=False))))
        rows += _processes(gpu, names)
    if not machine.gpus:
        rows.append(Row("no gpu", ("none", ("–", "dim"), (machine.no_gpus, "dim"))))
    free = machine.disk[1] - machine.disk[0]
    rows += [
        heading("Processor, memory, disk"),
        Row("cpu", ("CPU", meter(machine.cpu), f"{machine.cpus} cores · load {machine.load:.1f}")),
        Row("memory", ("memory", meter(_part(machine.memory)), of(machine.memory))),
        Row("disk", ("disk of the runs", meter(_part(machine.disk)), f"{free / 2**30:.1f} GiB left")),
    ]
    for slot, jobs in machine.queues.items():
        rows.append(heading(f"Queue of {clean(slot, 20)}"))
        rows += [_job(slot, job, names) for job in jobs]
        if not jobs:
            rows.append(Row(f"idle {slot}", (("idle", "dim"), "", ("nothing runs, nothing waits", "dim"))))
    return rows


def _part(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1] if pair[1] else 0.0


def meter(part: float) -> Cell:
    """A bar and a percentage; what is nearly full says so."""
    text = f"{wording.bar(part, 8)} {part:4.0%}"
    return (f"{text} !", "warn") if part >= NEARLY_FULL else text


def _processes(gpu: Gpu, names: dict[str, Any]) -> list[Row]:
    rows = []
    for process in gpu.processes:
        run = names.get(process.job)
        name = clean(deeds.label(run), 40) if run else clean(process.job, 40) or "another process"
        used = f"{process.bytes / 2**30:.1f} GiB" if process.bytes is not None else "–"
        key = f"process{gpu.number}.{process.pid}\0{process.job}"
        rows.append(Row(key, (f"   {name}", used, (f"pid {process.pid}", "dim"))))
    return rows


def _job(slot: str, job: Job, names: dict[str, Any]) -> Row:
    run = names.get(job.id)
    place = wording.status("running")[0] if job.place == 0 else f"◌ {job.place} in line"
    detail = job.kind if run is None else f"{job.kind} {clean(deeds.label(run), 60)}"
    if run is not None and job.place == 0 and run.steps:
        detail += f" · step {run.step:,} of {run.steps:,} · {wording.duration(run.eta_s)} left"
    return Row(f"job {slot}\0{job.id}", (job.id, (place, "good" if job.place == 0 else "dim"), detail))
