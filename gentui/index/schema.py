"""Tables of ``index.db``, their migrations, and how the index is opened for writing.

An index of an earlier version, from ``OLDEST`` on, is migrated in place: with a thousand runs that takes milliseconds,
reading their logs again takes minutes. Any other file is discarded by the caller and rebuilt from the runs.

Importing sqlite_utils takes 0.2 s, so only the writing side does; readers use sqlite3 alone.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlite_utils import Database, Migrations

from engine.runs.files import sync_to_disk

OLDEST, VERSION = 4, 10
"""``PRAGMA user_version``: the oldest that can be migrated, and that of this module. Every new migration adds one."""

migrations = Migrations("gentui.index")

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- bookkeeping of what has been read; `directory` is a signature of the run's directory, NULL: look again
CREATE TABLE scans (run TEXT PRIMARY KEY, directory TEXT) WITHOUT ROWID;
CREATE TABLE files (
    run TEXT NOT NULL, attempt INTEGER NOT NULL, inode INTEGER NOT NULL, position INTEGER NOT NULL,
    corrupt INTEGER NOT NULL, first_step INTEGER, origin REAL, base REAL NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (run, attempt)
) WITHOUT ROWID;

CREATE TABLE runs (
    id TEXT PRIMARY KEY, problem TEXT NOT NULL DEFAULT '',
    -- run.json
    name TEXT NOT NULL DEFAULT '', recipe TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '',
    family TEXT NOT NULL DEFAULT '', dataset TEXT NOT NULL DEFAULT '', quick INTEGER NOT NULL DEFAULT 0,
    stand_in_for TEXT, seed INTEGER, wanted TEXT NOT NULL DEFAULT '', created_at REAL, estimate INTEGER,
    reference TEXT,
    -- recipe.toml: a hash of all that steers the run but its seed, '' when it cannot be read
    configuration TEXT NOT NULL DEFAULT '',
    settings TEXT NOT NULL DEFAULT '{}', -- of recipe.toml, by dotted key
    -- marks.json
    tags TEXT NOT NULL DEFAULT '[]', notes TEXT NOT NULL DEFAULT '',
    -- state.json
    status TEXT NOT NULL DEFAULT 'lost', reason TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 0,
    slot TEXT, queued_at REAL, started_at REAL, ended_at REAL, pid INTEGER, exit_code INTEGER, signal INTEGER,
    -- the event log
    step INTEGER NOT NULL DEFAULT 0, images INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
    total_steps INTEGER, total_images INTEGER, steps_per_epoch INTEGER, device TEXT NOT NULL DEFAULT '',
    precision TEXT NOT NULL DEFAULT '', parameters INTEGER, phase TEXT NOT NULL DEFAULT '',
    metrics TEXT NOT NULL DEFAULT '{}', best TEXT,
    scores TEXT NOT NULL DEFAULT '{}', -- the best of each metric, under whichever protocol
    protocols TEXT NOT NULL DEFAULT '[]',
    alerts INTEGER NOT NULL DEFAULT 0,
    alarms TEXT NOT NULL DEFAULT '[]', -- [severity, name] of each, the worst first
    scoring REAL NOT NULL DEFAULT 0, -- seconds of the run's own time spent on scores
    corrupt INTEGER NOT NULL DEFAULT 0,
    clock_step INTEGER, clock_seconds REAL
) WITHOUT ROWID;

-- every metric of a run; names that begin with @ are its clocks
CREATE TABLE series (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, last_step INTEGER NOT NULL,
    UNIQUE (run, key)
);
-- kind: 0 finite, 1 NaN, 2 +Inf, 3 -Inf; value is NULL unless finite, for SQLite has no NaN
CREATE TABLE points (
    series INTEGER NOT NULL, step INTEGER NOT NULL, value REAL, kind INTEGER NOT NULL,
    PRIMARY KEY (series, step)
) WITHOUT ROWID;
-- one row per bucket of 2**level steps: n finite and bad other points, where the extremes stand
CREATE TABLE pyramid (
    series INTEGER NOT NULL, level INTEGER NOT NULL, bucket INTEGER NOT NULL,
    n INTEGER NOT NULL, bad INTEGER NOT NULL, bad_step INTEGER, total REAL NOT NULL,
    lo REAL, lo_step INTEGER, hi REAL, hi_step INTEGER,
    PRIMARY KEY (series, level, bucket)
) WITHOUT ROWID;

CREATE TABLE evaluations (
    run TEXT NOT NULL, step INTEGER NOT NULL, metric TEXT NOT NULL, protocol_id TEXT NOT NULL,
    attempt INTEGER NOT NULL, value REAL, kind INTEGER NOT NULL, protocol TEXT NOT NULL,
    lower_is_better INTEGER NOT NULL, floor REAL, seconds REAL, detail TEXT NOT NULL, t REAL NOT NULL,
    best INTEGER NOT NULL DEFAULT 0, selected_by TEXT NOT NULL DEFAULT '', -- the metric that chooses the best step
    std REAL, -- of the value, where the metric is a mean over subsets
    PRIMARY KEY (run, step, metric, protocol_id)
) WITHOUT ROWID;
-- what scoring cost the run at each step; scores made of it afterwards are none of its time
CREATE TABLE passes (
    run TEXT NOT NULL, step INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE TABLE samples (
    run TEXT NOT NULL, step INTEGER NOT NULL, path TEXT NOT NULL, attempt INTEGER NOT NULL,
    caption TEXT NOT NULL, t REAL NOT NULL, rows INTEGER, columns INTEGER,
    PRIMARY KEY (run, step, path)
) WITHOUT ROWID;
CREATE TABLE figures (
    run TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, attempt INTEGER NOT NULL,
    caption TEXT NOT NULL, t REAL NOT NULL,
    PRIMARY KEY (run, step, name, path)
) WITHOUT ROWID;
CREATE TABLE alerts (
    run TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, t REAL NOT NULL, attempt INTEGER NOT NULL,
    severity TEXT NOT NULL, began INTEGER NOT NULL, sentence TEXT NOT NULL, cause TEXT NOT NULL, remedy TEXT NOT NULL,
    PRIMARY KEY (run, step, name, t)
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    run TEXT NOT NULL, which TEXT NOT NULL, step INTEGER NOT NULL, path TEXT NOT NULL, attempt INTEGER NOT NULL,
    bytes INTEGER NOT NULL, t REAL NOT NULL,
    PRIMARY KEY (run, which, step)
) WITHOUT ROWID;
"""

