"""Two to eight runs side by side: scores and cost, settings that differ, samples of one step, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.metrics.namespaces import SYSTEM
from gentui.runs import compare, naming
from gentui.runs.metric_names import names_of, short_name
from gentui.runs.scores import SELECTION_CAPTION, is_selection, spread_text, value_text
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.index_reader import Query
from gentui.tui.overlay import OverlayEntry
from gentui.tui.screens.chart_data import ChartData, ChartRequest, read_charts
from gentui.tui.screens.chart_screen import ChartScreen
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import PictureGrid, at_step, sheet_of
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading
from gentui.tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, RunRow

TABS = (("charts", "c"), ("samples", "s"), ("scores", "Q"), ("settings", "o"))
LETTERS = "ABCDEFGH"
WATTS = f"{SYSTEM}gpu_watts"
KEYS_OF = {
    "samples": frozenset({"compare.older", "compare.newer"}),
    "charts": frozenset(
        f"compare.{name}" for name in ("maximise", "log_y", "axis", "smooth", "next_metrics", "cursor")
    ),
}
"""Of the keys in the bar, those about one tab."""
RUN_WIDTH, LABEL_WIDTH = 15, 24
"""Cells: the least of a run's column, and the most of the column of labels."""


@dataclass
class Comparison:
    """The runs as the index knew them when asked.

    ``settings``: those that differ, with the value of each run. ``scores``: those that stand for each run, by protocol.
    ``samples``: the sample grids of each run. ``joules``: the energy its GPUs took, None where it was not measured.
    """

    runs: list[RunRow]
    settings: dict[str, list[Any]]
    scores: dict[str, list[Evaluation | None]]
    samples: list[list[Any]]
    joules: list[float | None]
    chart_data: ChartData | None = None


def read_comparison(index: Index, ids: tuple[str, ...], charts: ChartRequest) -> Comparison:
    """Read those of the runs that are still there, and the charts in sight."""
    runs = []
    for run_id in ids:
        try:
            runs.append(index.run(run_id))
        except KeyError:
            continue
    metrics = {run.id: index.metric_keys(run.id) for run in runs}
    best = [compare.best_scores(index, run) for run in runs]
    data = None
    if runs:
        scored = names_of(score for scores in best for score in scores.values())
        present = tuple(one for one in charts.runs if one.run in metrics)
        every = list(dict.fromkeys(name for names in metrics.values() for name in names))
        data = read_charts(index, runs[0], every, scored, replace(charts, runs=present))
    return Comparison(
        runs,
        compare.different([run.settings for run in runs]),
        compare.comparable(best),
        [index.samples(run.id) for run in runs],
        [_joules(index, run) if WATTS in metrics[run.id] else None for run in runs],
        data,
    )


def _joules(index: Index, run: RunRow) -> float | None:
    """The energy of a run: its mean power times the time it trained."""
    mean = index.series(run.id, WATTS, columns=1).mean
    return float(mean[0]) * run.seconds if len(mean) and np.isfinite(mean[0]) else None


