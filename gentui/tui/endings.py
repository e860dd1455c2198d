"""Runs that have ended while the app was open, and how people who look elsewhere are told.

The app shows a notice and names the run in the terminal's title; the bell, or a notification that the terminal shows on
the desktop (OSC 9 of iTerm2 and others, OSC 777 of urxvt and others), is a preference.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gentui.runs.metric_names import label
from gentui.runs.scores import value_text
from gentui.text.numbers import duration, number, plural
from gentui.text.sanitize import clean
from gentui.tui.formatting import LIVE

if TYPE_CHECKING:
    from gentui.index import RunRow
    from gentui.jobs.job_types import EvaluationDir

BELL, OSC_9, OSC_777, NOTHING = "bell", "osc9", "osc777", "none"
SIGNALS = (BELL, OSC_9, OSC_777, NOTHING)
_WORDS = {"done": "is done", "stopped": "was stopped", "failed": "failed", "interrupted": "was interrupted"}
_WORSE = {"failed": "error", "lost": "error", "interrupted": "warning"}


class Watch:
    """Notices which runs have ended since it was last shown all of them."""

    def __init__(self) -> None:
        self._live: set[str] | None = None

    def ended(self, runs: Iterable[RunRow]) -> list[RunRow]:
        """The runs that were live at the last call and have trained and ended; none at the first call."""
        before = self._live or set()
        self._live, ended = set(), []
        for run in runs:
            if run.status in LIVE:
                self._live.add(run.id)
            elif run.id in before and run.attempt:  # else it left the queue
                ended.append(run)
        return ended


def sentence(runs: Sequence[RunRow]) -> tuple[str, str]:
    """(what came of the runs, the severity of the notice)."""
    from gentui.runs import naming  # imports the index, which the first frame does not wait for

    if len(runs) > 1:
        counts = {status: sum(run.status == status for run in runs) for status in {run.status for run in runs}}
        counted = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        worst = next((level for level in ("error", "warning") if level in map(_severity, runs)), "information")
        return f"{plural(len(runs), 'run')} have ended: {counted}", worst
    run = runs[0]
    words = f"{clean(naming.label(run), 60)} {_WORDS.get(run.status, 'is lost')}"
    if run.status == "done":
        score = f": {label(run.best)} {value_text(run.best, number)}" if run.best is not None else ""
        return f"{words} after {duration(run.seconds)}{score}", "information"
    reason = f": {clean(run.reason, 200)}" if run.reason and run.status != "stopped" else ""
    return f"{words} at step {run.step or 0:,}{reason}", _severity(run)


def evaluation_sentence(job: EvaluationDir, name: str) -> tuple[str, str] | None:
    """(what came of the evaluation of a run of this name, the severity of the notice); None if nothing came of it."""
    from gentui.jobs.states import read_state

    state = read_state(job)
    if state is None or not state.ended:
        return None
    if state.status != "done":
        severity = "warning" if state.status == "stopped" else "error"
        return f"{name} was not evaluated: {clean(state.reason or state.status, 300)}", severity
    try:
        unsaid = {"std": None, "role": "report"}
        scores: list[Any] = [
            SimpleNamespace(**unsaid | score, detail=score.get("protocol_detail")) for score in job.scores()
        ]
        values = " · ".join(f"{label(score)} {value_text(score, number)}" for score in scores)
    except (OSError, ValueError, TypeError, AttributeError):
        values = ""
    return f"{name} was evaluated{f': {values}' if values else ''}", "information"


def _severity(run: RunRow) -> str:
    return _WORSE.get(run.status, "information")


def terminal_signal(kind: str, text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What is written to the terminal for a notice; "" for nothing. Through tmux, which has to allow it, as is."""
    if kind == BELL:
        return "\a"
    if kind not in (OSC_9, OSC_777):
        return ""
    text = clean(text, 200)
    sequence = f"\x1b]9;{text}\a" if kind == OSC_9 else f"\x1b]777;notify;gentui;{text.replace(';', ',')}\a"
    return f"\x1bPtmux;\x1b{sequence}\x1b\\" if environment.get("TMUX") else sequence


def title(text: str) -> str:
    """What sets the terminal's title."""
    return f"\x1b]2;{clean(text, 100)}\a"
