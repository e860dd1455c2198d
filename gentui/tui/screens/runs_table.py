"""The table of runs: its columns, how each is sorted, and a run as a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gentui.index import sparks, visits
from gentui.metrics.grouping import main_metric
from gentui.metrics.namespaces import SEVERITIES
from gentui.runs import alarms, compare, filter_language, naming
from gentui.runs.metric_names import short_name
from gentui.runs.scores import MARK, SELECTION_CAPTION, is_selection
from gentui.text import numbers
from gentui.text.sanitize import clean, shorten
from gentui.tui import formatting
from gentui.tui.widgets.table import Cell, Column, Row

STATUSES = ("running", "stalled", "queued", "failed", "lost", "interrupted", "stopped", "done")
"""In the order they are sorted in."""


@dataclass(frozen=True)
class Sort:
    """The key that a column is sorted by, of which None comes last either way; whether the greatest come first, and
    whether the column is one to sort by."""

    value: Callable[[Any], Any]
    descending: bool = True
    is_offered: bool = True


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A RunRow, its place in the queue (1 is first, None outside it), the sparkline of its loss, its row in the table,
    and the sweep it belongs to ("" for none)."""

    run: Any
    queue_place: int | None
    curve: str
    row: Row
    sweep: str = ""


def _progress(run: Any) -> float:
    return (run.step or 0) / run.steps if run.steps else 0.0


SORT_BY_STATUS = Sort(lambda run: (STATUSES.index(run.status), run.queued_at or 0.0), False)
SORT_BY_LOSS = Sort(lambda run: _finite(loss_of(run)), False)
SORT_BY_SCORE = Sort(lambda run: _score_rank(run.best), False)
SORT_BY_TIME_LEFT = Sort(lambda run: run.eta_s, False)
SORT_BY_ALARMS = Sort(lambda run: (-SEVERITIES.index(run.worst), run.alerts) if run.worst else None)
SORT_BY_NAME = Sort(lambda run: naming.label(run).lower(), False)
SORT_BY_START = Sort(lambda run: run.started_at or run.created_at)
NO_SORT = Sort(lambda run: None, is_offered=False)
_TAGS = (Column("tags", maximum=24, drop=6), Sort(lambda run: sorted(run.tags) or None, False))
_ID = (Column("id", maximum=22, drop=7), Sort(lambda run: run.id))
CURVE = "curve"
_NO_TRAINING = ("sample.", "evaluate.", "health.")
"""Tables of settings that do not change the training."""

COLUMNS: tuple[tuple[Column, Sort], ...] = (
    (Column("status", minimum=9), SORT_BY_STATUS),
    (Column("run", flex=True, minimum=20, maximum=40, cut="middle"), SORT_BY_NAME),
    _TAGS,
    (Column("data set", maximum=16, drop=6), Sort(lambda run: run.dataset or None, False)),
    (Column("progress", minimum=13, drop=1), Sort(_progress)),
    (Column("speed", "right", minimum=7, drop=3), Sort(lambda run: run.images_per_s)),
    (Column("ETA", "right", minimum=6, drop=1), SORT_BY_TIME_LEFT),
    (Column(CURVE, minimum=sparks.CELLS, drop=2), NO_SORT),
    (Column("loss", "right", minimum=6), SORT_BY_LOSS),
    (Column("best score", "right", minimum=10, maximum=22), SORT_BY_SCORE),
    (Column("alarms", "right", minimum=6, drop=2), SORT_BY_ALARMS),
    (Column("device", maximum=8, drop=5), Sort(lambda run: run.place or None, False)),
    (Column("started", minimum=11, drop=4), SORT_BY_START),
    _ID,
    (Column("reason", flex=True, minimum=12, maximum=60, drop=8), Sort(lambda run: run.reason or None, False)),
)
"""The columns of a list that has the width of a screen."""
FEW_COLUMNS: tuple[tuple[Column, Sort], ...] = (
    (Column("status", minimum=10, maximum=13), SORT_BY_STATUS),
    (Column("run", flex=True, minimum=14, maximum=40, cut="middle"), SORT_BY_NAME),
    _TAGS,
    (Column(CURVE, minimum=sparks.CELLS, drop=1), NO_SORT),
    (Column("loss", "right", minimum=6), SORT_BY_LOSS),
    (Column("score", "right", minimum=6, maximum=16), SORT_BY_SCORE),
    (Column("left", "right", minimum=5, drop=2), SORT_BY_TIME_LEFT),
    (Column("started", minimum=11, drop=4), SORT_BY_START),
    _ID,
)
"""The columns of a list that shares the screen with a pane, or has few cells: the status tells progress as well, and
the name alarms."""
MOST_ADDED = 8
"""Columns that a person can add."""
_ADDED_AT = 2
"""Added columns come after this many of the table's own."""


