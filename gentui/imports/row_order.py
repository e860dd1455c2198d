"""The steps of rows: whether a step that goes back begins a new pass or a restart, and what a restart replaces."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gentui.imports.log_entries import Entry, MetricPoint, Note, Skipped

ABANDONED = "values of an attempt that a restart replaces"
REPEATED = "values that a later row of the same step replaces"
_EPOCHS = ("epoch", "epochs", "epoch_idx", "current_epoch")
_WITHIN_AN_EPOCH = ("iter", "iteration")


@lru_cache(maxsize=4096)
def is_epoch(name: str) -> bool:
    """Whether a column of this name counts epochs, as in ``epoch`` or ``train/epoch``."""
    return name.lower().replace(".", "/").rpartition("/")[2] in _EPOCHS


@dataclass(slots=True)
class Row:
    """A row of numbers as it was logged.

    ``number`` is its place among the rows, from 1 on, and ``line`` the line in the file. ``step`` is None where the row
    has none. ``is_first`` marks the first row after a header that is repeated.
    """

    number: int
    line: int
    step: int | None
    step_name: str
    t: float | None
    values: dict[str, float]
    is_first: bool = False

    @property
    def epoch(self) -> float | None:
        return next((value for name, value in self.values.items() if is_epoch(name)), None)


class RowOrder:
    """Gives each row its step, from what all rows read so far say.

    A step that goes back, in a column that had later steps already, is of a new pass if the epoch goes on, or if there
    is no epoch and the column is named ``iter`` or ``iteration``. Then the steps are the numbers of the rows. Otherwise
    it is of a restart, as soon as a value of an earlier row is logged again or where a header is repeated: earlier rows
    from its step on are left out. Rows in any other order keep their steps.

    ``observe`` is called with every row in turn and returns whether ``entries_of`` gives rows before it another step
    now. Both may be called again with all rows from the first on.
    """

    def __init__(self) -> None:
        self._observed = self._stepped = self._repeated = 0
        self._reason = ""
        self._columns: dict[str, int] = {}
        self._places = Places()
        self._last: dict[str, tuple[int, float | None]] = {}
        """(step, epoch) of each column's last value."""
        self._top = -1
        self._epoch: float | None = None
        self._held: tuple[int, dict[str, float]] = (-1, {})
        """The newest step and its values."""
        self._stretch: list[tuple[Row, int]] | None = None
        """The rows since a step went back, with their steps, as long as it may be a restart."""
        self._recent: dict[int, int] = {}
        """Columns at the steps of these rows, as bits."""
        self._restarts: list[int] = []
        self._replaced_from: list[int] = []
        self._repeats: dict[int, tuple[int, str]] = {}
        self._step: int | None = None
        self._has_noted = False

    @property
    def is_by_row(self) -> bool:
        """Whether the numbers of the rows are the steps."""
        return bool(self._reason) or self._repeated * 2 >= max(1, self._stepped)

    def rewind(self) -> None:
        """Prepare for all rows again."""
        self._step, self._has_noted = None, False

    def observe(self, row: Row) -> bool:
        if row.number <= self._observed:
            return False
        self._observed = row.number
        step = self._placed(row)
        if self._reason:
            return False
        was_by_row, is_replaced = self.is_by_row, False
        self._stepped += 1
        epoch = self._epoch = self._epoch if row.epoch is None else row.epoch
        back = [before for name in _columns(row) if (before := self._last.get(name, (-1, None)))[0] > step]
        if row.is_first and row.step is not None:
            is_replaced = self._restart(row.number, step)
        elif back:
            self._reason = self._new_pass(row, step, back)
            if self._reason:
                return True
            self._end_stretch()
            self._stretch = []
        if self._stretch is not None:
            self._stretch.append((row, step))
        if self._is_again(row, step) and self._stretch:
            first, replaced_from = self._stretch[0]
            is_replaced |= self._restart(first.number, replaced_from)
        self._top = max(self._top, step)
        self._last |= dict.fromkeys(_columns(row), (step, epoch))
        return is_replaced or was_by_row != self.is_by_row

    def entries_of(self, row: Row) -> Iterator[Entry]:
        """The entries of a row that was observed."""
        step = self._placed(row)
        if self.is_by_row:
            if not self._has_noted:
                self._has_noted = True
                yield Note(
                    self._reason or f"rows are numbered, because most repeat the {row.step_name} before them"
                )
            values = row.values if row.step is None else {row.step_name: float(row.step), **row.values}
            if values:
                yield MetricPoint(row.number, row.t, values)
            return
        if not row.values:
            return
        later = bisect_right(self._restarts, row.number)
        if later < len(self._restarts) and self._replaced_from[later] <= step:
            yield Skipped(
                ABANDONED, len(row.values), _example(row, step, (_columns(row) or list(row.values))[0])
            )
            return
        if row.number in self._repeats:
            n, name = self._repeats[row.number]
            yield Skipped(REPEATED, n, _example(row, step, name))
        yield MetricPoint(step, row.t, row.values)

    def _placed(self, row: Row) -> int:
        """A row's step: its own, else that of the last row with one, else its number."""
        if row.step is not None:
            self._step = row.step
        return row.number if self._step is None else self._step

    def _new_pass(self, row: Row, step: int, back: list[tuple[int, float | None]]) -> str:
        """Why the row begins a new pass; "" if it does not. ``back``: later steps and epochs of its columns."""
        last, before = max(back, key=lambda place: place[0])
        if self._epoch is None or before is None:
            if row.step_name.lower() not in _WITHIN_AN_EPOCH:
                return ""
        elif self._epoch <= before:
            return ""
        return (
            f"rows are numbered, because {row.step_name} begins again in each epoch"
            f" (line {row.line}: {step:,} after {last:,})"
        )

    def _is_again(self, row: Row, step: int) -> bool:
        """Note the row's columns at its step. Return whether a row of an earlier stretch had one of them there."""
        bits = self._bits(row)
        if self._stretch is None:
            had, before = self._places.add(step, bits), 0
        else:
            before, had = self._places.at(step), self._recent.get(step, 0)
            self._recent[step] = had | bits
        at, held = self._held if not row.is_first else (-1, {})
        held = held if at == step else {}
        self._held = step, held | row.values
        names = _columns(row)
        earlier = [name for name in names if had & 1 << self._columns[name] and name not in held]
        again = earlier + [
            name for name in names if name in held and not _is_equal(held[name], row.values[name])
        ]
        if again:
            self._repeated += 1
            self._repeats[row.number] = len(again), again[0]
        return bool(before & bits)

    def _bits(self, row: Row) -> int:
        return sum(1 << self._columns.setdefault(name, len(self._columns)) for name in _columns(row))

    def _end_stretch(self) -> None:
        """Take the rows since a step went back for what they are."""
        for step, bits in self._recent.items():
            self._places.add(step, bits)
        self._recent, self._stretch = {}, None

    def _restart(self, number: int, step: int) -> bool:
        """Leave out the rows before ``number`` from ``step`` on. Return whether there are any."""
        is_replacing = self._top >= step
        self._restarts.append(number)
        self._replaced_from = [*(min(one, step) for one in self._replaced_from), step]
        self._places.drop(step)
        self._last = {name: (min(last, step - 1), epoch) for name, (last, epoch) in self._last.items()}
        self._top = min(self._top, step - 1)
        kept = [(row, at) for row, at in self._stretch or () if row.number >= number]
        if not kept:
            self._recent = {at: bits for at, bits in self._recent.items() if at < step}
        for row, at in kept:
            self._last |= dict.fromkeys(_columns(row), (at, row.epoch))
            self._top = max(self._top, at)
        self._end_stretch()
        return is_replacing


