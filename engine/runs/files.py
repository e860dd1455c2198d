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