def _finite(value: float | None) -> float | None:
    return value if value is not None and value == value else None


def _score_rank(best: Any | None) -> tuple[str, float] | None:
    """Sorts scores by metric, then from the best on."""
    return None if best is None else (best.metric, best.value if best.lower_is_better else -best.value)


def columns_with(keys: Sequence[str], is_few: bool = False) -> tuple[tuple[Column, Sort], ...]:
    """The columns of the table, or the few, with added ones for these keys of the filter language after the name. Where
    there is no room the table's own go first, then the last of the added."""
    columns = FEW_COLUMNS if is_few else COLUMNS
    if not keys:
        return columns
    added = []
    for place, key in enumerate(keys, 1):
        last = key.rpartition(".")[2]
        is_clear = last != "name" and [other.rpartition(".")[2] for other in keys].count(last) == 1
        title = last if is_clear else key
        column = Column(clean(title, 20), "right", maximum=14, drop=place)
        added.append((column, Sort(filter_language.sort_key(key), False)))
    own = []
    for column, sort in columns:
        gives_way = column.drop or column.title == "progress"
        own.append((replace(column, drop=MOST_ADDED + 1 + column.drop) if gives_way else column, sort))
    return (*own[:_ADDED_AT], *added, *own[_ADDED_AT:])


def keys_in(text: str, known: filter_language.FilterKeys, runs: Sequence[Any]) -> list[str]:
    """The keys of the filter language that a text names; ``*`` is what differs between these runs. Raises ValueError
    for unknown words."""
    words = text.replace(",", " ").split()
    if words == ["*"]:
        differ = compare.different([run.settings for run in runs])
        ranked = sorted(differ, key=lambda key: (None in differ[key], key != "train.seed"))
        return [key for key in ranked if not key.startswith(_NO_TRAINING)][:MOST_ADDED]
    return list(dict.fromkeys(filter_language.key_of(word, known) for word in words))


@lru_cache(maxsize=256)
def _main_of(names: tuple[str, ...]) -> str:
    return main_metric(names)


def main_of(run: Any) -> str:
    """The metric whose curve stands for a run."""
    return _main_of(tuple(run.metrics))


def loss_of(run: Any) -> float | None:
    """The last loss of a run, also where its metric has another name; None if it has none."""
    main = main_of(run)
    return run.loss if run.loss is not None or "loss" not in main else run.metrics.get(main)


Getters = Sequence[Callable[[Any], Any]]


def row_of(
    run: Any, queue_place: int | None = None, added: Getters = (), curve: str = "", is_few: bool = False
) -> Row:
    """A RunRow as a row. ``queue_place``: 1 for the first in the queue. ``added``: the values of added columns.
    ``curve``: the sparkline of its loss. ``is_few``: for the few columns."""
    name = clean(naming.swept_first(run), 60) + marks_of(run)
    own = _few_cells if is_few else _cells
    name += alarms_in_short(run) if is_few else ""
    cells = own(run, name, queue_place, (curve, "curve"))
    values = [_cell(get(run)) for get in added]
    return Row(run.id, (*cells[:_ADDED_AT], *values, *cells[_ADDED_AT:]))


def marks_of(run: Any) -> str:
    """What follows the name of a run: whether it is a short test run, and whether it has notes."""
    return (" (quick)" if run.quick else "") + (" ✎" if run.notes else "")


def alarms_in_short(run: Any) -> str:
    """`` ▲2``: the sign of the worst alarm and how many there are, "" for none."""
    return f" {alarms.count(run).replace(' ', '')}" if run.worst else ""


def inner_name(run: Any, is_few: bool) -> str:
    """The name of a run below the row of its sweep: the swept values, whole also where there is little room, or its own
    name."""
    swept = clean(" ".join(naming.swept_values(run)[0]), 60)
    name = swept + (" ✎" if run.notes else "") if swept else clean(naming.label(run), 60) + marks_of(run)
    return f"  {name}{alarms_in_short(run) if is_few else ''}"


