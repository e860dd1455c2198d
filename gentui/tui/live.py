"""The two threads that touch the index and the queue, so that the screen never waits for a disk or a lock.

One looks after the queue and lets the index take in what the trainers wrote, twice a second. The other fetches what
the visible screen shows and posts it there: at once when the screen asks, whatever is being taken in meanwhile, and
else only when something changed. Nothing changed: nothing is posted.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from gentui.text.sanitize import clean
from gentui.tui import quiet

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from gentui.index import Index, RunRow
    from gentui.jobs.job_types import EvaluationDir


REDRAW, SLOW = 0.9, 5.0
"""Seconds at least between two drawings of what changes by itself; over a slow line."""


class Fetch:
    """What a screen wants of the index. ``work`` runs in the live thread, again whenever the index, or what
    ``stamp`` returns, has changed."""

    def __init__(self, work: Callable[[Any], Any], stamp: Callable[[], object] | None = None):
        self.work = work
        self.stamp = stamp or (lambda: None)


class Fresh(Message):
    """What a screen asked for, or what changed of it."""

    bubble = False

    def __init__(self, data: Any, fetch: Fetch):
        super().__init__()
        self.data = data
        self.fetch = fetch


@dataclass
class Pulse(Message):
    """How many runs train and wait, how many are being scored or wait for it, and what is wrong with the index
    or the queue ("" when nothing)."""

    running: int = 0
    queued: int = 0
    scoring: int = 0
    trouble: str = ""


@dataclass
class Scored(Message):
    """An evaluation has ended: what is told of it."""

    text: str
    severity: str


class Keeper(threading.Thread):
    """Keeps the queue going and the index up to date. ``looked`` is called after every pass."""

    def __init__(self, app: App[Any], home: Path, every: float, looked: Callable[[], None]):
        super().__init__(name="gentui-keeper", daemon=True)
        self._app = app
        self._home = home
        self._every = every
        self._looked = looked
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._queue_due = 0.0
        self._evaluations: dict[str, EvaluationDir] = {}
        self.is_busy = False  # runs train or wait: there may be news at any moment
        self.passes = 0
        self.trouble = ""

    @property
    def scoring(self) -> int:
        """How many evaluations go on or wait."""
        return len(self._evaluations)

    def wake(self) -> None:
        self._queue_due = 0.0
        self._woken.set()

    def follow(self, job: EvaluationDir) -> None:
        self._evaluations[job.id] = job
        self.wake()

    def end(self) -> None:
        self._ended.set()
        self._woken.set()

    def run(self) -> None:
        while not self._ended.is_set():
            self._woken.clear()
            began = time.monotonic()
            self._pass()
            self.passes += 1
            self._looked()
            if self.passes == 1:
                load_screens()
                quiet.loaded()
            quiet.tidy()
            # a slow index gets at least as much rest as it took; with nothing running there is no hurry
            rest = self._every if self.is_busy or self.scoring else 2 * self._every
            self._woken.wait(max(rest, min(5.0, time.monotonic() - began)))

    def _pass(self) -> None:
        """Queue, then index; what goes wrong in one does not stop the other."""
        trouble = ""
        try:
            self._queue()
        except Exception as error:
            trouble = f"queue: {_sentence(error)}"
        try:
            self._index.refresh()
        except Exception as error:
            trouble = f"index: {_sentence(error)}"
        self.trouble = trouble

    @cached_property
    def _index(self) -> Index:
        from gentui.index import Index

        return Index(self._home)

    def _queue(self) -> None:
        if (now := time.monotonic()) < self._queue_due:
            return
        from gentui import jobs

        self._queue_due = now + 1.0
        jobs.reconcile_and_spawn(self._home)
        self._look_at_evaluations()

    def _look_at_evaluations(self) -> None:
        from gentui.jobs.evaluations import outcome
        from gentui.jobs.job_types import EvaluationDir
        from gentui.jobs.states import unfinished

        pending = {job.id: job for job, _ in unfinished(self._home) if isinstance(job, EvaluationDir)}
        for job in list(self._evaluations.values()):
            if job.id not in pending:
                del self._evaluations[job.id]
                if (told := outcome(job)) is not None:
                    self._app.post_message(Scored(*told))
        self._evaluations.update(pending)


class Live(threading.Thread):
    """Started once the first frame is out. ``watch`` and ``wake`` may be called from the UI thread.

    ``passes``: after so many passes of the keeper it was looked whether there is anything to post.
    """

    def __init__(self, app: App[Any], home: Path, every: float = 0.5, redraw: float = REDRAW):
        super().__init__(name="gentui-live", daemon=True)
        self._app = app
        self._home = home
        self._every = every
        self._redraw = redraw
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._keeper = Keeper(app, home, every, self._asked.set)
        self._target: tuple[Screen[Any], Fetch] | None = None
        self._posted: tuple[object, ...] | None = None
        self._posted_at = 0.0
        self._counted: tuple[object, ...] | None = None
        self._pulse = Pulse()
        self._had_tty = sys.__stdin__ is not None and sys.__stdin__.isatty()
        self.passes = 0
        self.newest: str | None = None

    def watch(self, screen: Screen[Any], fetch: Fetch) -> None:
        """From now on keep ``screen`` supplied with ``fetch(index)``; the first time at once."""
        self._target = (screen, fetch)
        self._asked.set()

    def unwatch(self, screen: Screen[Any]) -> None:
        if self._target is not None and self._target[0] is screen:
            self._target = None

    def wake(self) -> None:
        """Look now, not at the next beat."""
        self._keeper.wake()

    def follow(self, job: EvaluationDir) -> None:
        """Tell when this evaluation ends, even if it does before the queue is next looked at."""
        self._keeper.follow(job)

    def end(self) -> None:
        self._ended.set()
        self._keeper.end()
        self._asked.set()

    def run(self) -> None:
        self._keeper.start()
        while not self._ended.is_set():
            self._asked.clear()
            began, kept = time.monotonic(), self._keeper.passes
            self._pass()
            self.passes = kept
            if self._had_tty and sys.__stdin__ is not None and not sys.__stdin__.isatty():
                os._exit(129)  # the terminal is gone, and whoever started us made us deaf to SIGHUP
            self._asked.wait(max(2 * self._every, min(5.0, time.monotonic() - began)))

    def _pass(self) -> None:
        """What the screen shows, and how many runs train and wait."""
        pulse = Pulse(self._pulse.running, self._pulse.queued, self._keeper.scoring, self._keeper.trouble)
        try:
            once = _Once(self._index)
            self._supply(once)
            self._count(once, pulse)
        except Exception as error:
            pulse.trouble = f"index: {_sentence(error)}"
        if pulse != self._pulse:
            self._pulse = pulse
            self._keeper.is_busy = bool(pulse.running or pulse.queued)
            self._app.post_message(pulse)

    @cached_property
    def _index(self) -> Index:
        from gentui.index import Index

        return Index(self._home)

    def _now(self) -> int:
        """Changes every few seconds while something runs: a run that falls silent changes no file."""
        return int(time.monotonic() // 5) if self._pulse.running else 0

    def _supply(self, index: Index | _Once) -> None:
        target = self._target
        if target is None:
            return
        screen, fetch = target
        state = (screen, fetch, index.version(), fetch.stamp(), self._now())
        if state == self._posted:
            return
        now = time.monotonic()
        if self._posted is not None and self._posted[:2] == state[:2] and now < self._posted_at + self._redraw:
            return  # the same question as before: the answer may wait for the next pass
        data = fetch.work(index)
        self._posted, self._posted_at = state, now
        screen.post_message(Fresh(data, fetch))

    def _count(self, index: Index | _Once, pulse: Pulse) -> None:
        state = (index.version(), self._now())
        if state != self._counted:
            runs = index.runs()
            statuses = [run.status for run in runs]
            self.newest = newest_of(runs)
            pulse.running = statuses.count("running") + statuses.count("stalled")
            pulse.queued = statuses.count("queued")
            self._counted = state


class _Once:
    """The index within one pass: the runs, wanted for the list and for the counts, are read once."""

    def __init__(self, index: Index):
        self._index = index
        self._runs: list[RunRow] | None = None

    def runs(self) -> list[RunRow]:
        if self._runs is None:
            self._runs = self._index.runs()
        return self._runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


def newest_of(runs: list[RunRow]) -> str | None:
    """The run that trains, or else the newest."""
    training = (run.id for run in runs if run.status in ("running", "stalled"))
    return next(training, runs[0].id if runs else None)


def load_screens() -> None:
    """What the first key to each of them would wait for."""
    from gentui.tui.screens import leaderboard, run, runs  # noqa: F401


def _sentence(error: Exception) -> str:
    return clean(f"{error or type(error).__name__}", 200)
