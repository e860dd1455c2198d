"""The log of a run: what the trainer printed or the event records, and which line belongs to which step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from engine.runs.directory import RunDir
from gentui.text.tail import Tail
from gentui.tui.event_tail import EventTail

_STEP = re.compile(r"\bstep ([\d,]{1,20})")


class RunLog:
    """The two sources of lines of the run in ``folder``. ``shows_events``: the event records, not what was printed."""

    def __init__(self, folder: Path) -> None:
        self._printed, self._events = Tail(folder / "log.txt"), EventTail(RunDir(folder))
        self.shows_events = False

    @property
    def tail(self) -> Tail:
        """The source that is shown."""
        return self._events if self.shows_events else self._printed


def steps_of(lines: Sequence[str]) -> list[int | None]:
    """The step that each line names, None if it names none."""
    matches = (_STEP.search(line[:200]) for line in lines)
    return [int(match[1].replace(",", "") or 0) if match else None for match in matches]


def line_at(lines: Sequence[str], step: float) -> int | None:
    """The index of the last line that names this step or one before it."""
    named = [at for at, named in enumerate(steps_of(lines)) if named is not None and named <= step]
    return named[-1] if named else None


def next_line(lines: Sequence[str], at: int | None, by: int) -> int | None:
    """The index of the next line after ``at`` that names a step; where ``by`` is negative, of the one before. From
    None the last line is the one before."""
    start = len(lines) if at is None else at
    named = [place for place, step in enumerate(steps_of(lines)) if step is not None]
    ahead = [place for place in named if (place > start if by > 0 else place < start)]
    return None if not ahead else ahead[0] if by > 0 else ahead[-1]
