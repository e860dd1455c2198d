"""What the pane beside the list of runs shows: read from the index, off the UI thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gentui.config import chart_layouts
from gentui.metrics import grouping
from gentui.metrics.smoothing import Smoothing
from gentui.runs import alarms, compare, naming
from gentui.runs.launched import launched
from gentui.runs.metric_names import names_of, short_name
from gentui.runs.scores import value_text
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.curves import ChartStyle
from gentui.tui.overlay import DISTINCT, OverlayEntry
from gentui.tui.screens.chart_data import ChartRequest, read_charts
from gentui.tui.widgets.chart_text import Curves
from gentui.tui.widgets.fact_list import Fact
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import sheet_of

if TYPE_CHECKING:
    from gentui.index import Index
    from gentui.tui.screens.runs_table import RunEntry

MOST_PEERS = 30
"""Other runs of a recipe that the settings of a run are compared with, the newest."""
SINGLE = 3
"""Charts of a single value, which are not drawn, that are read in vain at most."""
IMPORTED = "imported"
"""The family of runs that other programs logged."""
_FIRST = ("optim", "model", "method", "schedule", "train", "data")
"""Tables of settings of the training come before others."""


@dataclass(frozen=True)
class PreviewRequest:
    """``key``: of the row under the cursor. ``runs``: the run, or those of the sweep that are drawn over one another,
    the best first. ``count``: charts that there is room for, each ``columns`` wide."""

    key: str
    runs: tuple[str, ...]
    count: int = 1
    columns: int = 100


@dataclass(frozen=True)
class Preview:
    """The answer: RunRows in the order asked for, the first charts, the newest samples of the first run, its settings
    (those that differ from other runs of its recipe first) and its last values."""

    request: PreviewRequest
    runs: tuple[Any, ...]
    charts: tuple[Curves, ...]
    style: ChartStyle
    overlay: tuple[OverlayEntry, ...]
    sheet: Sheet | None
    step: int
    settings: tuple[Fact, ...]
    values: tuple[Fact, ...]

    @property
    def run(self) -> Any:
        return self.runs[0]


def read_preview(
    index: Index, request: PreviewRequest, entries: Mapping[str, RunEntry], before: Preview | None
) -> Preview | None:
    """Read it; ``before`` if nothing of it has changed, None if none of its runs is there."""
    runs = tuple(entries[run].run for run in request.runs[:DISTINCT] if run in entries)
    if not runs:
        return None
    if before is not None and before.request == request and before.runs == runs:
        return before
    run = runs[0]
    names = _names(runs)
    overlay = [OverlayEntry(one.id, names[one.id], slot) for slot, one in enumerate(runs)]
    laid = tuple(overlay) if len(runs) > 1 else ()
    charts, style = charts_of(index, run, request.count, request.columns, laid)
    samples = index.samples(run.id)
    newest = samples[-1] if samples else None
    folder = index.home / "runs" / run.id
    sheet = sheet_of(folder, newest) if newest is not None else None
    return Preview(
        request, runs, charts, style, laid, sheet,
        newest.step if newest else 0, tuple(settings_of(run, peers_of(run, entries))),
        (*values_of(run), *origin_of(run, folder)),
    )  # fmt: skip


def charts_of(
    index: Index, run: Any, count: int, columns: int, laid: tuple[OverlayEntry, ...] = ()
) -> tuple[tuple[Curves, ...], ChartStyle]:
    """The first charts of a run (a RunRow), in the style that those of its family were left in; what has a single value
    stands among the facts. ``laid``: the run and those that are drawn over it."""
    layout = chart_layouts.load(run.family)[0]
    asked = ChartRequest(
        count=count + SINGLE, columns=columns, hidden=layout.hidden, smoothing=Smoothing(layout.smoothing, layout.kind),
        runs=laid,
    )  # fmt: skip
    scored = names_of(index.evaluations(run.id))
    data = read_charts(index, run, index.metric_keys(run.id), scored, asked)
    style = ChartStyle(
        layout.log_y, layout.marks, clip=not layout.outliers, window=data.extent, alarms=data.alarms
    )
    drawn = [
        curves
        for curves in data.charts
        if any(curve.points > 1 or curve.lower_is_better is not None for curve in curves)
    ]
    return tuple((drawn or data.charts)[:count]), style


def _names(runs: Sequence[Any]) -> dict[str, str]:
    """What the runs of a sweep are called beside one another."""
    swept = {run.id: clean(" ".join(naming.swept_values(run)[0]), 40) for run in runs}
    return (
        swept if len(set(swept.values())) == len(runs) and all(swept.values()) else naming.distinct_labels(runs)
    )


def peers_of(run: Any, entries: Mapping[str, RunEntry]) -> list[Any]:
    """Other runs of its recipe, the newest."""
    peers = (
        entry.run for entry in entries.values() if entry.run.recipe == run.recipe and entry.run.id != run.id
    )
    return [one for _, one in zip(range(MOST_PEERS), peers, strict=False)]


def settings_of(run: Any, peers: Sequence[Any]) -> list[Fact]:
    """The settings of a run as facts, those that differ from its peers first and marked."""
    differ = compare.different([run.settings, *(peer.settings for peer in peers)])

    def place(key: str) -> tuple[bool, int]:
        table = key.partition(".")[0]
        return key not in differ, _FIRST.index(table) if table in _FIRST else len(_FIRST)

    ordered = sorted(run.settings, key=place)
    return [
        (clean(key, 60), clean(numbers.setting(run.settings[key]), 80), "accent" if key in differ else "")
        for key in ordered
    ]  # fmt: skip


def values_of(run: Any) -> list[Fact]:
    """What a run has come to as facts: alarms, scores, the last value of each metric, what a person said of it."""
    facts: list[Fact] = []
    if run.worst:
        facts.append(("alarms", clean(alarms.named(run.alarms), 120), formatting.SEVERITIES[run.worst]))
    elif is_looked_after(run):
        facts.append(("health", alarms.NO_ALARM, "good"))
    best = run.best
    if best is not None:
        facts.append((short_name(best), f"{value_text(best, numbers.number)} at step {best.step:,}", "strong"))
    facts += [
        (clean(metric, 40), numbers.number(value), "strong")
        for metric, value in run.scores.items()
        if best is None or metric != best.metric
    ]
    scored = {*run.scores, *((best.metric,) if best is not None else ())}
    facts += [
        (clean(name, 60), numbers.number(run.metrics[name]), "")
        for group in grouping.charts(run.metrics)
        for name in group
        if name not in scored
    ]
    facts += [("tags", clean(" ".join(run.tags), 120), "tag")] if run.tags else []
    facts += [("note", clean(" ".join(run.notes.split()), 200), "")] if run.notes else []
    facts += [("started", naming.moment(run.started_at or run.created_at), "")]
    facts += [("device", clean(run.place, 40), "")] if run.place else []
    facts += [("parameters", numbers.count(run.parameters), "")] if run.parameters else []
    return facts


def origin_of(run: Any, folder: Path) -> list[Fact]:
    """Where a run comes from: the project, of one that another program logged, host, commit, versions, command."""
    facts = launched(folder)
    for shown_above in ("device", "launched"):
        facts.pop(shown_above, None)
    command = {"command": facts.pop("command", "")}  # the longest
    project = {"project": clean(run.title, 60)} if run.family == IMPORTED else {}
    return [(name, value, "dim") for name, value in (project | facts | command).items() if value]


def is_looked_after(run: Any) -> bool:
    """Whether rules look for alarms of this run: not if another program logged it."""
    return bool(run.step) and run.family != IMPORTED


def facts_of_sweep(runs: Sequence[Any]) -> list[Fact]:
    """The runs of a sweep with their scores, the best first, then with their losses."""
    from gentui.tui.screens.runs_table import loss_of

    names, facts = _names(runs), []
    for run in runs:
        score = formatting.score(run.best) if run.best is not None else ""
        loss = loss_of(run)
        words = score or (f"loss {numbers.number(loss)}" if loss is not None else run.status)
        facts.append((names[run.id], f"{formatting.GLYPHS[run.status][0]} {words}", "strong" if score else ""))
    return facts
