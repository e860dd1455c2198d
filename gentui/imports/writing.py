"""Runs of other programs as run directories: what a log tells is written as a trainer writes it.

A run appears whole, and one that was imported before changes at once: all is written aside, as a new attempt, until
``publish``.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.events import EventWriter
from engine.rundir import (
    FILE_MODE,
    JobDir,
    RunDir,
    State,
    Status,
    boot_id,
    list_runs,
    process_start_time,
    write_atomically,
)
from gentui.imports.describing import Description
from gentui.imports.entries import (
    About,
    Ended,
    Entry,
    LeftOut,
    Machine,
    Numbers,
    Picture,
    Printed,
    Source,
)
from gentui.imports.reading import picture_suffix
from gentui.index.log import MAX_SERIES, MAX_SYSTEM
from gentui.jobs import marks
from gentui.jobs.kinds import last_error
from gentui.jobs.states import JobError, called, exclusive, read_state, try_lock
from gentui.system import is_system
from gentui.text import clean

_BATCH = 512  # records written at a time
_LONGEST_NAME = 200  # of a series, as the index has it
_MOST_REASONS = 20
_OURS = {"cpu": "cpu_percent"}  # what the machine's series are called in runs of our own
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class RunWriter:
    """One run that is being imported, for the first time or again.

    ``drain`` takes what its log tells, ``publish`` shows the run, ``conclude`` ends it, ``close`` lets go of it: what
    was not published until then is gone. It holds the run's lock, so the run lives exactly as long as its writer.
    Raises JobError when another process writes it just now.
    """

    def __init__(self, home: Path, source: Source, name: str):
        self.home, self.source = home, source
        self.points = self.pictures = 0
        self.series: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        self.ended: Ended | None = None
        self.status: Status = "running"
        self.reason = ""
        self.step = 0
        self.has_begun = self.is_published = False
        before = _imported_before(home, source)
        self.run = before or RunDir.begin(home, State("interrupted", attempt=1))
        lock = try_lock(self.run.lock_path, patience=1.0)
        if lock is None:
            raise JobError(
                f"{called(self.run)}, of {source.path}, is being imported by another gentui just now"
            )
        self._lock, self._is_new = lock, before is None
        self._wanted_name = name
        self._described = Description(source, name, before.info() if before else {})
        self._attempt = _next_attempt(self.run)
        self._aside = {
            self.run.path / ".import-events.jsonl": self.run.events_path(self._attempt),
            self.run.path / ".import-log.txt": self.run.log_path,
        }
        for path in self._aside:
            path.unlink(missing_ok=True)
        events, log = self._aside
        self._events = EventWriter(events)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        self._records: list[dict[str, Any]] = []
        self._row: Numbers | None = None
        self._began_at: float | None = None
        self._last_t: float | None = None
        self._system: dict[str, str] = {}
        self._sampled: set[str] = set()
        self._is_begun = self._is_changed = False
        self._marked = marks.Marks()

    # -- what the log tells ---------------------------------------------------------------------------

    def drain(self, entries: Iterable[Entry]) -> None:
        """Write all of it."""
        for entry in entries:
            self._take(entry)
        self._end_row()
        self._flush()
        if self.is_published and self._is_changed:
            self._describe()

    def _take(self, entry: Entry) -> None:
        row = self._row
        self.has_begun |= not isinstance(entry, LeftOut)
        match entry:
            case Numbers(step, t, values):
                if row is not None and row.step == step and not row.values.keys() & values.keys():
                    row.values |= values
                    row.t = t or row.t
                    return
                self._end_row()
                self._row = entry
            case Machine(t, values):
                self._end_row()
                if known := {key: value for name, value in values.items() if (key := self._system_name(name))}:
                    self._record("system", self.step, t, values=known)
            case Picture():
                self._end_row()
                self._picture(entry)
            case Printed(text):
                self._print(text)
            case About():
                self._leave_out("settings beyond the first 2,000", self._described.learn(entry))
                self._began_at = self._described.about.started_at or self._began_at
                self._is_changed = True
            case Ended():
                self.ended = entry
            case LeftOut(what, n):
                self._leave_out(what, n)

    def _leave_out(self, what: str, n: int = 1) -> None:
        if n:
            is_known = what in self.left_out or len(self.left_out) < _MOST_REASONS
            self.left_out[clean(what, 80) if is_known else "others"] += n

    def _end_row(self) -> None:
        """Write the numbers of one step, which a log may tell one after another."""
        if (row := self._row) is None:
            return
        self._row = None
        named = {key: value for name, value in row.values.items() if (key := self._series_name(name))}
        self._leave_out("values of series beyond the first 1,000", len(row.values) - len(named))
        if named:
            self.points += len(named)
            self.step = max(self.step, row.step)
            self._record("metrics", row.step, row.t, values=named)

    def _series_name(self, name: str) -> str:
        """What the series is called here; "" where it is not taken."""
        if name not in self.series:
            key = clean(name, _LONGEST_NAME).strip() or "unnamed"
            if key.startswith("@") or is_system(key):  # what the index calls its own
                key = f"logged.{key}"[:_LONGEST_NAME]
            self.series[name] = key if len(self.series) < MAX_SERIES else ""
        return self.series[name]

    def _system_name(self, name: str) -> str:
        if name not in self._system:
            key = clean(_OURS.get(name, name), _LONGEST_NAME - 20).strip()
            self._system[name] = key if len(self._system) < MAX_SYSTEM else ""
        return self._system[name]

    def _picture(self, told: Picture) -> None:
        suffix = picture_suffix(told.data)
        if suffix is None:
            self._leave_out("pictures of a format that cannot be shown")
            return
        mark = zlib.crc32(told.data, zlib.crc32(told.key.encode("utf-8", "replace")))
        name = f"{told.step:09d}-{_UNFIT.sub('-', told.key)[:60]}-{mark:08x}{suffix}"
        write_atomically(self.run.samples / name, told.data)
        self._sampled.add(name)
        self.pictures += 1
        self.step = max(self.step, told.step)
        caption = clean(": ".join(filter(None, (told.key, told.caption))), 300)
        self._record("sample", told.step, told.t, path=f"{self.run.samples.name}/{name}", caption=caption)

    def _print(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._log, data) :]

    def _record(self, kind: str, step: int, t: float | None, **fields: Any) -> None:
        self._began_at = self._began_at or t
        t = t or self._last_t or self._began_at or self.source.modified_at
        self._last_t = max(self._last_t or t, t)
        if not self._is_begun:
            self._is_begun = True
            self._records.append(self._stamped("status", 0, self._started_at, status="started", reason=""))
        self._records.append(self._stamped(kind, step, t, **fields))
        if len(self._records) >= _BATCH:
            self._flush()

    def _stamped(self, kind: str, step: int, t: float, **fields: Any) -> dict[str, Any]:
        """A record as the index wants it. How many images were seen is nothing that such a log tells."""
        mono = max(0.0, t - self._started_at)
        return {"kind": kind, "t": t, "mono": mono, "step": step, "images": 0, **fields}

    @property
    def _started_at(self) -> float:
        return self._began_at or self.source.modified_at

    def _flush(self) -> None:
        self._events.emit_many(self._records)
        self._records.clear()
        if self._events.blocked and not self.is_published:
            self._events.sync()  # raises: there is no room, and nobody waits for this run

    # -- the run it becomes ---------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not (self.points or self.pictures or self._described.settings)

    @property
    def name(self) -> str:
        return self._described.name()

    def publish(self) -> None:
        """Show the run as it is now: running, or concluded. Raises OSError, among others for want of room."""
        self._events.sync()
        for aside, place in self._aside.items():
            aside.rename(place)
        self._describe()
        if self._is_new:
            self.run.write_state(self._state())
            self.run = self.run.publish(self._described.info(self._started_at))
        else:
            with exclusive(self.run):
                self.run.write_state(self._state())
            self._forget_earlier()
        self.is_published = True

    def conclude(self, status: Status, reason: str) -> None:
        """The run has ended so; nothing is drained after it. An end that the log itself tells is a record, too."""
        self.status, self.reason = status, clean(reason)
        if status in ("done", "failed") and self._is_begun:
            t = self._last_t or self._started_at
            self._events.emit_many([self._stamped("status", self.step, t, status=status, reason=self.reason)])
        self._events.sync()
        if not self.is_published:
            return
        with exclusive(self.run):
            ended = self._state()
            held = read_state(self.run) or ended
            self.run.write_state(
                held.with_(
                    status=ended.status, reason=ended.reason, started_at=ended.started_at, ended_at=ended.ended_at,
                    exit_code=ended.exit_code,
                )
            )  # fmt: skip

    @property
    def is_to_stop(self) -> bool:
        """Whether a person asked gentui to stop the run. The signal goes out while its state is still being written."""
        with exclusive(self.run):
            state = read_state(self.run)
        return state is not None and state.stop_requested_at is not None

    def last_error(self) -> str:
        """The last line of its console output that looks like an error; "" for none."""
        job = JobDir(self.run.path)
        if not self.is_published:
            (_, job.log_path) = self._aside
        return last_error(job)

    def close(self) -> None:
        self._events.close()
        os.close(self._log)
        if not self.is_published:
            if self._is_new:
                shutil.rmtree(self.run.path, ignore_errors=True)
            for path in self._aside:
                path.unlink(missing_ok=True)
        os.close(self._lock)
        self.source.close()

    def _describe(self) -> None:
        self._is_changed = False
        write_atomically(self.run.recipe_path, self._described.recipe_toml().encode())
        if self._is_new:
            self._mark()
        if self.run.info_path.exists():
            self.run.update_info(**self._described.info(self._started_at))
            if self._wanted_name and marks.read(self.run).name is not None:
                marks.rename(self.home, self.run.id, self._wanted_name)

    def _mark(self) -> None:
        """Give it the tags and notes of its log, unless a person has changed them since."""
        told = self._described.marks()
        with exclusive(self.run):
            if told != self._marked and marks.read(self.run) == self._marked:
                write_atomically(self.run.path / marks.FILE, marks.encoded(told))
                self._marked = told

    def _state(self) -> State:
        is_live = self.status == "running"
        return State(
            status=self.status,
            reason=self.reason,
            attempt=self._attempt,
            started_at=self._started_at,
            ended_at=None if is_live else max(self._started_at, self._last_t or 0.0),
            pid=os.getpid() if is_live else None,
            start_time=process_start_time(os.getpid()) if is_live else None,
            boot_id=boot_id() if is_live else None,
            exit_code=self.ended.code if self.ended else None,
        )

    def _forget_earlier(self) -> None:
        """Delete what this attempt replaces."""
        for attempt, path in self.run.events_files():
            if attempt < self._attempt:
                path.unlink(missing_ok=True)
        for path in self.run.samples.iterdir():
            if path.name not in self._sampled:
                path.unlink(missing_ok=True)


def _imported_before(home: Path, source: Source) -> RunDir | None:
    """The run that the same log was made into; None for what is never the same twice."""
    if source.is_live:
        return None
    for run in reversed(list_runs(home)):
        with suppress(OSError, ValueError, AttributeError, RecursionError):
            imported = run.info().get("imported")
            if isinstance(imported, dict) and (imported.get("from"), imported.get("path")) == (
                source.format,
                source.path,
            ):
                return run
    return None


def _next_attempt(run: RunDir) -> int:
    """One more than any that the run has, or had."""
    known = [attempt for attempt, _ in run.events_files()]
    state = read_state(run) if known else None
    return 1 + max([*known, state.attempt if state else 0])
