"""The sweeps of the list of runs: each is one row that opens to the rows of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.metrics.namespaces import SEVERITIES
from gentui.runs import alarms, naming
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.screens.runs_table import STATUSES, inner_name, score, short_score
from gentui.tui.widgets.table import Cell, Row

if TYPE_CHECKING:
    from gentui.tui.screens.runs_table import RunEntry

PREFIX = "sweep:"
"""Keys of rows of sweeps begin with it; those of runs are their ids."""
FOLDED, OPEN = "▸", "▾"


@dataclass(frozen=True)
class Sweep:
    """The runs of one sweep that are listed, in the order of the list. ``key``: of its row."""

    key: str
    entries: tuple[RunEntry, ...]

    @property
    def runs(self) -> list[Any]:
        return [entry.run for entry in self.entries]

    @property
    def title(self) -> str:
        """``lr × 3 · digits-unet``: what is swept, over how many runs, and what all of them are called."""
        values, rest = naming.swept_values(self.entries[0].run)
        keys = " ".join(word.partition("=")[0] for word in values)
        count = f"{keys} × {len(self.entries)}" if keys else plural(len(self.entries), "run")
        return clean(f"{count} · {rest or naming.label(self.entries[0].run)}", 80)

    @property
    def states(self) -> list[tuple[str, int]]:
        """The statuses of its runs with how many have them, those that train first."""
        counts = Counter(run.status for run in self.runs)
        return [(status, counts[status]) for status in STATUSES if counts[status]]

    @property
    def best(self) -> Any | None:
        """The run with the best score, of the metric that most of them have; None if none has one."""
        scored = [run for run in self.runs if run.best is not None and run.best.value == run.best.value]
        if not scored:
            return None
        metric = Counter(run.best.metric for run in scored).most_common(1)[0][0]
        of = [run for run in scored if run.best.metric == metric]
        return (min if of[0].best.lower_is_better else max)(of, key=lambda run: run.best.value)

    @property
    def in_words(self) -> str:
        """``3 runs: 1 running, 2 done · best fid 3.1 (lr=0.002)``."""
        states = ", ".join(f"{count} {status}" for status, count in self.states)
        text = f"{plural(len(self.entries), 'run')}: {states}"
        if (best := self.best) is None:
            return text
        name = " ".join(naming.swept_values(best)[0]) or naming.label(best)
        return f"{text} · best {formatting.score(best.best)} ({clean(name, 60)})"


def sweeps_of(entries: Sequence[RunEntry]) -> dict[str, Sweep]:
    """The sweeps with at least two of these runs, by the key of their row."""
    by_tag: dict[str, list[RunEntry]] = {}
    for entry in entries:
        if entry.sweep:
            by_tag.setdefault(entry.sweep, []).append(entry)
    return {PREFIX + tag: Sweep(PREFIX + tag, tuple(of)) for tag, of in by_tag.items() if len(of) > 1}


def rows_of(
    entries: Sequence[RunEntry], sweeps: dict[str, Sweep], is_open: Callable[[Sweep], bool],
    titles: Sequence[str], marked: Collection[str],
) -> list[Row]:  # fmt: skip
    """The rows of the list: a sweep stands where the first of its runs would. ``titles``: of the columns."""
    rows: list[Row] = []
    seen: set[str] = set()
    for entry in entries:
        sweep = sweeps.get(PREFIX + entry.sweep) if entry.sweep else None
        if sweep is None:
            rows.append(entry.row)
        elif sweep.key not in seen:
            seen.add(sweep.key)
            is_shown = is_open(sweep)
            rows.append(_row_of(sweep, is_shown, titles, marked))
            rows += [_inner(one, "score" in titles) for one in sweep.entries] if is_shown else ()
    return rows


def _inner(entry: RunEntry, is_few: bool) -> Row:
    cells = entry.row.cells
    return Row(entry.row.key, (cells[0], inner_name(entry.run, is_few), *cells[2:]))


def _row_of(sweep: Sweep, is_open: bool, titles: Sequence[str], marked: Collection[str]) -> Row:
    runs, best = sweep.runs, sweep.best
    live = [run for run in runs if run.status in ("running", "stalled")]
    glyphs = " ".join(f"{formatting.GLYPHS[status][0]}{count}" for status, count in sweep.states)
    held = sum(run.id in marked for run in runs)
    worst = next((word for word in SEVERITIES if any(run.worst == word for run in runs)), "")
    count = sum(run.alerts for run in runs)
    name = f"{OPEN if is_open else FOLDED} {sweep.title}" + (f" ◆{held}" if held else "")
    name += f" {alarms.SIGNS[worst]}{count}" if worst and "alarms" not in titles else ""
    begun = min((at for run in runs if (at := run.started_at or run.created_at)), default=None)
    left = max((run.eta_s for run in live if run.eta_s is not None), default=None)
    time_left = numbers.duration(left) if live else ("–", "dim")
    cells: dict[str, Cell] = {
        "status": (glyphs, formatting.GLYPHS[sweep.states[0][0]][1]),
        "run": (name, "strong"),
        "data set": clean(runs[0].dataset, 40),
        "ETA": time_left,
        "left": time_left,
        "best score": score(best.best if best else None),
        "score": short_score(best.best if best else None),
        "alarms": (f"{alarms.SIGNS[worst]} {count}", formatting.SEVERITIES[worst]) if worst else ("–", "dim"),
        "started": (naming.moment(begun), "dim"),
    }
    return Row(sweep.key, tuple(cells.get(title, "") for title in titles))
