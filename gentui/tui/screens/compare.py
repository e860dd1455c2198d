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
from gentui.text import numbers
from gentui.text.numbers import plural, plus_minus
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.index_reader import Query
from gentui.tui.overlay import OverlayEntry
from gentui.tui.screens import charting
from gentui.tui.screens.charting import ChartScreen
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.pictures import Pictures, at_step, sheet_of
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading
from gentui.tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, RunRow

TABS = (("scores", "e"), ("settings", "o"), ("samples", "s"), ("charts", "c"))
LETTERS = "ABCDEFGH"
WATTS = f"{SYSTEM}gpu_watts"
CELL, LABEL = 15, 24  # cells wide: a run's column at least, and what the row is called


@dataclass
class Comparison:
    """What the index knew of the runs when asked. ``joules``: what their GPUs took, where that was watched."""

    runs: list[RunRow]
    settings: dict[str, list[Any]]
    scores: dict[str, list[Evaluation | None]]
    samples: list[list[Any]]
    joules: list[float | None]
    drawn: charting.ChartData | None = None


def look_up(index: Index, ids: tuple[str, ...], wanted: charting.ChartRequest) -> Comparison:
    """The runs that are still there, side by side, and the charts that are wanted of them."""
    runs = []
    for run_id in ids:
        try:
            runs.append(index.run(run_id))
        except KeyError:
            continue
    names = {run.id: index.metric_keys(run.id) for run in runs}
    best = [compare.best_scores(index, run) for run in runs]
    scored = [score.metric for scores in best for score in scores.values()]
    drawn = None
    if runs:
        here = tuple(one for one in wanted.laid if one.run in names)
        every = list(dict.fromkeys(name for of in names.values() for name in of))
        drawn = charting.look_up(index, runs[0], every, scored, replace(wanted, laid=here))
    return Comparison(
        runs,
        compare.different([run.settings for run in runs]),
        compare.beside(best),
        [index.samples(run.id) for run in runs],
        [_joules(index, run) if WATTS in names[run.id] else None for run in runs],
        drawn,
    )


def _joules(index: Index, run: RunRow) -> float | None:
    """By the power it took in the mean while it trained."""
    mean = index.series(run.id, WATTS, columns=1).mean
    return float(mean[0]) * run.seconds if len(mean) and np.isfinite(mean[0]) else None


