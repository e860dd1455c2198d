"""What a reader has made of the runs, brought up to date by reading only those that changed."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any


class Listing:
    """``held``: by run, what the reader keeps. Its reading stands between ``begin`` and ``end``, one transaction, under
    ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: dict[str, Any] = {}
        self._inode: object = None  # of the file that ``held`` is complete of
        self._reading: object = None
        self._version = -1

    def begin(self, db: sqlite3.Connection, inode: object) -> list[str] | None:
        """The runs that changed or are gone since the last time; None if all are to be read: at first, and after
        another file, whose ``inode`` differs, took the place of the index."""
        if db.in_transaction:  # an earlier reading failed
            db.rollback()
        db.execute("BEGIN")
        row = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        version, before = row[0] if row else 0, self._version
        is_known = inode == self._inode and before <= version
        self._inode, self._version = None, version
        self._reading = inode
        if not is_known:
            return None
        if version == before:
            return []
        return [run for (run,) in db.execute("SELECT run FROM changes WHERE version > ?", (before,))]

    def end(self, db: sqlite3.Connection) -> None:
        """What was read is complete."""
        db.rollback()
        self._inode = self._reading