OF_A_RUN = ("scans", "files", "evaluations", "passes", "visits", "samples", "figures", "alerts", "checkpoints")
"""Tables with a ``run`` column, except ``series``."""


@migrations()
def m001_tables(db: Database) -> None:
    _execute_each(db, _TABLES)


@migrations()
def m002_requested_device(db: Database) -> None:
    db.conn.execute("ALTER TABLE runs RENAME COLUMN wanted TO requested")


_REPORTS = """
CREATE TABLE new_evaluations (
    run TEXT NOT NULL, step INTEGER NOT NULL, metric TEXT NOT NULL, protocol_id TEXT NOT NULL,
    role TEXT NOT NULL, -- selection, report, or '' for scores from before there were the two
    noise_seed INTEGER NOT NULL, -- that the noises derive from; -1: not stated
    attempt INTEGER NOT NULL, value REAL, kind INTEGER NOT NULL, protocol TEXT NOT NULL,
    lower_is_better INTEGER NOT NULL, floor REAL, floor_std REAL, seconds REAL, detail TEXT NOT NULL, t REAL NOT NULL,
    chosen INTEGER NOT NULL, -- the trainer took its checkpoint for the best so far
    best INTEGER NOT NULL, -- stands for its protocol and role
    ranked INTEGER NOT NULL, -- stands for the run: a best one that no report replaces
    selected_by TEXT NOT NULL, -- the metric that chooses the best step
    std REAL, over TEXT NOT NULL, -- standard deviation of the value, and what it is over
    PRIMARY KEY (run, step, metric, protocol_id, role, noise_seed)
) WITHOUT ROWID;
INSERT INTO new_evaluations
    SELECT run, step, metric, protocol_id, '', -1, attempt, value, kind, protocol, lower_is_better, floor, NULL,
           seconds, detail, t, 0, best, best, selected_by, std, '' FROM evaluations;
DROP TABLE evaluations;
ALTER TABLE new_evaluations RENAME TO evaluations;
CREATE TABLE new_passes (
    run TEXT NOT NULL, step INTEGER NOT NULL, role TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, step, role)
) WITHOUT ROWID;
INSERT INTO new_passes SELECT run, step, '', seconds FROM passes;
DROP TABLE passes;
ALTER TABLE new_passes RENAME TO passes;
"""


