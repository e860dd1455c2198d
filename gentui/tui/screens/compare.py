"""Two to eight runs side by side: scores and cost, settings that differ, samples of one step, curves in one chart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Grid
from textual.content import Content
from textual.widgets import Static

from gentui import comparison, groups
from gentui.measures import plus_minus
from gentui.text import clean
from gentui.tui import keys, wording
from gentui.tui.live import Fetch
from gentui.tui.screens import deeds
from gentui.tui.screens.base import BaseScreen
from gentui.tui.screens.run import inside
from gentui.tui.widgets.chart import AXES, MARKERS, Curve, Look
from gentui.tui.widgets.charts import ChartBox
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.index import Evaluation, Index, RunRow

TABS = (("scores", "e"), ("settings", "o"), ("samples", "s"), ("charts", "c"))
LETTERS = "ABCDEFGH"
CELL, LABEL = 15, 24  # cells wide: a run's column at least, and what the row is called
LEAST_PICTURE = 22, 9


@dataclass
class Beside:
    """What the index knew of the runs when asked."""

    runs: list[RunRow]
    settings: dict[str, list[Any]]
    scores: dict[str, list[Evaluation | None]]
    samples: list[list[Any]]
    metrics: list[str] = field(default_factory=list)
    metric: str = ""
    curves: tuple[Curve, ...] = ()


def look_up(index: Index, ids: tuple[str, ...], which: int, axis: str, columns: int) -> Beside:
    """The runs that are still there, side by side; of the metric at this place (round and round) the curves."""
    runs = []
    for run_id in ids:
        try:
            runs.append(index.run(run_id))
        except KeyError:
            continue
    known = {run.id: index.metric_keys(run.id) for run in runs}
    scored = {run.id: index.evaluations(run.id) for run in runs}
    every = list(dict.fromkeys(name for names in known.values() for name in names))
    metrics = [
        name
        for group in groups.charts(every, (score.metric for scores in scored.values() for score in scores))
        for name in group
    ]
    metric = metrics[which % len(metrics)] if metrics else ""
    curves = []
    for place, run in enumerate(runs[: len(MARKERS[False])]):
        is_score = metric not in known[run.id]
        chart = (
            index.score_chart(run.id, metric, axis)
            if is_score
            else index.chart(run.id, metric, columns=columns, axis=axis)
        )
        curves.append(
            Curve(
                f"{LETTERS[place]} {metric}", chart.x, chart.lo, chart.hi, chart.marks, chart.points, chart.mean,
                sparse=is_score,
            )
        )  # fmt: skip
    return Beside(
        runs,
        comparison.different([run.settings for run in runs]),
        comparison.beside([comparison.best_scores(index, run) for run in runs]),
        [index.samples(run.id) for run in runs],
        metrics,
        metric,
        tuple(curves) if metric else (),
    )


class CompareScreen(BaseScreen):
    """``ids``: the runs, the first of which the others are measured against."""

    context = "compare"
    place = "runs"
    BINDINGS = keys.bindings("compare")
    DEFAULT_CSS = """
    CompareScreen {
        & #legend { height: auto; max-height: 3; padding: 0 1; }
        & .pane { height: 1fr; width: 100%; }
        & #samples Grid { height: 1fr; width: 100%; grid-gutter: 0 1; }
    }
    """

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self._ids = tuple(dict.fromkeys(ids))[: comparison.MOST]
        self._tab = "scores"
        self._metric = 0
        self._look = Look()
        self._step: int | None = None  # None follows the newest pictures
        self._first = 1  # of the runs beside the first one, that the tables show
        self.seen: Beside | None = None

    def body(self) -> ComposeResult:
        yield Static(id="legend", markup=False)
        yield Tabs(TABS, self._tab)
        for name in ("scores", "settings"):
            with Container(id=name, classes="pane"):
                yield Table((Column(""),), id=f"{name}-table")
        with Container(id="samples", classes="pane"), Grid():
            for _ in self._ids:
                yield Viewer("half" if self.gentui.images != "none" else "none")
        with Container(id="charts", classes="pane"):
            yield ChartBox()

    def on_mount(self) -> None:
        self._show_tab()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out_samples()
        self.call_after_refresh(self._show_all)
        self.call_after_refresh(self.ask)

    # -- supply

    def fetch(self) -> Fetch | None:
        ids, place, axis, columns = self._ids, self._metric, self._look.axis, max(20, self.size.width - 12)
        return Fetch(lambda index: look_up(index, ids, place, axis, columns))

    def show(self, data: Beside) -> None:
        self.seen = data
        self._show_all()

    def _show_all(self) -> None:
        if (seen := self.seen) is None or not self.is_mounted:
            return
        with self.app.batch_update():
            self.query_one("#legend", Static).update(legend(seen.runs))
            self.query_one(f"#{TABS[1][0]}-table", Table).empty = "No setting differs."
            {"scores": self._show_scores, "settings": self._show_settings, "samples": self._show_samples,
             "charts": self._show_charts}[self._tab](seen)  # fmt: skip

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
        titles = [f"{LETTERS[place]} {clean(deeds.label(self.seen.runs[place]), 40)}" for place in places]
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

    def _show_scores(self, seen: Beside) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for protocol, scores in seen.scores.items():
            known = next(score for score in scores if score is not None)
            rows.append((clean(known.protocol, 300), None, []))
            best = comparison.leaders(scores)
            cells = [score_cell(score, scores[0], place in best) for place, score in enumerate(scores)]
            rows.append((clean(known.metric, 40), protocol, cells))
        rows.append(("What it cost", None, []))
        rows += [(label, label, cells) for label, cells in cost_of(seen.runs).items()]
        self._fill("scores", rows)

    def _show_settings(self, seen: Beside) -> None:
        rows: list[tuple[str, str | None, list[Cell]]] = []
        for group, settings in comparison.grouped(seen.settings).items():
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
            told = (f"{LETTERS[place]} {value_text(value)}" for place, value in enumerate(values))
            self.say(clean(f"{message.key}: {' · '.join(told)}", 400))
        else:
            self.say("")

    # -- samples

    def _lay_out_samples(self) -> None:
        width, height = self.size.width, max(1, self.size.height - 6)
        across = max(1, min(len(self._ids), width // LEAST_PICTURE[0]))
        self.query_one("#samples Grid").styles.grid_size_columns = across
        room = across * max(1, height // LEAST_PICTURE[1])
        for place, viewer in enumerate(self.query(Viewer)):
            viewer.display = place < room

    @property
    def steps(self) -> list[int]:
        """Every step at which one of the runs has a picture."""
        samples = self.seen.samples if self.seen else []
        return sorted({sample.step for run in samples for sample in run})

    def _show_samples(self, seen: Beside) -> None:
        for place, viewer in enumerate(self.query(Viewer)):
            if place >= len(seen.runs):
                viewer.show(None, "")
                continue
            run = seen.runs[place]
            of = [s for s in seen.samples[place] if self._step is None or s.step <= self._step]
            if not of:
                viewer.show(None, f"{LETTERS[place]} · no picture yet")
                continue
            sample = of[-1]
            path = inside(self.gentui.home / "runs" / run.id, sample.path)
            sheet = Sheet(path, sample.rows or 0, sample.columns or 0, stamp=sample.t)
            viewer.show(sheet, f"{LETTERS[place]} · step {sample.step:,}")
        hidden = sum(not viewer.display for viewer in self.query(Viewer))
        at = "the newest of each" if self._step is None else f"as of step {self._step:,}"
        self.say(at + (f" · no room for {wording.plural(hidden, 'run')}" if hidden else ""))

    def action_scrub(self, by: int) -> None:
        steps = self.steps
        if self._tab != "samples":
            self.action_tab("samples")
        if not steps:
            self.say("There are no pictures yet.")
            return
        at = len(steps) - 1 if self._step is None else sum(step <= self._step for step in steps) - 1
        at = max(0, at + by)
        self._step = None if at >= len(steps) - 1 and by > 0 else steps[min(at, len(steps) - 1)]
        self._show_all()

    def action_newest(self) -> None:
        self._step = None
        self._show_all()

    # -- curves

    def _show_charts(self, seen: Beside) -> None:
        self.query_one(ChartBox).show(seen.curves, self._look, "No step was logged.")

    def action_metrics(self, by: int) -> None:
        self._metric += by
        if self._tab != "charts":
            self.action_tab("charts")
        self.ask()

    def action_log_y(self) -> None:
        self._look = replace(self._look, log_y=not self._look.log_y)
        self.action_tab("charts")

    def action_axis(self) -> None:
        self._look = replace(self._look, axis=AXES[(AXES.index(self._look.axis) + 1) % len(AXES)])
        self.action_tab("charts")
        self.ask()

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
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        self.set_focus(self.query_one(f"#{self._tab}-table") if self._tab in ("scores", "settings") else None)

    def action_sideways(self, by: int) -> None:
        if self._tab == "samples":
            self.action_scrub(by)
        elif self._tab == "charts":
            self.action_metrics(by)
        else:
            self._first = max(1, self._first + by)
            self._show_all()

    def action_baseline(self) -> None:
        """The next run becomes the one that the others are measured by."""
        self._ids = (*self._ids[1:], self._ids[0])
        self.ask()

    def action_choose(self) -> None:
        self.gentui.choose_runs(list(self._ids), replacing=self)

    def action_back(self) -> None:
        self.app.pop_screen()


def legend(runs: list[RunRow]) -> Content:
    """Each run's letter, name, status."""
    parts: list[tuple[str, str]] = []
    for place, run in enumerate(runs):
        glyph, tone = wording.status(run.status)
        parts += [("   " if place else "", ""), (f"{LETTERS[place]} ", "bold $accent")]
        parts += [
            (clean(deeds.label(run), 40), "bold"),
            (f" {glyph}", {"bad": "$error"}.get(tone, "$text-muted")),
        ]
    if len(runs) < comparison.FEWEST:
        parts.append(("   There is nothing left to compare with: Esc goes back.", "$text-muted"))
    return Content.assemble(*parts)


