"""Runs laid over the one that is looked at: which, in which colour and marker, and which is the baseline.

A run keeps its colour and marker as long as the app runs, wherever and whenever it is drawn, unless more runs
are laid over one another than there are of them. The first eight differ in both; after them colours come again
with other markers.
"""

from __future__ import annotations

from dataclasses import dataclass

AROUND = 8
"""So many slots differ in colour and in marker."""
SLOTS = 4 * AROUND
"""Each of so many has a colour and a marker that no other has together."""
MOST = SLOTS - 1
"""Runs laid over another: with it as many as can be told apart."""


@dataclass(frozen=True)
class OverlayEntry:
    """One run of an overlay. ``name`` is clean text."""

    run: str
    name: str
    slot: int
    is_baseline: bool = False


class Overlay:
    """The runs that every run view shows beside its own, oldest first."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._slots: dict[str, int] = {}
        self._told: dict[str, str] = {}
        self._baseline = ""

    def __contains__(self, run: str) -> bool:
        return run in self._names

    def __len__(self) -> int:
        return len(self._names)

    @property
    def baseline(self) -> str:
        """The id of the run that the others are compared with; "" for none."""
        return self._baseline

    def add(self, run: str, name: str) -> bool:
        """Lay a run over the others; False when there are too many."""
        if run not in self._names and len(self._names) >= MOST:
            return False
        self._names[run] = name
        return True

    def remove(self, run: str) -> None:
        self._names.pop(run, None)
        if self._baseline == run:
            self._baseline = ""

    def toggle(self, run: str, name: str) -> bool:
        """Add a run, or take it away; False when there are too many."""
        if run in self._names:
            self.remove(run)
            return True
        return self.add(run, name)

    def set_baseline(self, run: str, name: str) -> bool:
        """Pin a run as the baseline, or if it is that already, no more; False when there are too many."""
        if self._baseline == run:
            self._baseline = ""
            return True
        if not self.add(run, name):
            return False
        self._baseline = run
        return True

    def tell(self, names: dict[str, str]) -> None:
        """Call these runs so while they lie over one another: by names that tell them apart."""
        self._told = names

    def clear(self) -> None:
        """Take every run away but the baseline."""
        self._names = {run: name for run, name in self._names.items() if run == self._baseline}

    def of(self, run: str, name: str) -> tuple[OverlayEntry, ...]:
        """The run that is looked at, and those laid over it; only itself where there are none."""
        names = {run: name} | {other: known for other, known in self._names.items() if other != run}
        slots = self._assign(list(names))
        told = {one: self._told.get(one, name) for one, name in names.items()}
        return tuple(OverlayEntry(one, told[one], slots[one], one == self._baseline) for one in names)

    def _assign(self, runs: list[str]) -> dict[str, int]:
        """Each run's own slot, the one it had where nobody shown now has that; no further round of colours than the
        number of runs takes."""
        taken: dict[int, str] = {}
        enough = range(-(-len(runs) // AROUND) * AROUND)
        for run in sorted(runs, key=lambda run: run not in self._slots):
            wish = self._slots.get(run)
            used = set(self._slots.values())
            if wish is None or wish in taken or wish not in enough:
                free = [slot for slot in enough if slot not in taken]
                wish = min(free, key=lambda slot: (slot // AROUND, slot in used))
            taken[wish] = run
            self._slots[run] = wish
        return {run: slot for slot, run in taken.items()}
