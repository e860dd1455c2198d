"""The records that a run is read from, as lines: when, at which step, what kind, and the record itself."""

from __future__ import annotations

import json
import time
from typing import Any

from engine.runs.directory import RunDir
from engine.runs.events import read_events
from gentui.text.sanitize import clean

_LONGEST = 2000  # characters of a record that are shown
_KNOWN = ("kind", "t", "mono", "step", "images")


class EventTail:
    """The end of a run's newest log, in at most ``keep`` lines, as ``Tail`` is the end of a text file."""

    def __init__(self, run: RunDir, keep: int = 2000, chunk: int = 512 << 10):
        self._run = run
        self._keep, self._chunk = keep, chunk
        self._attempt = self._offset = 0
        self._lines: list[str] = []

    def stamp(self) -> object:
        """Changes when there may be something new to read."""
        try:
            return [(attempt, path.stat().st_size) for attempt, path in self._run.events_files()[-1:]]
        except OSError:
            return None

    def read(self) -> tuple[str, ...]:
        """The last lines now, clean."""
        try:
            for attempt, path in self._run.events_files()[-1:]:
                size = path.stat().st_size
                if attempt != self._attempt or size < self._offset:
                    self._attempt, self._offset, self._lines = attempt, 0, []
                if (
                    size - self._offset > self._chunk
                ):  # far behind: begin again near the end, at some whole record
                    self._offset, self._lines = size - self._chunk, ["…"]
                batch = read_events(path, self._offset, self._chunk)
                self._offset = batch.offset
                self._lines += [line_of(event) for event in batch.events]
                del self._lines[: -self._keep]
        except OSError:
            pass
        return tuple(self._lines)


def line_of(event: dict[str, Any]) -> str:
    """``12:00:31  step 1,200  metrics  {"loss": 0.21}``."""
    t, step = event.get("t"), event.get("step")
    try:
        when = time.strftime("%H:%M:%S", time.localtime(t)) if isinstance(t, int | float) else "–"
    except (ValueError, OverflowError, OSError):
        when = "–"
    where = f"step {step:,}" if isinstance(step, int) else "step –"
    rest = {name: value for name, value in event.items() if name not in _KNOWN}
    if event["kind"] in ("metrics", "system"):
        rest = rest.get("values", rest)
    told = json.dumps(rest, default=str, ensure_ascii=False)[:_LONGEST]
    return clean(f"{when}  {where:<14}{event['kind']:<11}  {told}", _LONGEST)
