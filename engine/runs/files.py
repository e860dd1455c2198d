"""Files of runs, read and written with care. Torch-free.

Whoever gives you a run directory chose what lies in it: a file may be a link to one of yours, a FIFO that never
answers, or endless. So every file of a run is opened by ``open_plain_file``, and small ones are read whole by
``read_plain_file``.
"""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
import tempfile
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

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


def distrust(path: Path) -> str:
    """Why what ``path`` or that folder holds is not run, as a clause; "" if only this user or root can change it, or if
    it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    if facts.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user; remove it, or make it yours with chown"
    if stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX:
        return ""  # others may add files to it, but not replace those of this user
    if facts.st_mode & stat.S_IWOTH:
        return f"every user of this machine may change {path}; look at it, then chmod o-w it"
    if facts.st_mode & stat.S_IWGRP and not _is_private(facts.st_gid):
        return f"its group may change {path}; look at it, then chmod g-w it"
    return ""


def _is_private(group: int) -> bool:
    """Whether a group is root's or one that a user has alone, which is called like the user."""
    try:
        user, found = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group)
    except KeyError:
        return group == 0
    return group == 0 or (found.gr_name == user and {*found.gr_mem} <= {user})


def distrust_code(path: Path) -> str:
    """``distrust`` of the Python module or package at ``path``: of its folder, of all of its files, and of what Python
    has compiled of them."""
    places = [path.parent, path, path.resolve().parent]
    if path.is_dir():
        for folder, _, files in os.walk(path):
            places += [Path(folder), *(Path(folder, name) for name in files)]
    else:
        compiled = Path(cache_from_source(path))
        places += [compiled.parent, compiled]
    return next(filter(None, map(distrust, places)), "")


def give_by_umask(path: Path) -> None:
    """Let the umask say who may read a file that was written for a person, under a name of theirs. Raises OSError."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to a temporary file and rename it to ``path``: readers see the old file or the new one.

    Only this user may read it. The file has no name until it is written, so that a kill leaves nothing beside ``path``;
    where the file system has no such files, a kill leaves a hidden one.
    """
    fd, temporary = _open_temporary(path)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if temporary is None:
                temporary = _give_name(file.fileno(), path)
        temporary.replace(path)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def _open_temporary(path: Path) -> tuple[int, Path | None]:
    """A new file in the folder of ``path``: its descriptor, and its path if it has one. Raises OSError."""
    try:
        return os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE), None
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    return fd, Path(name)


def _give_name(fd: int, path: Path) -> Path:
    """Give a file without a name a temporary one beside ``path``. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name = f".{path.name}.{os.urandom(4).hex()}"
        # With the descriptor of a folder Python calls linkat(2), which follows the link that /proc shows.
        os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=folder)
    finally:
        os.close(folder)
    return path.with_name(name)


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


def sync_to_disk(path: Path) -> int:
    """Flush a file or directory to the disk. Returns its size in bytes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def _write_over(path: Path, data: bytes, full: OSError) -> None:
    try:
        fd = open_plain_file(path, os.O_WRONLY)
    except FileNotFoundError:
        raise full from None
    try:
        old = os.fstat(fd)
        if len(data) > max(old.st_size, old.st_blocks * 512):
            raise full
        os.fsync(fd)  # first: a disk that refuses this keeps the old file
        padded = data.ljust(old.st_size)
        if os.pwrite(fd, padded, 0) < len(padded):
            raise full
        os.fsync(fd)
    finally:
        os.close(fd)
    os.utime(path.parent)  # as a rename does: readers look at the folder first


class NotAPlainFile(OSError):
    """The path is a link, a directory, a FIFO, a socket or a device."""


def open_plain_file(
    path: str | os.PathLike[str], flags: int = os.O_RDONLY, *, follow_links: bool = False
) -> int:
    """Open a regular file and return its descriptor. With ``os.O_CREAT`` among ``flags``, only this user may read it.

    Never waits on a FIFO, and does not follow a symbolic link in the last part of the path unless ``follow_links``.
    Raises OSError; NotAPlainFile for anything but a regular file.
    """
    safe = os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags | safe, FILE_MODE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            why = "it is a symbolic link" if error.errno == errno.ELOOP else "it is not a plain file"
            raise NotAPlainFile(error.errno, why, os.fspath(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotAPlainFile(errno.EINVAL, "it is not a plain file", os.fspath(path))
    return fd


def read_plain_file(path: str | os.PathLike[str], limit: int = SMALL, *, follow_links: bool = False) -> bytes:
    """The content of a plain file. Raises OSError: NotAPlainFile, or errno EFBIG beyond ``limit`` bytes."""
    with os.fdopen(open_plain_file(path, follow_links=follow_links), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit >> 10} KiB", os.fspath(path))
    return content


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object in a small JSON file. Raises OSError as ``read_plain_file``, or ValueError if there is none in it."""
    try:
        value = json.loads(read_plain_file(path))
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} does not hold an object")
    return value


def read_head(path: Path, limit: int = SMALL) -> str:
    """The text of a plain file that should be small: at most its first ``limit`` bytes. Raises OSError."""
    with os.fdopen(open_plain_file(path), "rb") as file:
        return file.read(limit).decode("utf-8", "replace")


def own_folder(path: Path) -> None:
    """Create a folder of a run if it is missing. Raises OSError: NotAPlainFile if it is a link to another place."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise NotAPlainFile(errno.ENOTDIR, "it is not a folder of the run itself", os.fspath(path))
    path.mkdir(mode=DIR_MODE, exist_ok=True)
