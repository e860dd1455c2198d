"""Write runs of other programs as ordinary run directories.

Everything is written under temporary names, as a new attempt, until ``publish``: a new run appears complete, and one
that was imported before changes at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.runs.directory import (
    JobDir,
    RunDir,
    State,
    Status,
    boot_id,
    exclusive,
    list_runs,
    process_start_time,
)
from engine.runs.files import write_atomically
from gentui.imports.event_recorder import Recorder
from gentui.imports.log_entries import Entry, Source
from gentui.imports.run_metadata import Description
from gentui.jobs import annotations
from gentui.jobs.job_types import last_error
from gentui.jobs.launchers.local.launcher import HOST
from gentui.jobs.launchers.local.locks import host_name
from gentui.jobs.states import JobError, job_label, read_state, try_lock
from gentui.text.numbers import plural
from gentui.text.sanitize import clean


class RunWriter:
    """One run that is being imported, for the first time or again.

    ``drain`` writes entries, ``publish`` makes the run visible, ``conclude`` records its end, ``close`` releases it and
    deletes what was not published. The writer holds the run's lock, so the run is alive as long as its writer. Raises
    JobError if another process is importing the same log.
    """

    def __init__(self, home: Path, source: Source, name: str):
        self.source = source
        self.status: Status = "running"
        self.reason = ""
        self._home, self._requested_name = home, name
        before = _imported_before(home, source)
        self.run = before or RunDir.begin(home, State("interrupted", attempt=1))
        lock = try_lock(self.run.lock_path, patience=1.0)
        if lock is None:
            raise JobError(
                f"{job_label(self.run)}, of {source.path}, is being imported by another gentui just now"
            )
        self._lock = lock
        self._is_new, self._is_published = before is None, False
        self._is_earlier_kept = False
        self._annotated = annotations.Annotations()
        self._begin(before.info() if before else {})

    def _begin(self, info: dict[str, Any]) -> None:
        """Begin an attempt, aside. ``info``: run.json as it is."""
        self._attempt = _next_attempt(self.run)
        events, log = self.run.path / ".import-events.jsonl", self.run.path / ".import-log.txt"
        self._aside = {events: self.run.events_path(self._attempt), log: self.run.log_path}
        for path in self._aside:
            path.unlink(missing_ok=True)
        self._described = Description(self.source, self._requested_name, info)
        self.recorder = Recorder(events, log, self.run.samples, self._described, self.source.modified_at)

    def start_over(self) -> None:
        """Begin again with the log's first entry. What is published stays until ``publish`` replaces it."""
        self.recorder.close()
        self._is_earlier_kept |= self._is_published
        self._is_new &= not self._is_published
        self._is_published = False
        self._begin({} if self._is_new else self.run.info())

    def drain(self, entries: Iterable[Entry]) -> None:
        """Write all entries. A full disk raises OSError before the run is published; later, events wait for room."""
        self.recorder.drain(entries)
        if not self._is_published:
            if not self.recorder.has_room:
                self.recorder.sync()
        elif self._described.is_changed:
            self._describe()

    def publish_again(self) -> None:
        """Publish after ``start_over``, once there is anything that replaces what was published."""
        if self._is_earlier_kept and not self._is_published and not self.is_empty:
            self.publish()

    @property
    def is_emptied(self) -> bool:
        """Whether the log holds nothing any more, so that what was published of it is kept."""
        return self._is_earlier_kept and not self._is_published

    @property
    def is_empty(self) -> bool:
        return not (self.recorder.points or self.recorder.pictures or self._described.settings)

    @property
    def name(self) -> str:
        return self._described.name()

    def __str__(self) -> str:
        """The run and what was imported, in one line."""
        recorder = self.recorder
        series = set(filter(None, recorder.series.values()))
        taken = [plural(recorder.points, "point"), f"{len(series)} series"]
        if recorder.pictures:
            taken.append(plural(recorder.pictures, "picture"))
        status = f"{self.status}: {self.reason}" if self.reason else self.status
        return f"{self.name} ({self.source.format}): {', '.join(taken)}; {status}"

    def remarks(self) -> list[str]:
        """Sentences on how the log was understood and on what was skipped, with examples."""
        return [*self.recorder.notes, *filter(None, [str(self.recorder.skipped)])]

    def publish(self) -> None:
        """Make the run visible as it is now, running or ended. Raises OSError, for example on a full disk."""
        self.recorder.sync()
        for aside, place in self._aside.items():
            aside.rename(place)
        self._describe()
        if self._is_new:
            self.run.write_state(self._state())
            self.run = self.run.publish(self._described.info(self.recorder.started_at))
            self.recorder.samples = self.run.samples
        else:
            with exclusive(self.run.path):
                state = self._state()
                if self._is_earlier_kept and (held := read_state(self.run)):  # a stop may be requested
                    state = held.with_(attempt=state.attempt, started_at=state.started_at)
                self.run.write_state(state)
        self._forget_earlier()
        self._is_published = True

    def conclude(self, status: Status, reason: str) -> None:
        """Record the run's end. Nothing is drained afterwards. ``done`` and ``failed`` are also written as events."""
        if self.is_emptied:
            status, reason = "interrupted", "its log was emptied while it was followed; what it held is kept"
        self.status, self.reason = status, clean(reason)
        if status in ("done", "failed"):
            self.recorder.end(status, self.reason)
        self.recorder.sync()
        if not (self._is_published or self._is_earlier_kept):
            return
        with exclusive(self.run.path):
            ended = self._state()
            held = read_state(self.run) or ended
            started_at = held.started_at if self.is_emptied else ended.started_at
            self.run.write_state(
                held.with_(
                    status=ended.status, reason=ended.reason, started_at=started_at, ended_at=ended.ended_at,
                    exit_code=ended.exit_code,
                )
            )  # fmt: skip

    @property
    def is_to_stop(self) -> bool:
        """Whether the user requested a stop. Locked, because the signal comes before ``state.json`` is written."""
        with exclusive(self.run.path):
            state = read_state(self.run)
        return state is not None and state.stop_requested_at is not None

    def last_error(self) -> str:
        """The last line of the console output that looks like an error message; "" if there is none."""
        job = JobDir(self.run.path)
        if not self._is_published:
            (_, job.log_path) = self._aside
        return last_error(job)

    def close(self) -> None:
        self.recorder.close()
        if not self._is_published:
            for path in self._aside:
                path.unlink(missing_ok=True)
            if self._is_new:
                shutil.rmtree(self.run.path, ignore_errors=True)
        os.close(self._lock)
        self.source.close()

    def _describe(self) -> None:
        """Write recipe.toml, run.json and annotations."""
        self._described.is_changed = False
        write_atomically(self.run.recipe_path, self._described.recipe_toml().encode())
        if self._is_new:
            self._annotate()
        if self.run.info_path.exists():
            self.run.update_info(**self._described.info(self.recorder.started_at))
            if self._requested_name and annotations.read(self.run).name is not None:
                annotations.rename(self._home, self.run.id, self._requested_name)

    def _annotate(self) -> None:
        """Apply the log's tags and notes, unless the user has changed them since."""
        annotated = self._described.annotations()
        with exclusive(self.run.path):
            if annotated != self._annotated and annotations.read(self.run) == self._annotated:
                write_atomically(self.run.path / annotations.FILE, annotations.to_json(annotated))
                self._annotated = annotated

    def _state(self) -> State:
        is_live, ended = self.status == "running", self.recorder.ended
        return State(
            status=self.status,
            reason=self.reason,
            attempt=self._attempt,
            started_at=self.recorder.started_at,
            ended_at=None if is_live else self.recorder.ended_at,
            pid=os.getpid() if is_live else None,
            start_time=process_start_time(os.getpid()) if is_live else None,
            boot_id=boot_id() if is_live else None,
            extra={HOST: host_name()} if is_live else {},
            exit_code=ended.code if ended else None,
        )

    def _forget_earlier(self) -> None:
        """Delete the files that this attempt replaces."""
        for attempt, path in self.run.events_files():
            if attempt < self._attempt:
                path.unlink(missing_ok=True)
        for path in self.run.samples.iterdir():
            if path.name not in self.recorder.pictures_written:
                path.unlink(missing_ok=True)


def _imported_before(home: Path, source: Source) -> RunDir | None:
    """The run from an earlier import of the same log; None for standard input."""
    if source.is_live:
        return None
    origin = (source.format, source.path)
    for run in reversed(list_runs(home)):
        with suppress(OSError, ValueError):
            imported = run.info().get("imported")
            if isinstance(imported, dict) and (imported.get("from"), imported.get("path")) == origin:
                return run
    return None


def _next_attempt(run: RunDir) -> int:
    """One more than any attempt that the run has or had."""
    attempts = [attempt for attempt, _ in run.events_files()]
    state = read_state(run) if attempts else None
    return 1 + max([*attempts, state.attempt if state else 0])