def _cells(run: Any, name: str, queue_place: int | None, curve: Cell) -> tuple[Cell, ...]:
    is_live = run.status in ("running", "stalled")
    progress = progress_of(run)
    if queue_place is not None:
        progress = "first in queue" if queue_place == 1 else f"#{queue_place} in queue"
    return (
        formatting.status(run.status),
        name,
        (clean(" ".join(run.tags), 100), "tag"),
        clean(run.dataset, 40),
        (progress, "" if is_live else "dim"),
        numbers.rate(run.images_per_s) if is_live else ("–", "dim"),
        formatting.time_left(run) if is_live else ("–", "dim"),
        curve,
        numbers.number(loss_of(run)),
        score(run.best),
        (alarms.count(run), formatting.SEVERITIES[run.worst]) if run.worst else ("–", "dim"),
        clean(run.place, 12),
        (naming.moment(run.started_at or run.created_at), "dim"),
        (run.id, "dim"),
        (clean(run.remark, 200), "dim"),
    )


def _few_cells(run: Any, name: str, queue_place: int | None, curve: Cell) -> tuple[Cell, ...]:
    is_live = run.status in ("running", "stalled")
    status, tone = formatting.status(run.status)
    if queue_place is not None:
        status = f"{status} {queue_place}"
    elif run.status == "running":
        status = f"{formatting.GLYPHS['running'][0]} {_progress_in_short(run)}"
    return (
        (status, tone),
        name,
        (clean(" ".join(run.tags), 100), "tag"),
        curve,
        numbers.number(loss_of(run)),
        short_score(run.best),
        formatting.time_left(run) if is_live else ("–", "dim"),
        (naming.moment(run.started_at or run.created_at), "dim"),
        (run.id, "dim"),
    )


_PHASES = {
    "building the net": "building net", "choosing the precision": "precision", visits.SAMPLE: "sampling",
    visits.SCORE: "scoring", visits.CHECK: "checking", visits.REPORT: "reporting", visits.ONCE: "preparing",
}  # fmt: skip
"""Phases, and kinds of visits, in few letters."""


def progress_of(run: Any) -> str:
    """``████░░░░  50%``; ``scoring   50%`` while the run does something else than training, and before the first step
    what that is. ``100%`` when the run is done, and not before: one that has ended needs no bar."""
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
    return f"{formatting.bar(fraction, 8)} {fraction:4.0%}" if is_live else f"{fraction:13.0%}"


def _progress_in_short(run: Any) -> str:
    """``50%``, ``scoring``, ``starting``."""
    step, phase = run.step or 0, clean(run.phase, 60)
    kind = visits.kind_of(phase) if step else ""
    if kind or not step:
        words = _PHASES[kind] if kind else phase.rstrip("0123456789/ ") or "running"
        return shorten(words.partition(" ")[0], 10)
    return f"{min(0.99, step / run.steps):.0%}" if run.steps else f"step {step:,}"


def _cell(value: Any) -> Cell:
    if value is None:
        return "–", "dim"
    if isinstance(value, float):
        return numbers.number(value)
    return clean(" ".join(map(str, value)) if isinstance(value, list) else numbers.setting(value), 60)


def detail(run: Any) -> str:
    """What a narrow table has no column for: the reason of the status, alarms, tags, what the mark of a score says."""
    alarmed = f"alarms: {alarms.named(run.alarms)}" if run.alarms else ""
    marked = SELECTION_CAPTION if run.best is not None and is_selection(run.best) else ""
    tags = f"tags {' '.join(run.tags)}" if run.tags else ""
    return clean(" · ".join(filter(None, (run.remark, alarmed, tags, marked))), 400)


def score(best: Any | None) -> Cell:
    """The best score (an Evaluation) in a few characters."""
    if best is None:
        return "–", "dim"
    return formatting.score(best), "strong"


def short_score(best: Any | None) -> Cell:
    """The best score without its spread, for few cells."""
    if best is None:
        return "–", "dim"
    mark = MARK if is_selection(best) else ""
    return f"{short_name(best)} {numbers.number(best.value)}{mark}", "strong"
