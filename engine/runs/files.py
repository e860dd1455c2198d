"""Files of runs, read and written with care. Torch-free.

Whoever gives you a run directory chose what lies in it: a file may be a link to one of yours, a FIFO that never
answers, or endless. So every file of a run is opened by ``open_plain_file``, and small ones are read whole by
``read_plain_file``.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

DIR_MODE, FILE_MODE = 0o700, 0o600

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a disk, or a quota, without room for more bytes or more files."""
SMALL = 1 << 20
"""Bytes that a recipe, a state or a description may have at most."""


def private_folder(path: Path) -> None:
    """Create a folder and those above it that are missing, closed to other users. Raises OSError."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=DIR_MODE, exist_ok=True)


def give_by_umask(path: Path) -> None:
    """Let the umask say who may read a file that was written for a person, under a name of theirs. Raises OSError."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to a temporary file and rename it to ``path``: readers see the old file or the new one.

    Only this user may read it.
    """
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_small(path: Path, data: bytes) -> None:
    """``write_atomically``, for JSON that must be recorded on a full disk, too: there it is written over the old file.

    That takes no new room, and the rest of the old file becomes spaces. Raises OSError if there is no old file, or if
    more than it holds room for is to be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        if error.errno not in FULL:
            raise
        _write_over(path, data, error)


def _write_over(path: Path, data: bytes, full: OSError) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise full from None
    try:
        old = os.fstat(fd)
        if not stat.S_ISREG(old.st_mode) or len(data) > max(old.st_size, old.st_blocks * 512):
            raise full
        os.fsync(fd)  # first: a disk that refuses this keeps the old file
        padded = data.ljust(old.st_size)
        if os.pwrite(fd, padded, 0) < len(padded):
            raise full
        os.fsync(fd)
    finally:
        os.close(fd)
    os.utime(path.parent)  # as a rename does: readers look at the folder first


def read_head(path: Path, limit: int = 1 << 20) -> str:
    """The text of a file that should be small: at most its first ``limit`` bytes."""
    with path.open("rb") as file:
        return file.read(limit).decode("utf-8", "replace")


class NotAPlainFile(OSError):
    """The path is a directory, a FIFO, a socket or a device."""


def open_plain_file(path: str | os.PathLike[str]) -> int:
    """Open a regular file for reading and return its descriptor.

    Never waits on a FIFO and never follows a symbolic link in the last part of the path. Raises OSError;
    NotAPlainFile for anything but a regular file, and errno ELOOP for a link.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotAPlainFile(errno.EINVAL, "it is not a plain file", os.fspath(path))
    return fd
