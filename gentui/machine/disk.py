"""Why nothing can be written to a home, what fills its disk, and what frees it."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from engine.runs.files import FULL
from gentui.text.numbers import size

CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""Error numbers of a place that is read-only, or another user's."""
_PROBE_BYTES = 1 << 16
_UNCLEAR = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOLFS})


def refusal(folder: Path) -> OSError | None:
    """The error with which a new file of 64 KiB is refused in a folder; None if it can be written."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            if file.write(bytes(_PROBE_BYTES)) < _PROBE_BYTES:
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def cause_of(error: Exception, home: Path) -> OSError | None:
    """The full disk or the read-only place that an error comes from, SQLite's too; None if it has another cause."""
    if isinstance(error, OSError):
        return error if error.errno in FULL | CLOSED else None
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return OSError(errno.EROFS, os.strerror(errno.EROFS))
        case code if code in _UNCLEAR:
            found = refusal(home)
            return found if found is not None and found.errno in FULL | CLOSED else None
    return None


def why(error: OSError, home: Path) -> str:
    """A clause on an error of writing: what fills the disk and what frees it, that it is closed, or the system's."""
    place = _place_of(error, home)
    is_home = place == home or home in place.parents
    if error.errno in FULL:
        what = "" if is_home else f"{error.filename} cannot be written: "
        if not _on_one_disk(place, home):
            return f"{what}the disk of {place} is full"
        return what + full_disk(home, is_quota=error.errno == errno.EDQUOT)
    if error.errno in CLOSED and is_home and not _is_unreadable(error):
        return f"{home} cannot be written to ({_lowered(error)})"
    return error.strerror or str(error)


def full_disk(home: Path, is_quota: bool = False) -> str:
    """``the disk of HOME is full (0 B of 6.0 MiB free): `` and ``what_fills`` it."""
    what = f"your quota on the disk of {home} is used up" if is_quota else _what_is_full(home)
    return f"{what}: {what_fills(home)}"


def what_fills(home: Path) -> str:
    """What takes room in the home, and the commands that free it."""
    runs = sorted(((_bytes_in(folder), folder.name) for folder in _folders(home / "runs")), reverse=True)
    trash, cache = (_bytes_in(home / name) for name in ("trash", "cache"))
    parts = [f"the runs take {size(sum(number for number, _ in runs))}"]
    if runs:
        parts[0] += f" ({runs[0][1]} alone {size(runs[0][0])})"
    parts += [f"the {name} {size(number)}" for name, number in (("trash", trash), ("cache", cache)) if number]
    ways = (["`gentui trash empty`"] if trash else []) + (["`gentui rm --now RUN`"] if runs else [])
    free = f"{' or '.join(ways)} frees some of it" if ways else "what fills it is not gentui's"
    return f"{', '.join(parts)}; {free}"


def _what_is_full(home: Path) -> str:
    try:
        disk = os.statvfs(home)
    except OSError:
        return f"the disk of {home} is full"
    if disk.f_files and not disk.f_favail and disk.f_bavail:
        return f"the disk of {home} holds as many files as it can (no inodes are left)"
    free, of = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return f"the disk of {home} is full ({size(free)} of {size(of)} free)"


def _is_unreadable(error: OSError) -> bool:
    """Whether the error is that a file cannot be read."""
    path = error.filename
    return bool(path) and os.access(path, os.F_OK) and not os.access(path, os.R_OK)


def _place_of(error: OSError, home: Path) -> Path:
    """The folder that could not be written to, as far as the error tells."""
    return Path(os.fsdecode(error.filename)).absolute().parent if error.filename else home


def _on_one_disk(place: Path, home: Path) -> bool:
    try:
        return place.stat().st_dev == home.stat().st_dev
    except OSError:
        return place == home or home in place.parents


def _lowered(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    return []


def _bytes_in(folder: Path) -> int:
    """The room that the files of a folder take on the disk."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(f"{path}/{name}").st_blocks * 512
    return total