class Places:
    """Which columns have a value at which steps, as bits, in little memory where steps only grow."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._bits: list[int] = []
        self._rest: dict[int, int] = {}

    def add(self, step: int, bits: int) -> int:
        """Add columns at a step. Returns those that were there already."""
        if not self._steps or step > self._steps[-1]:
            had = self._rest.pop(step, 0)
            self._steps.append(step)
            self._bits.append(had | bits)
            return had
        place = bisect_left(self._steps, step)
        if self._steps[place] == step:
            had = self._bits[place]
            self._bits[place] |= bits
        else:
            had = self._rest.get(step, 0)
            self._rest[step] = had | bits
        return had

    def at(self, step: int) -> int:
        """The columns at a step."""
        place = bisect_left(self._steps, step)
        is_there = place < len(self._steps) and self._steps[place] == step
        return self._bits[place] if is_there else self._rest.get(step, 0)

    def drop(self, step: int) -> None:
        """Forget all steps from ``step`` on."""
        place = bisect_left(self._steps, step)
        del self._steps[place:], self._bits[place:]
        self._rest = {at: held for at, held in self._rest.items() if at < step}


def _columns(row: Row) -> list[str]:
    """The columns that a row has values in, except counts of epochs."""
    return [name for name in row.values if not is_epoch(name)]


def _is_equal(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _example(row: Row, step: int, name: str) -> str:
    return f"line {row.line:,}: {name} {row.values[name]:g} at step {step:,}"