class CompareScreen(ChartScreen):
    """``ids``: the runs, the first of which the others are measured against."""

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
        self._slots = {run: slot for slot, run in enumerate(self._ids)}  # of colours and markers
        self._tab = "scores"
        self._step: int | None = None  # None follows the newest pictures
        self._first = 1  # of the runs beside the first one, that the tables show
        self.seen: Comparison | None = None

    def body(self) -> ComposeResult:
        yield Static(id="legend", markup=False)
        yield Tabs(TABS, self._tab)
        for name in ("scores", "settings"):
            with Container(id=name, classes="pane"):
                yield Table((Column(""),), id=f"{name}-table")
        with Container(id="samples", classes="pane"):
            yield Pictures(self.gentui.images)
        with Container(id="charts", classes="pane"):
            yield ChartGrid()

    def on_mount(self) -> None:
        self._show_tab()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show_all)
        self.call_after_refresh(self.ask)

    # -- supply

    def index_query(self) -> Query | None:
        ids, wanted = self._ids, self.wanted_charts()
        return Query(lambda index: look_up(index, ids, wanted))

    def show(self, data: Comparison) -> None:
        self.seen = data
        if data.runs and data.drawn is not None:
            self.take_charts(data.runs[0], data.drawn)
        self._show_all()

    def _show_all(self) -> None:
        if (seen := self.seen) is None or not self.is_mounted:
            return
        with self.app.batch_update():
            self.query_one("#legend", Static).update(legend(seen.runs))
            self.query_one(f"#{TABS[1][0]}-table", Table).empty = "No setting differs."
            {"scores": self._show_scores, "settings": self._show_settings, "samples": self._show_samples,
             "charts": lambda _: self.show_charts()}[self._tab](seen)  # fmt: skip

    # -- tables

    def _shown(self) -> list[int]:
        """Places of the runs that the tables have room for: always the first, which the others are measured by."""
        count = len(self.seen.runs) if self.seen else 0
        room = max(1, (self.size.width - LABEL - 2) // (CELL + 2) - 1)
        self._first = max(1, min(self._first, count - room))
        return [0, *range(self._first, min(count, self._first + room))][:count]

    def _fill(self, name: str, rows: list[tuple[str, str | None, list[Cell]]]) -> None:
        """Rows of a label, the key (None for a heading) and a cell for each run."""
        assert self.seen is not None
        table, places = self.query_one(f"#{name}-table", Table), self._shown()
        names = list(naming.distinct_labels(self.seen.runs).values())
        titles = [f"{LETTERS[place]} {names[place]}" for place in places]
        columns = [Column("", minimum=10, maximum=LABEL)]
        columns += [Column(title, flex=True, minimum=CELL, maximum=36) for title in titles]
        if columns != table.columns:
            table.columns = columns
            table.refresh()
        table.set_rows(
            [
                heading(label) if key is None else Row(key, (label, *(cells[place] for place in places)))
                for label, key, cells in rows
            ]
        )

    def _show_scores(self, seen: Comparison) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for protocol, scores in seen.scores.items():
            known = next(score for score in scores if score is not None)
            rows.append((clean(known.protocol, 300), None, []))
            best = compare.leaders(scores)
            cells = [score_cell(score, scores[0], place in best) for place, score in enumerate(scores)]
            rows.append((clean(known.metric, 40), protocol, cells))
        rows.append(("What it cost", None, []))
        rows += [(label, label, cells) for label, cells in cost_of(seen.runs, seen.joules).items()]
        self._fill("scores", rows)

    def _show_settings(self, seen: Comparison) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for group, settings in compare.grouped(seen.settings).items():
            rows.append((clean(group, 60), None, []))
            for name, values in settings.items():
                cells = [setting_cell(value, values[0]) for value in values]
                rows.append((clean(name, 60), f"{group}.{name}", cells))
        self._fill("settings", rows)

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """The whole values of the row under the cursor, which its cells may not have room for."""
        if (seen := self.seen) is None or message.key is None:
            return
        if message.key in seen.settings:
            values = seen.settings[message.key]
            told = (f"{LETTERS[place]} {numbers.setting(value)}" for place, value in enumerate(values))
            self.say(clean(f"{message.key}: {' · '.join(told)}", 400))
        else:
            self.say("")

    # -- samples

    @property
    def steps(self) -> list[int]:
        """Every step at which one of the runs has a picture."""
        samples = self.seen.samples if self.seen else []
        return sorted({sample.step for run in samples for sample in run})

    def _show_samples(self, seen: Comparison) -> None:
        shown: list[tuple[Sheet | None, str]] = []
        for place, run in enumerate(seen.runs):
            sample = at_step(seen.samples[place], self._step)
            if sample is None:
                shown.append((None, f"{LETTERS[place]} · no picture yet"))
            else:
                folder = self.gentui.home / "runs" / run.id
                shown.append((sheet_of(folder, sample), f"{LETTERS[place]} · step {sample.step:,}"))
        hidden = self.query_one(Pictures).show(shown)
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
        is_followed, self._step = self._step is None, None
        if self._tab != "samples":
            self.action_tab("samples")
            return
        self._show_all()
        if is_followed:
            self.say("The newest of each are followed already.")

    # -- curves

    @property
    def laid(self) -> tuple[OverlayEntry, ...]:
        names = naming.distinct_labels(self.seen.runs) if self.seen else {run: run for run in self._ids}
        return tuple(
            OverlayEntry(run, f"{LETTERS[place]} {name}", self._slots[run], is_baseline=not place)
            for place, (run, name) in enumerate(names.items())
        )

    @property
    def shows_charts(self) -> bool:
        return self._tab == "charts"

    def go_to_charts(self) -> None:
        self.action_tab("charts")

    def waiting(self) -> str:
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
        self.query_one("#legend").display = self._tab != "charts"  # they have one of their own
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        self.set_focus(self.query_one(f"#{self._tab}-table") if self._tab in ("scores", "settings") else None)

    def action_sideways(self, by: int) -> None:
        if self._tab == "samples":
            self.action_scrub(by)
        elif self._tab == "charts":
            self.go_sideways(by)
        else:
            before = self._first
            self._first = max(1, before + by)
            self._show_all()
            if self._first == before:
                self.say("There is no other run on that side.")

    def action_baseline(self) -> None:
        """The next run becomes the one that the others are measured by."""
        self._ids = (*self._ids[1:], self._ids[0])
        self.ask()

    def action_choose(self) -> None:
        self.gentui.choose_runs(list(self._ids), replacing=self)

    def action_back(self) -> None:
        if not self.close_chart_layer():
            self.app.pop_screen()


def legend(runs: list[RunRow]) -> Content:
    """Each run's letter, name, status."""
    parts: list[tuple[str, str]] = []
    names = naming.distinct_labels(runs)
    for place, run in enumerate(runs):
        glyph, tone = formatting.status(run.status)
        parts += [("   " if place else "", ""), (f"{LETTERS[place]} ", "bold $accent")]
        parts += [
            (names[run.id], "bold"),
            (f" {glyph}", {"bad": "$error"}.get(tone, "$text-muted")),
        ]
    if len(runs) < compare.FEWEST:
        parts.append(("   There is nothing left to compare with: Esc goes back.", "$text-muted"))
    return Content.assemble(*parts)


def score_cell(score: Evaluation | None, base: Evaluation | None, is_best: bool) -> Cell:
    """A score, how far it is from the first run's, and a star at the best."""
    if score is None:
        return "–", "dim"
    text = plus_minus(score.value, score.std, numbers.number)
    change = compare.delta(score, base)
    if change is not None:
        text += f" ({'+' if change >= 0 else '−'}{numbers.number(abs(change))})"
    return (f"★ {text}", "accent") if is_best else (f"  {text}", "")


def setting_cell(value: Any, base: Any) -> Cell:
    text = clean(numbers.setting(value), 120)
    return (text, "dim") if value == base else (text, "strong")


def cost_of(runs: list[RunRow], joules: Sequence[float | None]) -> dict[str, list[Cell]]:
    """Time, images, energy where any is known, speed, the share of evaluations, size."""
    share = [run.evaluation_share for run in runs]
    energy: dict[str, list[Cell]] = {"GPU energy": [numbers.energy(known) for known in joules]}
    return {
        "time": [numbers.duration(run.seconds) for run in runs],
        "images": [numbers.count(run.images) for run in runs],
        **(energy if any(known is not None for known in joules) else {}),
        "speed": [numbers.rate(run.images_per_s) for run in runs],
        "evaluation share": [f"{part:.1%}" if part is not None else "–" for part in share],
        "step": [f"{run.step:,} of {run.steps:,}" if run.steps else f"{run.step:,}" for run in runs],
        "parameters": [numbers.count(run.parameters) for run in runs],
        "device": [clean(" ".join(filter(None, (run.device, run.precision))), 30) or "–" for run in runs],
        "last loss": [numbers.number(run.loss) for run in runs],
    }
