"""Reads the index and the queue for the app, off the UI thread: no key ever waits for a disk or a lock.

A maintenance pass starts and settles jobs, and has the index ingest what trainers wrote. Publishing runs the query of
the visible screen and posts the result there, if it may have changed.

``ThreadedIndexReader`` does both in two threads: maintenance twice a second, publishing whenever a screen asks or a
pass has ended. ``InlineIndexReader`` does both in the calls of its methods, for tests that need no waiting.
"""

from __future__ import annotations

import contextlib
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
from gentui.tui import gc_tuning
from gentui.tui.endings import Watch, evaluation_sentence, sentence

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from gentui.index import Index, RunRow
    from gentui.jobs.job_types import EvaluationDir

REDRAW, SLOW = 0.9, 5.0
"""Least seconds between two updates of a screen that did not ask for them; SLOW on low bandwidth."""
EVERY = 0.5
"""Seconds between two maintenance passes while runs train or wait."""


class Query:
    """What a screen asks of the index: ``work(index)``, repeated whenever the index, or what ``stamp()`` returns,
    has changed. ``work`` runs away from the UI thread."""

    def __init__(self, work: Callable[[Any], Any], stamp: Callable[[], object] | None = None):
        self.work = work
        self.stamp = stamp or (lambda: None)


class QueryResult(Message):
    """The result of a screen's query. A newer one replaces one that has not been handled yet."""

    bubble = False

    def __init__(self, data: Any, query: Query):
        super().__init__()
        self.data = data
        self.query = query

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, QueryResult) and message.query is self.query


@dataclass
class Activity(Message):
    """How many runs train, how many wait, how many evaluations run or wait. ``problem``: what is wrong with the index
    or the queue, "" if nothing. ``note``: why the home cannot be written, "" if it can."""

    running: int = 0
    queued: int = 0
    scoring: int = 0
    problem: str = ""
    note: str = ""


@dataclass
class EvaluationFinished(Message):
    """An evaluation has ended. ``text``: how, in a sentence; ``severity``: of its notice."""

    text: str
    severity: str


@dataclass
class RunsEnded(Message):
    """Runs have ended. ``text``: how, in a sentence; ``severity``: of its notice."""

    text: str
    severity: str


class Maintenance:
    """Keeps the queue going and the index up to date, one pass at a time.

    ``post`` sends a message to the app. ``problem``: what went wrong in the last pass, "" if nothing.
    """

    def __init__(self, home: Path, post: Callable[[Message], object]):
        self._home = home
        self._post = post
        self._queue_due = 0.0
        self._everything = True
        self._evaluations: dict[str, EvaluationDir] = {}
        self.problem = ""
        self.passes = 0

    @property
    def scoring(self) -> int:
        """How many evaluations run or wait."""
        return len(self._evaluations)

    def check_queue_next(self) -> None:
        """Check the queue and all runs in the next pass, even if that is soon after the last check."""
        self._queue_due = 0.0
        self._everything = True

    def follow(self, job: EvaluationDir) -> None:
        """Report when this evaluation ends, even if it ends before the next check of the queue."""
        self._evaluations[job.id] = job
        self.check_queue_next()

    def run_pass(self) -> None:
        """Tend the queue, then refresh the index; a failure of one does not stop the other."""
        problem = ""
        # A run that is scored had mostly ended: else its scores would be noticed when its turn comes.
        everything, self._everything = self._everything or bool(self._evaluations), False
        try:
            self._tend_queue()
        except Exception as error:
            problem = f"queue: {_sentence(error)}"
        try:
            self.index.refresh(poll=not everything)
        except Exception as error:
            problem = f"index: {_sentence(error)}"
        self.problem = problem
        self.passes += 1

    @cached_property
    def index(self) -> Index:
        """The index that this keeps up to date."""
        from gentui.index import Index

        return Index(self._home)

    def _tend_queue(self) -> None:
        if (now := time.monotonic()) < self._queue_due:
            return
        from gentui import jobs

        self._queue_due = now + 1.0
        jobs.reconcile_and_spawn(self._home)
        self._report_evaluations()

    def _report_evaluations(self) -> None:
        from gentui.jobs.evaluations import run_id_of
        from gentui.jobs.job_types import EVALUATIONS, EvaluationDir
        from gentui.jobs.states import unfinished
        from gentui.runs import naming

        found = unfinished(self._home, [EVALUATIONS], poll=True)
        pending = {job.id: job for job, _ in found if isinstance(job, EvaluationDir)}
        for job in list(self._evaluations.values()):
            if job.id not in pending:
                del self._evaluations[job.id]
                name = run_id_of(job)
                with contextlib.suppress(KeyError):
                    name = clean(naming.label(self.index.run(name)), 60)
                if (result := evaluation_sentence(job, name)) is not None:
                    self._post(EvaluationFinished(*result))
        self._evaluations.update(pending)


