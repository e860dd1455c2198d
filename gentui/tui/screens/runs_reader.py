"""What the list of runs asks of the index, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.runs import filter_language, naming
from gentui.tui.formatting import spark
from gentui.tui.screens.runs_table import RunEntry, main_of, row_of

if TYPE_CHECKING:
    from gentui.index import Index
    from gentui.tui.screens.runs_preview import Preview, PreviewRequest


@dataclass(frozen=True)
class RunList:
    """The result of the screen's query: the runs by id, newest first; the keys that a filter may name; and for which
    columns the rows were made, the keys of those added and whether there are few. ``entries`` is the same object as
    before where no run has changed."""

    entries: dict[str, RunEntry]
    keys: filter_language.FilterKeys
    added: tuple[str, ...]
    is_few: bool = False
    preview: Preview | None = None


class RunsReader:
    """Reads the runs off the UI thread, and remembers the rows: only those of runs that changed are made again."""

    def __init__(self) -> None:
        self._entries: dict[str, RunEntry] = {}
        self._keys = filter_language.FilterKeys()
        self._made_for: tuple[tuple[str, ...], bool] = (), False
        self._preview: Preview | None = None

    def read(
        self, index: Index, added: tuple[str, ...], is_few: bool = False, asked: PreviewRequest | None = None
    ) -> RunList:
        """All runs, with the keys ``added`` as further columns; and what the pane shows, if it is asked for."""
        if (added, is_few) != self._made_for:
            self._made_for, self._entries = (added, is_few), {}
        runs, getters = index.runs(), [filter_language.getter(key) for key in added]
        waiting = sorted((run for run in runs if run.status == "queued"), key=lambda run: run.queued_at or 0.0)
        places = {run.id: place for place, run in enumerate(waiting, 1)}
        entries: dict[str, RunEntry] = {}
        changed: list[Any] = []
        for run in runs:
            old = self._entries.get(run.id)
            is_same = old is not None and (old.run is run or old.run == run)
            if old is not None and is_same and old.queue_place == places.get(run.id):
                entries[run.id] = old
            else:
                changed.append(run)
        curves = index.sparks({run.id: main for run in changed if run.step and (main := main_of(run))})
        for run in changed:
            place, curve = places.get(run.id), spark(curves.get(run.id, ()))
            row = row_of(run, place, getters, curve, is_few)
            entries[run.id] = RunEntry(run, place, curve, row, naming.sweep_of(run))
        if changed or entries.keys() != self._entries.keys():
            self._entries = {run.id: entries[run.id] for run in runs}
            self._keys = self._keys.and_of(changed)
        if asked is None:
            self._preview = None
        else:
            from gentui.tui.screens.runs_preview import read_preview

            self._preview = read_preview(index, asked, self._entries, self._preview)
        return RunList(self._entries, self._keys, added, is_few, self._preview)
