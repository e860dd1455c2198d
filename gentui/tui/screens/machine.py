"""The machine: numbers of GPUs, processor, memory, disk and network with their histories, queues and processes; or
charts of the last hour."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
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
from gentui.tui.widgets.gauges import Gauge, Gauges
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

COLUMNS = (
    Column("what", flex=True, minimum=14, maximum=26, cut="middle"),
    Column("use", minimum=13, maximum=15),
    Column("", flex=True, minimum=20, maximum=120),
)
RATES = {
    "disk read": "disk read MiB/s", "disk written": "disk written MiB/s",
    "received": "net received MiB/s", "sent": "net sent MiB/s",
}  # fmt: skip
"""Names of rates, and of their histories."""
EVERY = 2.0
"""Seconds between two samples while the screen is on top."""
INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0)
FEW_GPUS = 2
"""More of them have a line each."""
NEARLY_FULL = 0.95
"""A meter from here on is a warning."""
MOST_PROCESSES = 30
"""Processes that are shown without a filter."""


class MachineScreen(BaseScreen):
    """The state of the machine, sampled only while the screen is on top. ``samples``: how many were taken."""

    context = "machine"
    place = "machine"
    BINDINGS = key_table.bindings("machine")
    DEFAULT_CSS = """
    MachineScreen ChartGrid { display: none; }
    MachineScreen #machine-body { height: 1fr; }
    MachineScreen #machine-numbers { width: 42%; max-width: 64; height: 100%; margin: 0 1 0 0; }
    MachineScreen #machine-work { width: 1fr; height: 100%; }
    MachineScreen Gauges { height: 1fr; width: 100%; }
    MachineScreen.-narrow #machine-body { layout: vertical; }
    MachineScreen.-narrow #machine-numbers { width: 100%; max-width: 100%; height: 45%; margin: 0; }
    MachineScreen.-narrow #machine-work { width: 100%; height: 1fr; }
    """

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
        yield Filter("processes by name, number or command, charts by name", id="machine-filter")
        with Horizontal(id="machine-body"):
            with Vertical(id="machine-numbers"):
                yield PaneTitle("machine", id="machine-title")
                yield Gauges()
            with Vertical(id="machine-work"):
                yield PaneTitle("queue and processes")
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

    def on_resize(self) -> None:
        self._fill()

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
            gauges = gauges_of(self._machine, self._history)
            if not self.is_wide:
                most = max(3, 9 * self.size.height // 20)
                self.query_one("#machine-numbers").styles.height = min(most, len(gauges) + 1)
            else:
                self.query_one("#machine-numbers").styles.height = "100%"
            self.query_one(Gauges).show(gauges)
            pace = f"every {self._interval:g} s"
            self.query_one("#machine-title", PaneTitle).show((("machine", "title"),), pace)
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
        self.query_one(ChartGrid).display = self._shows_charts
        self.query_one("#machine-body").display = not self._shows_charts
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


def gauges_of(machine: MachineState, history: History) -> list[Gauge]:
    """The numbers of a machine with their histories: GPUs, processor, memory, disk, then what disks and network do."""
    gauges: list[Gauge] = []
    for gpu in machine.gpus:
        gauges += _gauges_of_gpu(gpu, history, len(machine.gpus) > FEW_GPUS)
    if not machine.gpus:
        gauges.append(Gauge("GPU", "", f"none: {machine.no_gpus}"))
    cores = f"{machine.cpus} cores · load {machine.load:.1f}"
    free = (machine.disk[1] - machine.disk[0]) / 2**30
    gauges += [
        _gauge("CPU", machine.cpu, cores, history.recent("cpu %")),
        _gauge(
            "memory", _part(machine.memory), numbers.used_of_total(machine.memory), history.recent("memory %")
        ),
    ]
    if machine.swap[1]:
        used = numbers.used_of_total(machine.swap)
        gauges.append(_gauge("swap", _part(machine.swap), used, history.recent("swap %")))
    disk = _gauge("disk of runs", _part(machine.disk), f"{free:.1f} GiB left", history.recent("disk %"))
    gauges.append(replace(disk, is_slow=True))
    for name, series in RATES.items():
        if series.removesuffix(" MiB/s") not in machine.traffic:
            continue
        values = history.recent(series)
        known = [value for value in values if value == value]
        rate, most = (f"{known[-1]:.1f} MiB/s", f"most {max(known):.1f}") if known else ("–", "")
        gauges.append(Gauge(name, rate, most, None, values))
    return gauges


def _gauges_of_gpu(gpu: Gpu, history: History, is_short: bool) -> list[Gauge]:
    """Its use, memory, temperature and power; ``is_short``: in one line, with a history of its use."""
    name = f"gpu{gpu.number}"
    used = history.recent(f"{name} %")
    readings = gpu_summary(gpu, busy=False)
    has_readings = bool(gpu.memory or gpu.celsius is not None or gpu.watts is not None)
    if is_short or not has_readings:
        return [_gauge(f"GPU {gpu.number}", gpu.utilisation, f"{readings} · {gpu.name}", used)]
    found = [_gauge(f"GPU {gpu.number}", gpu.utilisation, gpu.name, used)]
    if gpu.memory:
        text = numbers.used_of_total(gpu.memory)
        found.append(_gauge("  memory", _part(gpu.memory), text, history.recent(f"{name} memory %")))
    if gpu.celsius is not None:
        found.append(Gauge("  heat", f"{gpu.celsius} °C", "", None, history.recent(f"{name} °C"), 100.0))
    if gpu.watts is not None:
        text = f"{gpu.watts:.0f}" + (f"/{gpu.limit:.0f}" if gpu.limit else "") + " W"
        found.append(Gauge("  power", text, "", None, history.recent(f"{name} W"), gpu.limit))
    return found


def _gauge(name: str, part: float | None, detail: str, history: tuple[float, ...]) -> Gauge:
    """A part of a whole, with a warning where it is nearly full. ``history``: in percent."""
    if part is None:
        return Gauge(name, "–", detail)
    is_full = part >= NEARLY_FULL
    return Gauge(name, f"{part:.0%}", ("! " if is_full else "") + detail, part, history, 100.0, is_full)


def rows_of(machine: MachineState, runs: dict[str, Any]) -> list[Row]:
    """What trains, waits and is on the GPUs as rows. ``runs``: RunRows by id, for their names."""
    rows: list[Row] = []
    for slot, jobs in machine.queues.items():
        name = f"Queue of {clean(slot, 20)}"
        rows.append(heading(name if jobs else f"{name}: idle, nothing runs, nothing waits"))
        rows += [_job(slot, job, runs) for job in jobs]
    if machine.crowds:
        rows.append(heading("Slurm's queue, of everybody"))
        rows += [Row(f"partition {crowd.name}", _crowd(crowd)) for crowd in machine.crowds]
    for gpu in machine.gpus:
        if gpu.processes:
            rows.append(heading(f"On GPU {gpu.number}"))
            rows += _processes(gpu, runs)
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
    chosen = [one for one in machine.processes if picks(f"{one.pid} {one.name} {one.command}")]
    chosen.sort(
        key=lambda one: ((one.bytes, one.cpu) if by_memory else (one.cpu, one.bytes), one.pid), reverse=True
    )
    shown = chosen if words.strip() else chosen[:MOST_PROCESSES]
    title = f"Processes by {'memory' if by_memory else 'processor'}: {len(shown)} of {len(machine.processes)}"
    return [heading(title), *(_process(one, runs) for one in shown)]


def _process(one: Process, runs: dict[str, Any]) -> Row:
    """A process with what it runs: the run it trains, else its command line."""
    run = runs.get(one.job)
    does = f"trains {clean(naming.label(run), 60)}" if run else clean(one.job, 40) or one.command
    size = f"{one.bytes / 2**20:,.0f} MiB"
    cells: tuple[Cell, ...] = (
        f"{one.name}  {one.pid}",
        f"{one.cpu:5.0%} of a core",
        (f"{size:>10} · {does}" if does else f"{size:>10}", "strong" if run else ""),
    )
    return Row(f"pid{one.pid}\0{one.job}", cells)


def _part(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1] if pair[1] else 0.0


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
    """A job with what it is called, its place in the queue, and how far it has come."""
    run = runs.get(job.id)
    place = formatting.status("running")[0] if job.place == 0 else f"◌ {job.place} in line"
    words = [job.kind]
    if job.where:
        words.append(f"on {clean(job.where, 40)}")
    if run is not None and run.elsewhere and run.reason:
        words.append(clean(run.reason, 80))
    if run is not None and job.place == 0 and run.steps:
        words.append(f"step {run.step:,} of {run.steps:,} · {formatting.time_left(run)} left")
    name = clean(naming.label(run), 60) if run is not None else job.id
    words += [job.id] if name != job.id else []
    return Row(f"job {slot}\0{job.id}", (name, (place, "good" if job.place == 0 else "dim"), " · ".join(words)))