class CompareScreen(ChartScreen):
    """Several runs side by side. ``ids``: the runs, the baseline first.

    ``comparison``: what is shown of them, None until it is read.
    """

    context = "compare"
    place = "runs"
    BINDINGS = key_table.bindings("compare")
    DEFAULT_CSS = """
    CompareScreen {
        & #legend { height: auto; max-height: 3; padding: 0 1; }
        & .pane { height: 1fr; width: 100%; }
    }
    """

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self._ids = tuple(dict.fromkeys(ids))[: compare.MOST]
        self._slots = {run: slot for slot, run in enumerate(self._ids)}  # their colours and markers
        self._tab = "scores"
        self._step: int | None = None  # None follows the newest pictures
        self._first_column = 1  # the first run that the tables show after the baseline
        self.comparison: Comparison | None = None

    def body(self) -> ComposeResult:
        yield Static(id="legend", markup=False)
        yield Tabs(TABS, self._tab)
        for name in ("scores", "settings"):
            with Container(id=name, classes="pane"):
                yield Table((Column(""),), id=f"{name}-table")
        with Container(id="samples", classes="pane"):
            yield PictureGrid(self.gentui.images)
        with Container(id="charts", classes="pane"):
            yield ChartGrid()

    def on_mount(self) -> None:
        self._show_tab()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show_all)
        self.call_after_refresh(self.ask)

    # -- from the index

    def index_query(self) -> Query | None:
        ids, charts = self._ids, self.chart_request()
        return Query(lambda index: read_comparison(index, ids, charts))

    def show(self, data: Comparison) -> None:
        self.comparison = data
        if data.runs and data.chart_data is not None:
            self.take_charts(data.runs[0], data.chart_data)
        self._show_all()

    def _show_all(self) -> None:
        if (comparison := self.comparison) is None or not self.is_mounted:
            return
        with self.app.batch_update():
            self.query_one("#legend", Static).update(legend(comparison.runs))
            self.query_one("#settings-table", Table).empty = "No setting differs."
            if self._tab == "scores":
                self._show_scores(comparison)
            elif self._tab == "settings":
                self._show_settings(comparison)
            elif self._tab == "samples":
                self._show_samples(comparison)
            else:
                self.show_charts()

    # -- tables

    def _columns_in_sight(self) -> list[int]:
        """The positions of the runs that the tables have room for, always with the baseline."""
        count = len(self.comparison.runs) if self.comparison else 0
        room = max(1, (self.size.width - LABEL_WIDTH - 2) // (RUN_WIDTH + 2) - 1)
        self._first_column = max(1, min(self._first_column, count - room))
        return [0, *range(self._first_column, min(count, self._first_column + room))][:count]

    def _fill(self, name: str, rows: list[tuple[str, str | None, list[Cell]]]) -> None:
        """Fill a table. A row is a label, a key (None for a heading) and a cell for each run."""
        assert self.comparison is not None
        table, places = self.query_one(f"#{name}-table", Table), self._columns_in_sight()
        names = list(naming.distinct_labels(self.comparison.runs).values())
        titles = [f"{LETTERS[place]} {names[place]}" for place in places]
        columns = [Column("", minimum=10, maximum=LABEL_WIDTH)]
        columns += [Column(title, flex=True, minimum=RUN_WIDTH, maximum=36) for title in titles]
        if columns != table.columns:
            table.columns = columns
            table.refresh()
        table.set_rows(
            [
                heading(label) if key is None else Row(key, (label, *(cells[place] for place in places)))
                for label, key, cells in rows
            ]
        )

    def _show_scores(self, comparison: Comparison) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for protocol, scores in comparison.scores.items():
            some = next(score for score in scores if score is not None)
            rows.append((clean(heading_of(scores), 300), None, []))
            best = compare.leaders(scores)
            cells = [score_cell(score, scores[0], place in best) for place, score in enumerate(scores)]
            rows.append((short_name(some), protocol, cells))
        if any(score is not None and is_selection(score) for of in comparison.scores.values() for score in of):
            rows.append((SELECTION_CAPTION, None, []))
        rows.append(("Cost", None, []))
        rows += [(label, label, cells) for label, cells in cost_of(comparison.runs, comparison.joules).items()]
        self._fill("scores", rows)

    def _show_settings(self, comparison: Comparison) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for group, settings in compare.grouped(comparison.settings).items():
            rows.append((clean(group, 60), None, []))
            for name, values in settings.items():
                cells = [setting_cell(value, values[0]) for value in values]
                rows.append((clean(name, 60), f"{group}.{name}", cells))
        self._fill("settings", rows)

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """Show the values of the row under the cursor in full."""
        if (comparison := self.comparison) is None or message.key is None:
            return
        if message.key in comparison.settings:
            values = comparison.settings[message.key]
            texts = (f"{LETTERS[place]} {numbers.setting(value)}" for place, value in enumerate(values))
            self.say(clean(f"{message.key}: {' · '.join(texts)}", 400))
        else:
            self.say("")

    # -- samples

    @property
    def steps(self) -> list[int]:
        """Every step at which one of the runs has a picture."""
        samples = self.comparison.samples if self.comparison else []
        return sorted({sample.step for run in samples for sample in run})

    def _show_samples(self, comparison: Comparison) -> None:
        shown: list[tuple[Sheet | None, str]] = []
        for place, run in enumerate(comparison.runs):
            sample = at_step(comparison.samples[place], self._step)
            if sample is None:
                shown.append((None, f"{LETTERS[place]} · no picture yet"))
            else:
                folder = self.gentui.home / "runs" / run.id
                shown.append((sheet_of(folder, sample), f"{LETTERS[place]} · step {sample.step:,}"))
        hidden = self.query_one(PictureGrid).show(shown)
        at = "the newest of each" if self._step is None else f"as of step {self._step:,}"
        self.say(at + (f" · no room for {plural(hidden, 'run')}" if hidden else ""))

    def action_scrub(self, by: int) -> None:
        steps = self.steps
        if self._tab != "samples":
            self.action_tab("samples")
        if not steps:
            self.say("There are no pictures yet.")
            return
        at = len(steps) - 1 if self._step is None else sum(step <= self._step for step in steps) - 1
        at, before = max(0, at + by), self._step
        self._step = None if at >= len(steps) - 1 and by > 0 else steps[min(at, len(steps) - 1)]
        self._show_all()
        if self._step == before:
            self.say("There are no older ones." if by < 0 else "There are no newer ones yet.")

    def action_newest(self) -> None:
        was_live, self._step = self._step is None, None
        if self._tab != "samples":
            self.action_tab("samples")
            return
        self._show_all()
        if was_live:
            self.say("The newest of each are shown already.")

    # -- curves

    @property
    def overlaid(self) -> tuple[OverlayEntry, ...]:
        names = (
            naming.distinct_labels(self.comparison.runs) if self.comparison else {run: run for run in self._ids}
        )
        return tuple(
            OverlayEntry(run, f"{LETTERS[place]} {name}", self._slots[run], is_baseline=not place)
            for place, (run, name) in enumerate(names.items())
        )

    @property
    def shows_charts(self) -> bool:
        return self._tab == "charts"

    def go_to_charts(self) -> None:
        self.action_tab("charts")

    def waiting_text(self) -> str:
        return "No step was logged."

    # -- keys

    def action_tab(self, name: str) -> None:
        self._tab = name
        self.say("")
        self._show_tab()
        self.call_after_refresh(self._show_all)

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        self.action_tab(message.name)

    def _show_tab(self) -> None:
        self.query_one(Tabs).active = self._tab
        self.query_one("#legend").display = self._tab != "charts"  # charts have one of their own
        self.query_one(KeyBar).leave_out(
            frozenset().union(*KEYS_OF.values()) - KEYS_OF.get(self._tab, frozenset())
        )
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        focus = {"scores": "#scores-table", "settings": "#settings-table", "samples": PictureGrid}.get(
            self._tab
        )
        self.set_focus(None if focus is None else self.query_one(focus))

    def action_sideways(self, by: int) -> None:
        if self._tab == "samples":
            self.action_scrub(by)
        elif self._tab == "charts":
            self.go_sideways(by)
        else:
            before = self._first_column
            self._first_column = max(1, before + by)
            self._show_all()
            if self._first_column == before:
                self.say("There is no other run on that side.")

    def action_baseline(self) -> None:
        """Make the next run the baseline."""
        self._ids = (*self._ids[1:], self._ids[0])
        self.ask()

    def action_choose(self) -> None:
        self.gentui.choose_runs(list(self._ids), replacing=self)

    def action_back(self) -> None:
        if not self.close_chart_layer():
            self.app.pop_screen()


def legend(runs: list[RunRow]) -> Content:
    """The letter, name and status of each run."""
    parts: list[tuple[str, str]] = []
    names = naming.distinct_labels(runs)
    for place, run in enumerate(runs):
        glyph, tone = formatting.status(run.status)
        parts += [("   " if place else "", ""), (f"{LETTERS[place]} ", "bold $secondary")]
        parts += [
            (names[run.id], "bold"),
            (f" {glyph}", {"bad": "$error"}.get(tone, "$text-muted")),
        ]
    if len(runs) < compare.FEWEST:
        parts.append(("   Nothing left to compare with: Esc goes back.", "$text-muted"))
    return Content.assemble(*parts)


def heading_of(scores: Sequence[Evaluation | None]) -> str:
    """What the ± of the scores is over, and the protocol that they have in common."""
    some = [score for score in scores if score is not None]
    spreads = dict.fromkeys(spread for score in some if (spread := spread_text(score)))
    return " · ".join([*spreads, some[0].protocol])


def score_cell(score: Evaluation | None, base: Evaluation | None, is_best: bool) -> Cell:
    """A score, its difference to the baseline, and a star at the best."""
    if score is None:
        return "–", "dim"
    text = value_text(score, numbers.number)
    change = compare.delta(score, base)
    if change is not None:
        text += f" ({'+' if change >= 0 else '−'}{numbers.number(abs(change))})"
    return (f"★ {text}", "good") if is_best else (f"  {text}", "")


def setting_cell(value: Any, base: Any) -> Cell:
    text = clean(numbers.setting(value), 120)
    return (text, "dim") if value == base else (text, "strong")


def cost_of(runs: list[RunRow], joules: Sequence[float | None]) -> dict[str, list[Cell]]:
    """Rows on the cost of each run; of the energy only where that of some run was measured."""
    share = [run.evaluation_share for run in runs]
    energy: dict[str, list[Cell]] = {"GPU energy": [numbers.energy(each) for each in joules]}
    return {
        "time": [numbers.duration(run.seconds) for run in runs],
        "images": [numbers.count(run.images) for run in runs],
        **(energy if any(each is not None for each in joules) else {}),
        "speed": [numbers.rate(run.images_per_s) for run in runs],
        "evaluation share": [f"{part:.1%}" if part is not None else "–" for part in share],
        "step": [f"{run.step:,} of {run.steps:,}" if run.steps else f"{run.step:,}" for run in runs],
        "parameters": [numbers.count(run.parameters) for run in runs],
        "device": [clean(" ".join(filter(None, (run.device, run.precision))), 30) or "–" for run in runs],
        "last loss": [numbers.number(run.loss) for run in runs],
    }
