"""The machine: GPUs, processor, memory, disk, queues and processes, as a table of now or charts of the last hour."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.timer import Timer

from gentui.config import key_table
from gentui.jobs.launchers.local.slot_queues import queue_by_slot
from gentui.jobs.launchers.slurm.crowd import crowds
from gentui.machine.gpus import Gpu, gpu_summary
from gentui.machine.monitor import Crowd, MachineState, Process, SlotJob, sample
from gentui.runs import naming
from gentui.text import numbers
from gentui.text.matching import matcher
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.curves import ChartStyle
from gentui.tui.index_reader import SLOW, Query
from gentui.tui.machine_history import History
from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.chart_grid import ChartGrid, ChartPage
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

COLUMNS = (
    Column("what", flex=True, minimum=22, maximum=34),
    Column("use", minimum=15, maximum=15),
    Column("", flex=True, minimum=36, maximum=90),
)
EVERY = 2.0
"""Seconds between two samples while the screen is on top."""
INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0)
NEARLY_FULL = 0.95
"""A meter from here on is a warning."""
MOST_PROCESSES = 30
"""Processes that are shown without a filter."""


class MachineScreen(BaseScreen):
    """The state of the machine, sampled only while the screen is on top. ``samples``: how many were taken."""

    context = "machine"
    place = "machine"
    BINDINGS = key_table.bindings("machine")
    DEFAULT_CSS = "MachineScreen ChartGrid { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Any] = {}
        self._machine: MachineState | None = None
        self._timer: Timer | None = None
        self._is_sampling = False
        self._history = History()
        self._by_memory = self._shows_charts = False
        self._interval = 0.0
        self._page = 0
        self.samples = 0

    def body(self) -> ComposeResult:
        yield Filter("processes by name or number, charts by name", id="machine-filter")
        yield Table(COLUMNS, empty="Looking …")
        yield ChartGrid()

    def on_mount(self) -> None:
        self._set_interval(SLOW if self.gentui.low_bandwidth else EVERY, paused=True)
        self.query_one(Table).focus()

    def _set_interval(self, seconds: float, paused: bool = False) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._interval = seconds
        self._timer = self.set_interval(seconds, self._poll, pause=paused)

    def on_screen_resume(self) -> None:
        self._poll()
        if self._timer is not None:
            self._timer.resume()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def index_query(self) -> Query | None:
        return Query(lambda index: {run.id: run for run in index.runs()})

    def show(self, data: dict[str, Any]) -> None:
        self._runs = data
        self._fill()

    def _poll(self) -> None:
        if self._is_sampling or not self.is_active:  # a driver that hangs is asked once, not again and again
            return
        self._is_sampling = True

        def read() -> MachineState | None:
            try:
                home = self.gentui.home
                return replace(sample(home, queue_by_slot(home)), crowds=crowds())
            finally:
                self._is_sampling = False

        self.gentui.in_thread(read, self._take)

    def _take(self, machine: MachineState) -> None:
        self._machine, self.samples = machine, self.samples + 1
        self._history.add(time.monotonic(), machine)
        self._fill()

    def _fill(self) -> None:
        if self._machine is None or not self.is_mounted:
            return
        words = self.query_one(Filter).value
        if self._shows_charts:
            self._draw(words)
        else:
            rows = rows_of(self._machine, self._runs) + processes_in(
                self._machine, self._runs, words, self._by_memory
            )
            self.query_one(Table).set_rows(rows)

    def _draw(self, words: str) -> None:
        charts, every = self.query_one(ChartGrid), self._history.charts(words)
        first = self._page * charts.count % max(1, -(-len(every) // charts.count) * charts.count)
        waiting = f"No chart is called {clean(words, 60)}." if words.strip() else "Looking …"
        charts.show(
            ChartPage(every[first : first + charts.count], first, len(every), first, waiting),
            ChartStyle(axis="time", window=self._history.extent),
        )

    def on_chart_grid_capacity_changed(self) -> None:
        self._fill()

    def action_charts(self) -> None:
        """Switch between the table and the charts."""
        self._shows_charts = not self._shows_charts
        self.query_one(ChartGrid).display, self.query_one(Table).display = (
            self._shows_charts,
            not self._shows_charts,
        )
        self.set_focus(None if self._shows_charts else self.query_one(Table))
        self._fill()

    def action_metrics(self, by: int) -> None:
        self._page += by
        self._fill()

    def action_order(self) -> None:
        self._by_memory = not self._by_memory
        self.say("processes by " + ("memory" if self._by_memory else "processor"))
        self._fill()

    def action_pace(self, by: int) -> None:
        """Sample more often, or less."""
        at = min(range(len(INTERVALS)), key=lambda place: abs(INTERVALS[place] - self._interval))
        self._set_interval(INTERVALS[max(0, min(len(INTERVALS) - 1, at + by))])
        self.say(f"sampled every {self._interval:g} s")

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    def on_filter_edited(self) -> None:
        self._page = 0
        self._fill()

    def on_filter_closed(self) -> None:
        self.set_focus(None if self._shows_charts else self.query_one(Table))

    def on_input_submitted(self) -> None:
        self.on_filter_closed()

    def action_open(self) -> None:
        run = (self.query_one(Table).key or "").rpartition("\0")[2]
        if run in self._runs:
            self.gentui.open_run(run)
        else:
            self.say("There is no run behind this line.")

    def on_table_chosen(self) -> None:
        self.action_open()

    def action_back(self) -> None:
        if self.query_one(Filter).close():
            return
        if self._shows_charts:
            self.action_charts()
        else:
            self.say_where_to_go()


def rows_of(machine: MachineState, runs: dict[str, Any]) -> list[Row]:
    """GPUs, processor, memory, disk and queues as rows. ``runs``: RunRows by id, for their names."""
    rows = [heading("GPUs")]
    for gpu in machine.gpus:
        use = meter(gpu.utilisation) if gpu.utilisation is not None else ("–", "dim")
        rows.append(Row(f"gpu{gpu.number}", (f"{gpu.number}  {gpu.name}", use, gpu_summary(gpu, busy=False))))
        rows += _processes(gpu, runs)
    if not machine.gpus:
        rows.append(Row("no gpu", ("none", ("–", "dim"), (machine.no_gpus, "dim"))))
    free = machine.disk[1] - machine.disk[0]
    rows += [
        heading("Processor, memory, disk"),
        Row("cpu", ("CPU", meter(machine.cpu), f"{machine.cpus} cores · load {machine.load:.1f}")),
        Row("memory", ("memory", meter(_part(machine.memory)), numbers.used_of_total(machine.memory))),
        Row("disk", ("disk of the runs", meter(_part(machine.disk)), f"{free / 2**30:.1f} GiB left")),
    ]
    for slot, jobs in machine.queues.items():
        rows.append(heading(f"Queue of {clean(slot, 20)}"))
        rows += [_job(slot, job, runs) for job in jobs]
        if not jobs:
            rows.append(Row(f"idle {slot}", (("idle", "dim"), "", ("nothing runs, nothing waits", "dim"))))
    if machine.crowds:
        rows.append(heading("Slurm's queue, of everybody"))
        rows += [Row(f"partition {crowd.name}", _crowd(crowd)) for crowd in machine.crowds]
    return rows


def _crowd(crowd: Crowd) -> tuple[Cell, ...]:
    """A partition of Slurm in a line."""
    words = [f"{crowd.running} running", numbers.plural(crowd.users, "user")]
    if crowd.mine_running or crowd.mine_waiting:
        words.append(f"yours: {crowd.mine_running} running, {crowd.mine_waiting} waiting")
    if crowd.first is not None:
        words.append(f"the first waits {numbers.clock(max(0.0, time.time() - crowd.first))}")
    return (crowd.name, (f"{crowd.waiting} waiting", "" if crowd.waiting else "dim"), " · ".join(words))


def processes_in(machine: MachineState, runs: dict[str, Any], words: str, by_memory: bool) -> list[Row]:
    """The processes that match the pattern ``words``, the greatest first; without one the greatest of all."""
    if not machine.processes:
        return []
    picks = matcher(words)[0]
    chosen = [one for one in machine.processes if picks(f"{one.pid} {one.name}")]
    chosen.sort(
        key=lambda one: ((one.bytes, one.cpu) if by_memory else (one.cpu, one.bytes), one.pid), reverse=True
    )
    shown = chosen if words.strip() else chosen[:MOST_PROCESSES]
    title = f"Processes by {'memory' if by_memory else 'processor'}: {len(shown)} of {len(machine.processes)}"
    return [heading(title), *(_process(one, runs) for one in shown)]


def _process(one: Process, runs: dict[str, Any]) -> Row:
    run = runs.get(one.job)
    owner = f" · {clean(naming.label(run), 40)}" if run else f" · {clean(one.job, 40)}" if one.job else ""
    cells: tuple[Cell, ...] = (
        f"{one.name}  {one.pid}",
        f"{one.cpu:5.0%} of a core",
        f"{one.bytes / 2**20:,.0f} MiB{owner}",
    )
    return Row(f"pid{one.pid}\0{one.job}", cells)


def _part(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1] if pair[1] else 0.0


def meter(part: float) -> Cell:
    """A bar and a percentage, with a warning where it is nearly full."""
    text = f"{formatting.bar(part, 8)} {part:4.0%}"
    return (f"{text} !", "warn") if part >= NEARLY_FULL else text


def _processes(gpu: Gpu, runs: dict[str, Any]) -> list[Row]:
    rows = []
    for process in gpu.processes:
        run = runs.get(process.job)
        name = clean(naming.label(run), 40) if run else clean(process.job, 40) or "another process"
        used = f"{process.bytes / 2**30:.1f} GiB" if process.bytes is not None else "–"
        key = f"process{gpu.number}.{process.pid}\0{process.job}"
        rows.append(Row(key, (f"   {name}", used, (f"pid {process.pid}", "dim"))))
    return rows


def _job(slot: str, job: SlotJob, runs: dict[str, Any]) -> Row:
    run = runs.get(job.id)
    place = formatting.status("running")[0] if job.place == 0 else f"◌ {job.place} in line"
    detail = job.kind if run is None else f"{job.kind} {clean(naming.label(run), 60)}"
    if job.where:
        detail += f" · on {clean(job.where, 40)}"
    if run is not None and run.elsewhere and run.reason:
        detail += f" · {clean(run.reason, 80)}"
    if run is not None and job.place == 0 and run.steps:
        detail += f" · step {run.step:,} of {run.steps:,} · {formatting.time_left(run)} left"
    return Row(f"job {slot}\0{job.id}", (job.id, (place, "good" if job.place == 0 else "dim"), detail))