def score_cell(score: Evaluation | None, base: Evaluation | None, is_best: bool) -> Cell:
    """A score, how far it is from the first run's, and a star at the best."""
    if score is None:
        return "–", "dim"
    text = plus_minus(score.value, score.std, wording.number)
    change = comparison.delta(score, base)
    if change is not None:
        text += f" ({'+' if change >= 0 else '−'}{wording.number(abs(change))})"
    return (f"★ {text}", "accent") if is_best else (f"  {text}", "")


def setting_cell(value: Any, base: Any) -> Cell:
    text = clean(value_text(value), 120)
    return (text, "dim") if value == base else (text, "strong")


def value_text(value: Any) -> str:
    """A setting as a recipe writes it, nearly."""
    if value is None:
        return "–"
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def cost_of(runs: list[RunRow]) -> dict[str, list[Cell]]:
    """Time, speed, the share of evaluations, size."""
    share = [run.evaluation_share for run in runs]
    return {
        "time": [wording.duration(run.seconds) for run in runs],
        "images": [wording.count(run.images) for run in runs],
        "speed": [wording.rate(run.images_per_s) for run in runs],
        "evaluation share": [f"{part:.1%}" if part is not None else "–" for part in share],
        "step": [f"{run.step:,} of {run.steps:,}" if run.steps else f"{run.step:,}" for run in runs],
        "parameters": [wording.count(run.parameters) for run in runs],
        "device": [clean(" ".join(filter(None, (run.device, run.precision))), 30) or "–" for run in runs],
        "last loss": [wording.number(run.loss) for run in runs],
    }
