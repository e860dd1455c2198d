"""The table of runs: its columns, how each is sorted, and a run as a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gentui.index import visits
from gentui.metrics.namespaces import SEVERITIES
from gentui.runs import alarms, filter_language, naming
from gentui.runs.scores import SELECTION_CAPTION, is_selection
from gentui.text import numbers
from gentui.text.sanitize import clean, shorten
from gentui.tui import formatting
from gentui.tui.widgets.table import Cell, Column, Row

_STATUSES = ("running", "stalled", "queued", "failed", "lost", "interrupted", "stopped", "done")
"""In the order they are sorted in."""


@dataclass(frozen=True)
class Sort:
    """The key that a column is sorted by, of which None comes last either way; and whether the greatest come first."""

    value: Callable[[Any], Any]
    descending: bool = True


def _progress(run: Any) -> float:
    return (run.step or 0) / run.steps if run.steps else 0.0


COLUMNS: tuple[tuple[Column, Sort], ...] = (
    (Column("status", minimum=9), Sort(lambda run: (_STATUSES.index(run.status), run.queued_at or 0.0), False)),
    (
        Column("run", flex=True, minimum=20, maximum=40, cut="middle"),
        Sort(lambda run: naming.label(run).lower(), False),
    ),
    (Column("tags", maximum=24, drop=6), Sort(lambda run: sorted(run.tags) or None, False)),
    (Column("data set", maximum=16, drop=6), Sort(lambda run: run.dataset or None, False)),
    (Column("progress", minimum=13, drop=1), Sort(_progress)),
    (Column("speed", "right", minimum=7, drop=3), Sort(lambda run: run.images_per_s)),
    (Column("ETA", "right", minimum=6, drop=1), Sort(lambda run: run.eta_s, False)),
    (Column("loss", "right", minimum=6), Sort(lambda run: _finite(run.loss), False)),
    (Column("best score", "right", minimum=10, maximum=22), Sort(lambda run: _score_rank(run.best), False)),
    (
        Column("alarms", "right", minimum=6, drop=2),
        Sort(lambda run: (-SEVERITIES.index(run.worst), run.alerts) if run.worst else None),
    ),
    (Column("device", maximum=8, drop=5), Sort(lambda run: run.place or None, False)),
    (Column("started", minimum=11, drop=4), Sort(lambda run: run.started_at or run.created_at)),
    (Column("id", maximum=22, drop=7), Sort(lambda run: run.id)),
    (Column("reason", flex=True, minimum=12, maximum=60, drop=8), Sort(lambda run: run.reason or None, False)),
)
MOST_ADDED = 8
"""Columns that a person can add."""
_ADDED_AT = 2
"""Added columns come after this many of the table's own."""


def _finite(value: float | None) -> float | None:
    return value if value is not None and value == value else None


def _score_rank(best: Any | None) -> tuple[str, float] | None:
    """Sorts scores by metric, then from the best on."""
    return None if best is None else (best.metric, best.value if best.lower_is_better else -best.value)


def columns_with(keys: Sequence[str]) -> tuple[tuple[Column, Sort], ...]:
    """The columns of the table, with added ones for these keys of the filter language after the name. Where there is no
    room the table's own go first, then the last of the added."""
    if not keys:
        return COLUMNS
    added = []
    for place, key in enumerate(keys, 1):
        last = key.rpartition(".")[2]
        is_clear = last != "name" and [other.rpartition(".")[2] for other in keys].count(last) == 1
        title = last if is_clear else key
        column = Column(clean(title, 20), "right", maximum=14, drop=place)
        added.append((column, Sort(filter_language.sort_key(key), False)))
    own = []
    for column, sort in COLUMNS:
        gives_way = column.drop or column.title == "progress"
        own.append((replace(column, drop=MOST_ADDED + 1 + column.drop) if gives_way else column, sort))
    return (*own[:_ADDED_AT], *added, *own[_ADDED_AT:])


def row_of(run: Any, queue_place: int | None = None, added: Sequence[Callable[[Any], Any]] = ()) -> Row:
    """A RunRow as a row. ``queue_place``: 1 for the first in the queue. ``added``: the values of added columns."""
    name = clean(naming.swept_first(run), 60) + (" (quick)" if run.quick else "") + (" ✎" if run.notes else "")
    is_live = run.status in ("running", "stalled")
    progress = progress_of(run)
    if queue_place is not None:
        progress = "first in queue" if queue_place == 1 else f"#{queue_place} in queue"
    cells: tuple[Cell, ...] = (
        formatting.status(run.status),
        name,
        (clean(" ".join(run.tags), 100), "accent"),
        clean(run.dataset, 40),
        (progress, "" if is_live else "dim"),
        numbers.rate(run.images_per_s) if is_live else ("–", "dim"),
        formatting.time_left(run) if is_live else ("–", "dim"),
        numbers.number(run.loss),
        score(run.best),
        (alarms.count(run), formatting.SEVERITIES[run.worst]) if run.worst else ("–", "dim"),
        clean(run.place, 12),
        (naming.moment(run.started_at or run.created_at), "dim"),
        (run.id, "dim"),
        (clean(run.reason, 200) if run.status not in ("running", "done") else "", "dim"),
    )
    values = [_cell(get(run)) for get in added]
    return Row(run.id, (*cells[:_ADDED_AT], *values, *cells[_ADDED_AT:]))


_PHASES = {
    "building the net": "building net", "choosing the precision": "precision", visits.SAMPLE: "sampling",
    visits.SCORE: "scoring", visits.CHECK: "checking", visits.REPORT: "reporting", visits.ONCE: "preparing",
}  # fmt: skip
"""Phases, and kinds of visits, in few letters."""


def progress_of(run: Any) -> str:
    """``████░░░░  50%``; ``scoring   50%`` while the run does something else than training, and before the first step
    what that is. It is 100 % when the run has ended, and not before."""
    step, steps = run.step or 0, run.steps or 0
    is_live = run.status in ("running", "stalled")
    phase = clean(run.phase, 60) if is_live else ""
    if phase and not step:
        name = phase.rstrip("0123456789/ ")
        return shorten(_PHASES.get(name, name), 13)
    if not steps:
        return f"step {step:,}"
    fraction = min(0.99 if is_live else 1.0, step / steps)
    if kind := visits.kind_of(phase):
        return f"{_PHASES[kind]:<9}{fraction:4.0%}"
    return f"{formatting.bar(fraction, 8)} {fraction:4.0%}"


def _cell(value: Any) -> Cell:
    if value is None:
        return "–", "dim"
    if isinstance(value, float):
        return numbers.number(value)
    return clean(" ".join(map(str, value)) if isinstance(value, list) else numbers.setting(value), 60)


def detail(run: Any) -> str:
    """What a narrow table has no column for: the reason of the status, alarms, tags, what the mark of a score says."""
    alarmed = f"alarms: {alarms.named(run.alarms)}" if run.alarms else ""
    reason = run.reason if run.status not in ("running", "done") else ""
    marked = SELECTION_CAPTION if run.best is not None and is_selection(run.best) else ""
    return clean(" · ".join(filter(None, (reason, alarmed, " ".join(run.tags), marked))), 400)


def score(best: Any | None) -> Cell:
    """The best score (an Evaluation) in a few characters."""
    if best is None:
        return "–", "dim"
    return formatting.score(clean(best.metric, 30), best), "accent"
