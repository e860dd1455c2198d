"""The event records of a run as lines of text: time, step, kind, content."""

from __future__ import annotations

import json
import time
from typing import Any

from engine.runs.directory import RunDir
from engine.runs.events import MAX_LINE, decode
from gentui.text.sanitize import clean
from gentui.text.tail import Tail

_LONGEST = 2000
"""Characters of a record that are shown."""
_IN_FRONT = ("kind", "t", "mono", "step", "images")


class EventTail(Tail):
    """The last events of a run's newest log, as lines."""

    def __init__(self, run: RunDir, keep: int = 2000, chunk: int = 512 << 10):
        super().__init__(None, keep, chunk)
        self._run = run

    def stamp(self) -> object:
        self._choose_newest()
        return self.path, super().stamp()

    def read(self) -> tuple[str, ...]:
        self._choose_newest()
        return super().read()

    def parse(self, whole: bytes) -> list[str]:
        records = (decode(line) for line in whole.split(b"\n") if len(line) <= MAX_LINE)
        return [line_of(record) for record in records if record is not None]

    def parse_partial(self, partial: bytes) -> list[str]:
        return []

    def _choose_newest(self) -> None:
        try:
            newest = max(self._run.events_files(), default=(0, None))[1]
        except OSError:
            return
        if newest != self.path:
            self.path = newest
            self.restart()


def line_of(event: dict[str, Any]) -> str:
    """An event as a line: ``12:00:31  step 1,200  metrics  {"loss": 0.21}``."""
    t, step = event.get("t"), event.get("step")
    try:
        when = time.strftime("%H:%M:%S", time.localtime(t)) if isinstance(t, int | float) else "–"
    except (ValueError, OverflowError, OSError):
        when = "–"
    where = f"step {step:,}" if isinstance(step, int) else "step –"
    rest = {name: value for name, value in event.items() if name not in _IN_FRONT}
    if event["kind"] in ("metrics", "system"):
        rest = rest.get("values", rest)
    content = json.dumps(rest, default=str, ensure_ascii=False)[:_LONGEST]
    return clean(f"{when}  {where:<14}{event['kind']:<11}  {content}", _LONGEST)
