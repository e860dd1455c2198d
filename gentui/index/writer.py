"""The writing side of the index: the ingest lock, the one writing connection, and rebuilding.

SQLite before 3.51.3 can lose a WAL when two connections write or checkpoint at once, so there is never
more than one writer: whoever holds an flock on ``index.lock``, and only for one pass.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gentui.index.ingest import Pass, Scan
from gentui.jobs.states import try_lock

if TYPE_CHECKING:
    from sqlite_utils import Database


class Writer:
    """Writes for one ``Index``. Thread-safe: one pass at a time."""

    def __init__(self, home: Path, path: Path):
        self.home = home
        self.path = path
        self._lock = threading.Lock()
        self._db: Database | None = None
        self._inode: int | None = None
        self._scan = Scan(home)

    @contextmanager
    def _exclusive(self, wait: float) -> Iterator[bool]:
        """Hold the ingest lock; yields False if another process or thread holds it for longer than ``wait`` seconds."""
        if not self._lock.acquire(timeout=wait):
            yield False
            return
        try:
            fd = try_lock(self.path.with_name("index.lock"), wait)
            try:
                yield fd is not None
            finally:
                if fd is not None:
                    os.close(fd)
        finally:
            self._lock.release()

    def refresh(self, wait: float, poll: bool = False) -> bool:
        with self._exclusive(wait) as ours:
            if not ours:
                return False
            try:
                return Pass(self._open(), self.home, self._scan).run(poll)
            except BaseException as error:
                self._close()  # what was read of the runs may not have been committed
                if not (isinstance(error, sqlite3.DatabaseError) and _is_damage(error)):
                    raise
                self._discard()
                Pass(self._open(), self.home, self._scan).run()
                return True

    def mend(self, error: sqlite3.DatabaseError) -> bool:
        """Repair the index after a reader's error; returns False if the error has another cause."""
        if not _is_damage(error):
            return False
        with self._exclusive(wait=30.0) as ours:
            if ours:
                if not self._is_sound():
                    self._discard()
                Pass(self._open(), self.home, self._scan).run()
        return True

    def rebuild(self) -> None:
        """Build a new index beside the old one, then replace it: no reader ever sees an incomplete one."""
        from gentui.index.schema import discard, open_writer

        with self._exclusive(wait=600.0) as ours:
            if not ours:
                raise sqlite3.OperationalError("another process has been refreshing it for ten minutes")
            self._close()
            new = self.path.with_name("index.new.db")
            discard(new)
            try:
                db = open_writer(new)
                try:
                    Pass(db, self.home, Scan(self.home)).run()
                finally:
                    db.conn.close()  # the last connection: the WAL is merged into the file
            except BaseException:
                discard(new)
                raise
            discard(self.path)
            new.rename(self.path)

    def _open(self) -> Database:
        """The writing connection, reopened if the file was replaced or removed meanwhile."""
        from gentui.index.schema import discard, open_writer

        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = None
        if self._db is not None and inode == self._inode:
            return self._db
        self._close()
        try:
            db = open_writer(self.path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            discard(self.path)
            db = open_writer(self.path)
        self._db, self._inode = db, self.path.stat().st_ino
        self._scan.load(
            db.conn.execute("SELECT id, directory, status FROM runs LEFT JOIN scans ON run = id").fetchall(),
            db.conn.execute("SELECT run, attempt, inode, position FROM files").fetchall(),
        )
        return db

    def _close(self) -> None:
        if self._db is not None:
            self._db.conn.close()
        self._db = self._inode = None

    def _discard(self) -> None:
        from gentui.index.schema import discard

        self._close()
        discard(self.path)

    def _is_sound(self) -> bool:
        try:
            return self._open().conn.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        except sqlite3.DatabaseError:
            return False


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether an error means that the file is not a usable index of this version."""
    if not isinstance(error, sqlite3.OperationalError):
        return not isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError)
    return any(
        words in str(error) for words in ("no such table", "no such column", "malformed", "has no column")
    )