@migrations()
def m003_reports(db: Database) -> None:
    _execute_each(db, _REPORTS)


_CHANGES = """
-- the version of the index at which a run changed last; of a run that is gone, too
CREATE TABLE changes (run TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX changes_by_version ON changes (version);
"""


@migrations()
def m004_changes(db: Database) -> None:
    _execute_each(db, _CHANGES)


_VISITS = """
-- what drawing, scoring and examining cost the run at each step; see gentui.index.visits
CREATE TABLE visits (
    run TEXT NOT NULL, step INTEGER NOT NULL, kind TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, step, kind)
) WITHOUT ROWID;
"""


@migrations()
def m005_visits(db: Database) -> None:
    _execute_each(db, _VISITS)


@migrations()
def m006_tiles(db: Database) -> None:
    """How tiles are laid out: JSON of the fields of ``rows.Tiles``, {} where its event does not say."""
    for table in ("samples", "figures"):
        db.conn.execute(f"ALTER TABLE {table} ADD COLUMN tiles TEXT NOT NULL DEFAULT '{{}}'")


@migrations()
def m007_visit(db: Database) -> None:
    """The kind of the visit that goes on, "" while the run trains: a log is read in parts."""
    db.conn.execute("ALTER TABLE runs ADD COLUMN visit TEXT NOT NULL DEFAULT ''")


def _execute_each(db: Database, statements: str) -> None:
    """Execute statements that each end a line, within the current transaction."""
    for statement in statements.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


def open_writer(path: Path) -> Database:
    """Open the index for writing, creating (0600) or migrating it if needed. The caller holds the ingest lock.

    Raises sqlite3.DatabaseError if the file is not an index that can be used or migrated.
    """
    if not path.exists() or not path.stat().st_size:
        _make(path)
    db = Database(_connect(path), execute_plugins=False)
    try:
        version = db.conn.execute("PRAGMA user_version").fetchone()[0]
        if not OLDEST <= version <= VERSION:
            raise sqlite3.DatabaseError(f"the index has version {version}, not {VERSION}")
        if version < VERSION:
            _migrate(db)
        db.conn.execute(
            "PRAGMA synchronous = NORMAL"
        )  # safe against kill -9; after a power cut the index may need a rebuild
        db.conn.execute("PRAGMA cache_size = -32768")
        db.conn.execute("PRAGMA wal_autocheckpoint = 4000")
        db.conn.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        db.conn.close()
        raise
    return db


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=10.0, check_same_thread=False)


def _migrate(db: Database) -> None:
    """Apply the pending migrations. Raises sqlite3.DatabaseError if the tables are not those that they expect."""
    try:
        migrations.apply(db)
    except sqlite3.OperationalError as error:
        if (
            error.sqlite_errorcode == sqlite3.SQLITE_ERROR
        ):  # wrong SQL for these tables; not a lock or a full disk
            raise sqlite3.DatabaseError(f"the index cannot be migrated: {error}") from None
        raise
    db.conn.execute(f"PRAGMA user_version = {VERSION}")


def _make(path: Path) -> None:
    """Create an empty index under another name and move it into place, so that no reader sees one without tables."""
    new = path.with_name(f".new-{path.name}")
    discard(new)
    try:
        os.close(os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = Database(_connect(new), execute_plugins=False)
        try:
            # Without waits for the disk: it is written as a whole below, and what a crash leaves here is not used.
            db.conn.execute("PRAGMA synchronous = OFF")
            db.conn.execute("PRAGMA journal_mode = MEMORY")
            _migrate(db)
            db.conn.execute("PRAGMA journal_mode = WAL")
        finally:
            db.conn.close()
        sync_to_disk(new)
    except BaseException:
        discard(new)
        raise
    discard(path)  # a leftover journal of the old index must not be applied to the new one
    new.rename(path)


def discard(path: Path) -> None:
    """Delete the index. The database file goes first, so that a reader finds either all of it or nothing."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