class IndexReader:
    """Posts the result of the visible screen's query to it. ``watch``, ``wake`` and ``follow`` are called from the UI
    thread.

    ``passes``: how many maintenance passes had ended before results were last published. ``newest``: the id of the run
    that trains, else of the newest run. ``redraw``: least seconds between two updates that were not asked for.
    """

    def __init__(self, app: App[Any], home: Path, redraw: float = REDRAW):
        self._app = app
        self._home = home
        self._redraw = redraw
        self._maintenance = Maintenance(home, app.post_message)
        self._target: tuple[Screen[Any], Query] | None = None
        self._posted: tuple[object, ...] | None = None
        self._posted_at = 0.0
        self._counted: tuple[object, ...] | None = None
        self._activity = Activity()
        self._watch = Watch()
        self.passes = 0
        self.newest: str | None = None

    def start(self) -> None:
        """Start reading; called after the first frame."""
        raise NotImplementedError

    def end(self) -> None:
        """Stop reading."""

    def watch(self, screen: Screen[Any], query: Query) -> None:
        """Post the query's result to ``screen`` soon, and again whenever it may have changed."""
        self._target = (screen, query)

    def unwatch(self, screen: Screen[Any]) -> None:
        """Post no more results to this screen."""
        if self._target is not None and self._target[0] is screen:
            self._target = None

    def wake(self) -> None:
        """Have a maintenance pass now."""
        self._maintenance.check_queue_next()

    def follow(self, job: EvaluationDir) -> None:
        """Report when this evaluation ends."""
        self._maintenance.follow(job)

    def publish(self) -> None:
        """Post the result of the visible screen's query, and how many runs train and wait, if they may have changed."""
        passes = self._maintenance.passes
        activity = Activity(
            self._activity.running, self._activity.queued, self._maintenance.scoring, self._maintenance.problem,
            self._index.note,
        )  # fmt: skip
        try:
            index = _CachedIndex(self._index)
            self._run_query(index)
            self._count(index, activity)
        except Exception as error:
            activity.problem = f"index: {_sentence(error)}"
        if activity != self._activity:
            self._activity = activity
            self._app.post_message(activity)
        self.passes = passes

    @property
    def _is_busy(self) -> bool:
        """Whether something may change at any moment."""
        return bool(self._activity.running or self._activity.queued or self._maintenance.scoring)

    @property
    def _index(self) -> Index:
        return self._maintenance.index

    def _ticks(self) -> int:
        """Changes every five seconds while something runs: that a run stalls changes no file."""
        return int(time.monotonic() // 5) if self._activity.running else 0

    def _run_query(self, index: Index | _CachedIndex) -> None:
        target = self._target
        if target is None:
            return
        screen, query = target
        state = (screen, query, index.version(), query.stamp(), self._ticks())
        if state == self._posted:
            return
        now = time.monotonic()
        if self._posted is not None and self._posted[:2] == state[:2] and now < self._posted_at + self._redraw:
            return  # the same query as before: it may wait until the next time
        data = query.work(index)
        self._posted, self._posted_at = state, now
        screen.post_message(QueryResult(data, query))

    def _count(self, index: Index | _CachedIndex, activity: Activity) -> None:
        state = (index.version(), self._ticks())
        if state != self._counted:
            runs = index.runs()
            statuses = [run.status for run in runs]
            self.newest = newest_of(runs)
            activity.running = statuses.count("running") + statuses.count("stalled")
            activity.queued = statuses.count("queued")
            if ended := self._watch.ended(runs):
                self._app.post_message(RunsEnded(*sentence(ended)))
            self._counted = state


class ThreadedIndexReader(IndexReader):
    """Maintenance in one thread, publishing in another. ``every``: seconds between two passes while runs train or wait.
    ``warm_up`` is called once, after the first pass."""

    def __init__(
        self, app: App[Any], home: Path, redraw: float = REDRAW, every: float = EVERY,
        warm_up: Callable[[], None] = lambda: None,
    ):  # fmt: skip
        super().__init__(app, home, redraw)
        self._every = every
        self._warm_up = warm_up
        self._asked = threading.Event()
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._had_tty = sys.__stdin__ is not None and sys.__stdin__.isatty()

    def start(self) -> None:
        threading.Thread(target=self._read, name="gentui-index-reader", daemon=True).start()
        threading.Thread(target=self._maintain, name="gentui-maintenance", daemon=True).start()

    def end(self) -> None:
        self._ended.set()
        self._woken.set()
        self._asked.set()

    def watch(self, screen: Screen[Any], query: Query) -> None:
        super().watch(screen, query)
        self._asked.set()

    def wake(self) -> None:
        super().wake()
        self._woken.set()

    def follow(self, job: EvaluationDir) -> None:
        super().follow(job)
        self._woken.set()

    def _maintain(self) -> None:
        while not self._ended.is_set():
            self._woken.clear()
            start = time.monotonic()
            self._maintenance.run_pass()
            self._asked.set()
            if self._maintenance.passes == 1:
                self._warm_up()
                gc_tuning.freeze()
            gc_tuning.collect_if_idle()
            # a slow index rests at least as long as it took
            rest = self._every if self._is_busy else 2 * self._every
            self._woken.wait(max(rest, min(5.0, time.monotonic() - start)))

    def _read(self) -> None:
        while not self._ended.is_set():
            self._asked.clear()
            start = time.monotonic()
            self.publish()
            if self._had_tty and sys.__stdin__ is not None and not sys.__stdin__.isatty():
                os._exit(129)  # the terminal is gone, but our parent had SIGHUP ignored
            self._asked.wait(max(2 * self._every, min(5.0, time.monotonic() - start)))


class InlineIndexReader(IndexReader):
    """For tests: ``watch`` and ``wake`` return when all is read and posted; ``update`` reads what has changed since.
    No threads, nothing to wait for."""

    def __init__(self, app: App[Any], home: Path, redraw: float = 0.0):
        super().__init__(app, home, 0.0)

    def start(self) -> None:
        self.update()

    def watch(self, screen: Screen[Any], query: Query) -> None:
        super().watch(screen, query)
        self.publish()

    def wake(self) -> None:
        super().wake()
        self.update()

    def update(self) -> None:
        """One maintenance pass, then publish."""
        self._maintenance.check_queue_next()
        self._maintenance.run_pass()
        self.publish()


class _CachedIndex:
    """The index while results are published: its runs, which query and counts both need, are read once."""

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
    """The id of the run that trains, else of the newest run; None if there are no runs."""
    training = (run.id for run in runs if run.status in ("running", "stalled"))
    return next(training, runs[0].id if runs else None)


def _sentence(error: Exception) -> str:
    return clean(f"{error or type(error).__name__}", 200)
