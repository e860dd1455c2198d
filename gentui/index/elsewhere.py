"""An index outside the home, for a home that other machines share, or whose own cannot be written: on a full disk,
read-only, or another user's.

Where machines share the home, each has an index of its own on a disk of its own: SQLite's journal is in the memory of
one. In the other cases it begins as a copy of the home's own, if there is one, and is then brought up to date like it.
Of a home that is closed to this user it is kept in the user's cache, so that the logs are read once only; of one on a
full disk it lasts as long as this process, on another disk or in memory.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.runs.files import private_folder
from engine.runs.filesystems import is_shared

_MEMORY = Path("/dev/shm")
_PREFIX = f"gentui-index-{os.getuid()}-"
_made: dict[Path, Path] = {}  # of each home, for the life of this process


def own_place(home: Path) -> Path:
    """The path of the home's own index on this machine."""
    if is_shared(home):
        for folder in _local_folders(home):
            with contextlib.suppress(OSError):
                if not is_shared(folder):
                    private_folder(folder)
                    if all(map(_is_ours, (folder, *folder.parents[:2]))):
                        return folder / "index.db"
    return home / "index.db"


def _is_ours(folder: Path) -> bool:
    """Whether nobody else may put another thing in this folder's place, in one for temporary files say."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _local_folders(home: Path) -> Iterator[Path]:
    """Where this machine may keep the index of a home, the best place first."""
    name = Path("indexes") / _name(home)
    with contextlib.suppress(OSError, RuntimeError):
        import platformdirs

        yield Path(platformdirs.user_cache_dir("gentui")) / name
    for place in (os.environ.get("TMPDIR"), "/var/tmp", "/tmp", _MEMORY):
        if place:
            yield Path(place) / f"gentui-{os.getuid()}" / name


def _name(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def known_place(home: Path) -> Path | None:
    """The index elsewhere that this process uses for a home, if it does."""
    path = _made.get(home)
    return path if path is not None and path.parent.is_dir() else None


def place_for(home: Path, own: Path, is_closed: bool) -> Path | None:
    """The path of an index elsewhere, filled from the home's ``own``; None if there is no room for one anywhere.

    ``is_closed``: the home cannot be written by this user, ever; else its disk is full now.
    """
    if (known := known_place(home)) is not None:
        return known
    for folder in _folders(home, is_closed):
        path = folder / "index.db"
        try:
            if own.exists() and not path.exists():
                _copy(own, path)
        except (OSError, sqlite3.Error):  # no room here either
            _remove(folder)
            continue
        _made[home] = path
        return path
    return None


def _folders(home: Path, is_closed: bool) -> Iterator[Path]:
    """Folders that may hold the index, made here, the best first."""
    if is_closed:
        with contextlib.suppress(OSError, RuntimeError):
            import platformdirs

            folder = Path(platformdirs.user_cache_dir("gentui")) / "indexes" / _name(home)
            private_folder(folder)
            if os.access(folder, os.W_OK):
                yield folder
    places = [_MEMORY]
    with contextlib.suppress(FileNotFoundError):  # no folder for temporary files can be written to
        places.insert(0, Path(tempfile.gettempdir()))
    for place in places:
        with contextlib.suppress(OSError):
            if is_closed or place.stat().st_dev != home.stat().st_dev:
                _sweep(place)
                folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
                atexit.register(_remove, folder)
                yield folder


def _sweep(place: Path) -> None:
    """Remove what killed processes of this user left."""
    for left in place.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _remove(left)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _copy(own: Path, path: Path) -> None:
    """Copy the home's index, with what its journal holds. One that cannot be read is left out: the logs are read.

    Raises OSError or sqlite3.Error if there is no room for the copy.
    """
    new = path.with_name(f".copy-{os.getpid()}.db")
    os.close(os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(f"{own.as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
        try:
            db.execute("SELECT 1 FROM sqlite_master LIMIT 1")
            is_readable = True
        except (
            sqlite3.Error
        ):  # its journal needs a file beside it, which cannot be made there; or it is damaged
            is_readable = False
        if is_readable:
            with contextlib.closing(sqlite3.connect(new)) as copy:
                db.backup(copy)
    if is_readable or _copy_files(own, new):
        new.rename(path)
    else:
        new.unlink()


def _copy_files(own: Path, new: Path) -> bool:
    """Copy an index byte by byte, and merge its journal into the copy. Returns whether the copy is sound."""
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            data = own.with_name(own.name + suffix).read_bytes()
            new.with_name(new.name + suffix).write_bytes(data)
    try:
        with contextlib.closing(sqlite3.connect(new)) as copy:
            return copy.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise
        return False
