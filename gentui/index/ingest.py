"""One ingest pass: read what changed under ``runs/`` into the index.

The caller holds the ingest lock. Each chunk of a log is stored in one transaction with the new offset, so a pass may be
killed at any point and the next one continues. A backlog is committed half a second at a time, for a commit
costs as much as reading a short log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runs.directory import RunDir, run_ids
from gentui.index.files import columns_of, signature
from gentui.jobs.rota import Rota

if TYPE_CHECKING:
    from sqlite_utils import Database

    from gentui.index.log_ingestor import LogIngestor

_TICK_NS = 50_000_000  # two changes within one tick of the file system's clock look like one
_AT_ONCE = 0.5  # seconds of a backlog in one transaction; live runs are read again between two


@dataclass
class Seen:
    """What a pass remembers of one run: signatures, and which log may still grow."""

    directory: str | None = None
    live: bool = True
    logs: list[tuple[int, Path]] = field(default_factory=list)
    read: dict[int, tuple[int, int]] = field(default_factory=dict)  # attempt: (inode, position)
    newest_size: int = 0
    is_noted: bool = True
    """Whether the index holds ``directory``: only once the logs are read, for a pass may end before."""

    @property
    def may_change(self) -> bool:
        """Whether to look at it in every pass."""
        return self.live or self.directory is None

    def was_replaced(self) -> bool:
        """Whether a log is another file than the one read before, or has become shorter."""
        paths = dict(self.logs)
        for attempt, (inode, position) in self.read.items():
            try:
                found = paths[attempt].stat()
            except (KeyError, OSError):
                return True
            if found.st_ino != inode or found.st_size < position:
                return True
        return False


class Scan:
    """Finds changed runs by ``stat`` alone, and keeps its state between the passes of a process."""

    def __init__(self, home: Path):
        self.runs = home / "runs"
        self.seen: dict[str, Seen] = {}
        self.version: int | None = None  # of the index when ``seen`` was last compared with it
        self._active: set[str] = set()  # runs that may change at any moment
        self._rota = Rota(self.runs, lambda: run_ids(home))

    def load(
        self, rows: Iterable[tuple[str, str | None, str]], files: Iterable[tuple[str, int, int, int]]
    ) -> None:
        """Start from the index: (run, signature, status) and (run, attempt, inode, position)."""
        self.seen = {run: Seen(directory, status in ("queued", "running")) for run, directory, status in rows}
        for run, attempt, inode, position in files:
            if (seen := self.seen.get(run)) is not None:
                seen.read[attempt] = (inode, position)
                seen.logs.append((attempt, self.runs / run / f"events-{attempt}.jsonl"))
                seen.newest_size = position
        for seen in self.seen.values():
            seen.logs.sort()
        self.version = None
        self._active = {run for run, seen in self.seen.items() if seen.may_change}

    def remember(self, run: str, seen: Seen) -> None:
        self.seen[run] = seen
        (self._active.add if seen.may_change else self._active.discard)(run)

    def forget(self, run: str) -> None:
        self.seen.pop(run, None)
        self._active.discard(run)

    def look(self, poll: bool) -> tuple[list[str], bool]:
        """(the runs to look at now, newest first; whether they are all there are). ``poll``: those that had ended are
        looked at in turn."""
        names, is_all = self._rota.look(self._active, everything=not poll)
        return names[::-1], is_all

    def names(self) -> list[str]:
        """Every run, newest first."""
        return run_ids(self.runs.parent)[::-1]

    def changed(self, run: str) -> tuple[bool, bool]:
        """(whether its directory changed, whether its newest log changed), from one or two ``stat`` calls."""
        seen = self.seen.get(run)
        if seen is None or seen.directory is None:
            return True, True
        path = f"{self.runs}/{run}"
        if signature(path) != seen.directory:
            return True, True
        if not seen.logs:
            return False, False
        try:
            size = os.stat(seen.logs[-1][1]).st_size  # noqa: PTH116 - a thousand of them a second
        except OSError:
            return True, True
        return False, size != seen.newest_size


class Pass:
    """One ingest pass. ``run()`` returns whether anything visible was committed."""

    def __init__(self, db: Database, home: Path, scan: Scan):
        self.db = db
        self.home = home
        self.scan = scan
        self.committed = False

    def run(self, poll: bool = False) -> bool:
        version = self.db.conn.execute("PRAGMA data_version").fetchone()[0]
        names, is_all = self.scan.look(poll and version == self.scan.version)
        self.scan.version = None  # a pass that fails is followed by one over all runs
        if is_all:
            indexed = {row[0] for row in self.db.conn.execute("SELECT id FROM runs")}
            self._forget(indexed.difference(names))
            for name in set(self.scan.seen).difference(indexed):
                self.scan.forget(name)
        changes = {name: self.scan.changed(name) for name in names}
        # First the list of runs and their statuses, then the logs.
        directories = [RunDir(self.scan.runs / name) for name, (directory, _) in changes.items() if directory]
        if directories:
            for _ in self._committed(map(self._read_files, directories)):
                pass
        todo = [name for name, change in changes.items() if any(change)]
        for name in todo:
            if self._is_live(name):
                self._read_whole_log(name)
        if todo:
            for _ in self._committed(chain.from_iterable(map(self._read_log, todo))):
                self._look_at_live_runs()
        self.scan.version = version
        return self.committed

    def _committed(self, steps: Iterator[None]) -> Iterator[None]:
        """Take the steps, each of which stores something; yields between two transactions that each hold many."""
        is_done = False
        while not is_done:
            with self.db.atomic():
                due = time.monotonic() + _AT_ONCE
                is_done = all(time.monotonic() < due for _ in steps)
            if not is_done:
                yield

    def _is_live(self, name: str) -> bool:
        return name in self.scan.seen and self.scan.seen[name].live

    def _look_at_live_runs(self) -> None:
        for name in self.scan.names():
            if name in self.scan.seen and not self.scan.seen[name].live:
                continue
            directory, log = self.scan.changed(name)
            if directory:
                self._read_files(RunDir(self.scan.runs / name))
            if log:
                self._read_whole_log(name)

    @contextmanager
    def _transaction(self, run: str, visible: bool = True) -> Iterator[None]:
        """A transaction on a run, or a part of one; increases the index's version if readers can see a difference."""
        with self.db.atomic():
            yield
            if visible:
                self.db.conn.execute(
                    "INSERT INTO meta VALUES ('version', ?)"
                    " ON CONFLICT DO UPDATE SET value = max(value + 1, excluded.value)",
                    (time.time_ns() // 1000,),
                )
                self.db.conn.execute(
                    "INSERT OR REPLACE INTO changes SELECT ?, value FROM meta WHERE key = 'version'", (run,)
                )
        self.committed |= visible

    def _forget(self, runs: Iterable[str]) -> None:
        for run in runs:
            with self._transaction(run):
                forget(self.db, run)
            self.scan.forget(run)

    def _read_files(self, run: RunDir) -> None:
        """Read run.json, state.json, recipe.toml, marks.json and the list of logs."""
        at = time.time_ns()
        before = signature(run.path)
        if before is None:
            return
        columns = columns_of(run.path)
        try:
            logs = run.events_files()
        except OSError:
            logs = []
        settled = at - int(before.split(".")[0]) > _TICK_NS
        seen = Seen(before if settled else None, columns["status"] in ("queued", "running"), logs)
        db = self.db.conn
        for attempt, *read in db.execute("SELECT attempt, inode, position FROM files WHERE run = ?", (run.id,)):
            seen.read[attempt] = (read[0], read[1])
        held = db.execute(f"SELECT {', '.join(columns)} FROM runs WHERE id = ?", (run.id,)).fetchone()
        replaced = seen.was_replaced()
        with self._transaction(run.id, visible=replaced or held != tuple(columns.values())):
            db.execute("INSERT OR IGNORE INTO runs (id) VALUES (?)", (run.id,))
            assignments = ", ".join(f"{name} = ?" for name in columns)
            db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*columns.values(), run.id))
            if replaced:
                forget_log(self.db, run.id)
                seen.read.clear()
            seen.is_noted = not logs
            db.execute("INSERT OR REPLACE INTO scans VALUES (?, ?)", (run.id, None if logs else seen.directory))
        if (old := self.scan.seen.get(run.id)) is not None and not replaced and old.logs[-1:] == logs[-1:]:
            seen.newest_size = old.newest_size
        self.scan.remember(run.id, seen)

    def _read_whole_log(self, name: str) -> None:
        for _ in self._read_log(name):
            pass

    def _read_log(self, name: str) -> Iterator[None]:
        """Read what is new in a run's logs; yields after each chunk."""
        from gentui.index.log_ingestor import LogIngestor

        seen = self.scan.seen.get(name)
        if seen is None or not seen.logs:
            return
        log: LogIngestor | None = None
        size = 0
        try:
            size = seen.logs[-1][1].stat().st_size
            if seen.was_replaced():
                with self._transaction(name):
                    forget_log(self.db, name)
                seen.read.clear()
            with suppress(_NothingNew):
                while log is None or not log.is_read:
                    with self._transaction(name):
                        log = log or LogIngestor(self.db.conn, RunDir(self.scan.runs / name))
                        if not log.next_chunk(seen.logs):
                            raise _NothingNew
                    yield
            assert log is not None
            if not seen.is_noted:
                with self.db.atomic():
                    self.db.conn.execute("UPDATE scans SET directory = ? WHERE run = ?", (seen.directory, name))
                seen.is_noted = True
            seen.newest_size = size
            seen.read = {
                attempt: (file.inode, file.position) for attempt, file in log.files.items() if file.inode
            }
        except FileNotFoundError:  # removed meanwhile; the next pass deletes its rows
            return
        except OSError as error:
            self._note(name, f"its log cannot be read: {error.strerror}")

    def _note(self, name: str, problem: str) -> None:
        held = self.db.conn.execute("SELECT problem FROM runs WHERE id = ?", (name,)).fetchone()
        if held is not None and held[0] != problem:
            with self._transaction(name):
                self.db.conn.execute("UPDATE runs SET problem = ? WHERE id = ?", (problem, name))


class _NothingNew(Exception):
    """Rolls back an empty transaction, so that the version does not increase."""


def forget(db: Database, run: str) -> None:
    """Delete every row of a run."""
    forget_log(db, run)
    db.conn.execute("DELETE FROM scans WHERE run = ?", (run,))
    db.conn.execute("DELETE FROM runs WHERE id = ?", (run,))


def forget_log(db: Database, run: str) -> None:
    """Delete every row from a run's event logs, and the record of how far they were read."""
    from gentui.index.log_ingestor import PROGRESS
    from gentui.index.schema import OF_A_RUN

    for (series,) in db.conn.execute("SELECT id FROM series WHERE run = ?", (run,)).fetchall():
        db.conn.execute("DELETE FROM points WHERE series = ?", (series,))
        db.conn.execute("DELETE FROM pyramid WHERE series = ?", (series,))
    db.conn.execute("DELETE FROM series WHERE run = ?", (run,))
    for table in OF_A_RUN:
        db.conn.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
    assignments = ", ".join(f"{name} = ?" for name in PROGRESS)
    db.conn.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*PROGRESS.values(), run))
