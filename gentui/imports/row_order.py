"""The steps of rows: whether a step that goes back begins a new pass or a restart, and what a restart replaces."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from gentui.imports.log_entries import Entry, MetricPoint, Note, Skipped

ABANDONED = "values of an attempt that a restart replaces"
REPEATED = "values that a later row of the same step replaces"
_EPOCHS = ("epoch", "epochs", "epoch_idx", "current_epoch")
_WITHIN_AN_EPOCH = ("iter", "iteration")


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
        self._observed = 0
        self._reason = ""
        self._places = Places()
        self._columns: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._before: tuple[int, float | None] | None = None
        self._held: dict[str, float] = {}
        self._stretch: tuple[int, int] | None = None
        self._restarts: list[int] = []
        self._replaced_from: list[int] = []
        self._repeats: dict[int, int] = {}
        self._stepped = 0
        self._step: int | None = None
        self._has_noted = False

    @property
    def is_by_row(self) -> bool:
        """Whether the numbers of the rows are the steps."""
        return bool(self._reason) or len(self._repeats) * 2 >= max(1, self._stepped)

    def rewind(self) -> None:
        """Prepare for all rows again."""
        self._step, self._has_noted = None, False

    def observe(self, row: Row) -> bool:
        if row.number <= self._observed:
            return False
        self._observed = row.number
        self._step = step = self._placed(row)
        if self._reason or step is None:
            return False
        was_by_row, is_replaced = self.is_by_row, False
        self._stepped += 1
        names = [name for name in row.values if not is_epoch(name)]
        if row.is_first and row.step is not None:
            is_replaced = self._restart(row.number, step)
        elif any(self._last.get(name, -1) > step for name in names):
            if reason := self._new_pass(row, step):
                self._reason = reason
                return True
            self._stretch = (row.number, step)
        if self._is_again(row, step, names) and self._stretch is not None:
            is_replaced = self._restart(*self._stretch)
        self._last.update(dict.fromkeys(names, step))
        self._before = (
            step,
            before if (before := row.epoch) is not None or not self._before else self._before[1],
        )
        return is_replaced or was_by_row != self.is_by_row

    def entries_of(self, row: Row) -> Iterator[Entry]:
        """The entries of a row that was observed."""
        self._step = step = self._placed(row)
        if step is None or self.is_by_row:
            if self.is_by_row and not self._has_noted:
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
            yield Skipped(ABANDONED, len(row.values), _example(row, step))
            return
        if n := self._repeats.get(row.number):
            yield Skipped(REPEATED, n, _example(row, step))
        yield MetricPoint(step, row.t, row.values)

    def _placed(self, row: Row) -> int | None:
        """A row's step: its own, else that of the row before."""
        return self._step if row.step is None else row.step

    def _new_pass(self, row: Row, step: int) -> str:
        """Why the row begins a new pass; "" if it does not."""
        last, before = self._before or (step, None)
        epoch = row.epoch
        if (epoch is None or before is None) and row.step_name.lower() not in _WITHIN_AN_EPOCH:
            return ""
        if epoch is not None and before is not None and epoch <= before:
            return ""
        return (
            f"rows are numbered, because {row.step_name} begins again in each epoch"
            f" (line {row.line}: {step:,} after {last:,})"
        )

    def _is_again(self, row: Row, step: int, names: list[str]) -> bool:
        """Note the row's columns at its step. Return whether a row of an earlier stretch had one of them there."""
        bits = [1 << self._columns.setdefault(name, len(self._columns)) for name in names]
        is_same = self._before is not None and self._before[0] == step and not row.is_first
        had = self._places.add(step, sum(bits), row.number)
        if not is_same:
            self._held = dict(row.values)
            if had and not (self._stretch and self._places.since < self._stretch[0]):
                self._repeats[row.number] = had.bit_count()
                return False
            return bool(had)
        different = sum(
            not _is_equal(self._held.get(name, row.values[name]), row.values[name]) for name in names
        )
        if different:
            self._repeats[row.number] = different
        self._held |= row.values
        return False

    def _restart(self, number: int, step: int) -> bool:
        """Leave out the rows before ``number`` from ``step`` on. Return whether there are any."""
        self._stretch = None
        is_replacing = self._places.drop(step, number)
        self._restarts.append(number)
        self._replaced_from = [*(min(one, step) for one in self._replaced_from), step]
        self._last = {name: min(last, step - 1) for name, last in self._last.items()}
        return is_replacing


class Places:
    """Which columns have a value at which steps, in little memory where steps only grow."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._bits: list[int] = []
        self._rest: dict[int, tuple[int, int]] = {}
        self._first_of_rest = 0
        self.since = 0
        """Number of the row that first had the step last added; 0 for one of the ascending rows."""

    def add(self, step: int, bits: int, number: int) -> int:
        """Add columns of a row at a step. Returns those that had a value there already."""
        self.since = 0
        if not self._rest and (not self._steps or step > self._steps[-1]):
            self._steps.append(step)
            self._bits.append(bits)
            return 0
        place = bisect_left(self._steps, step)
        if place < len(self._steps) and self._steps[place] == step:
            had = self._bits[place]
            self._bits[place] |= bits
            return had & bits
        had, self.since = self._rest.get(step, (0, number))
        self._rest[step] = had | bits, self.since
        return had & bits

    def drop(self, step: int, number: int) -> bool:
        """Forget steps from ``step`` on, except those of rows from ``number`` on. Returns whether there were any."""
        place = bisect_left(self._steps, step)
        kept = {at: held for at, held in self._rest.items() if at < step or held[1] >= number}
        is_any = place < len(self._steps) or len(kept) < len(self._rest)
        del self._steps[place:], self._bits[place:]
        self._rest = kept
        return is_any


def _is_equal(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _example(row: Row, step: int) -> str:
    name, value = next(islice(row.values.items(), 1))
    return f"line {row.line}: {name} {value:g} at step {step:,}"
