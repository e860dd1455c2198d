"""Overlaid runs: which runs are drawn over the one being viewed, their colours and markers, and the baseline.

An overlay belongs to the run that it was laid on. A run keeps its slot, that is its colour and marker, as long as the
app runs, wherever it is drawn, unless more runs are overlaid than there are slots. The first eight slots differ in both
colour and marker; further ones repeat the colours with other markers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

DISTINCT = 8
"""Number of slots that differ in both colour and marker."""
SLOTS = 4 * DISTINCT
"""Number of slots; no two share both colour and marker."""
MAX_OVERLAID = SLOTS - 1
"""The most runs that can be drawn over another so that all can be told apart."""


@dataclass(frozen=True)
class OverlayEntry:
    """One run of an overlay. ``name`` is sanitized text."""

    run: str
    name: str
    slot: int
    is_baseline: bool = False


class Overlays:
    """The overlays of all runs, by the run that each was laid on."""

    def __init__(self) -> None:
        self._of: dict[str, Overlay] = {}
        self._slots: dict[str, int] = {}

    def of(self, run: str) -> Overlay:
        """The overlay of a run: empty until runs are added to it."""
        return self._of.setdefault(run, Overlay(self._slots))


class Overlay:
    """The runs that the view of one run draws over its own, in the order they were added. ``slots``: those that runs
    have had, by id."""

    def __init__(self, slots: dict[str, int] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._slots = {} if slots is None else slots
        self._display_names: dict[str, str] = {}
        self._baseline = ""

    def __contains__(self, run: str) -> bool:
        return run in self._names

    def __len__(self) -> int:
        return len(self._names)

    @property
    def baseline(self) -> str:
        """The id of the run that the others are compared with; "" if there is none."""
        return self._baseline

    def add(self, run: str, name: str) -> bool:
        """Overlay a run. Return False if there are too many."""
        if run not in self._names and len(self._names) >= MAX_OVERLAID:
            return False
        self._names[run] = name
        return True

    def remove(self, run: str) -> None:
        self._names.pop(run, None)
        if self._baseline == run:
            self._baseline = ""

    def keep_only(self, runs: Collection[str]) -> None:
        """Remove every run but these."""
        for run in [run for run in self._names if run not in runs]:
            self.remove(run)

    def toggle(self, run: str, name: str) -> bool:
        """Add a run, or remove it if it is overlaid. Return False if there are too many."""
        if run in self._names:
            self.remove(run)
            return True
        return self.add(run, name)

    def set_baseline(self, run: str, name: str) -> bool:
        """Make a run the baseline, or unset it if it is the baseline already. Return False if there are too many
        runs."""
        if self._baseline == run:
            self._baseline = ""
            return True
        if not self.add(run, name):
            return False
        self._baseline = run
        return True

    def set_names(self, names: dict[str, str]) -> None:
        """Set the names shown for runs in an overlay, by id: names that tell them apart."""
        self._display_names = names

    def clear(self) -> None:
        """Remove every run but the baseline."""
        self._names = {run: name for run, name in self._names.items() if run == self._baseline}

    def entries(self, run: str, name: str) -> tuple[OverlayEntry, ...]:
        """Return the run being viewed, then the runs overlaid on it."""
        names = {run: name} | {other: label for other, label in self._names.items() if other != run}
        slots = self._assign_slots(list(names))
        labels = {one: self._display_names.get(one, name) for one, name in names.items()}
        return tuple(OverlayEntry(one, labels[one], slots[one], one == self._baseline) for one in names)

    def _assign_slots(self, runs: list[str]) -> dict[str, int]:
        """Assign a slot to each run: the one it had, unless a run before it has taken that one or it lies beyond
        the rounds of colours that this many runs need."""
        taken: dict[int, str] = {}
        usable = range(-(-len(runs) // DISTINCT) * DISTINCT)
        for run in sorted(runs, key=lambda run: run not in self._slots):
            wish = self._slots.get(run)
            used = set(self._slots.values())
            if wish is None or wish in taken or wish not in usable:
                free = [slot for slot in usable if slot not in taken]
                wish = min(free, key=lambda slot: (slot // DISTINCT, slot in used))
            taken[wish] = run
            self._slots[run] = wish
        return {run: slot for slot, run in taken.items()}
