"""A lock among hosts that share a file system: a file made by ``link(2)``, which every such system does atomically.

flock(2) on a directory is known to one host only on NFS, and on others by mount option. Torch-free.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.runs.files import FILE_MODE, read_object

NAME = ".hosts.lock"
ABANDONED_AFTER = 60.0
"""Seconds, by the file system's clock, after which the lock of another host is taken from it. What is done under one
takes milliseconds, and ten seconds where a batch system does not answer."""
_PATIENCE = 2 * ABANDONED_AFTER
_POLL = 0.02


@contextmanager
def among_hosts(folder: Path, boot: str) -> Iterator[None]:
    """Hold the lock of ``folder`` among all hosts. The caller excludes other processes of this host, whose ``boot`` is
    the id of its kernel's boot. Raises OSError: ETIMEDOUT if another host holds it for minutes."""
    lock, token = folder / NAME, secrets.token_hex(8)
    mine = folder / f"{NAME}.{token}"
    deadline = time.monotonic() + _PATIENCE
    try:
        while not _link(mine, lock, {"host": socket.gethostname(), "boot": boot, "token": token}):
            _take_away_if_abandoned(lock, mine, boot)
            if time.monotonic() > deadline:
                raise OSError(errno.ETIMEDOUT, f"{_holder(lock)} holds its lock", str(folder))
            time.sleep(_POLL)
    finally:
        mine.unlink(missing_ok=True)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            if read_object(lock).get("token") == token:
                lock.unlink()


def _link(mine: Path, lock: Path, holder: dict[str, str]) -> bool:
    """Whether ``lock`` is now a link to ``mine``, which is written anew: its time is the file system's now."""
    mine.unlink(missing_ok=True)
    fd = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(fd, "w") as file:
        json.dump(holder, file)
    try:
        os.link(mine, lock)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        return mine.stat().st_nlink == 2  # the answer to an earlier try of the same call was lost on the way
    return True


def _take_away_if_abandoned(lock: Path, mine: Path, boot: str) -> None:
    """Remove the lock of a process of this host, which must have died, or of a host that has held it for too long."""
    with suppress(OSError, ValueError):
        held = read_object(lock)
        age = mine.stat().st_mtime - lock.stat().st_mtime
        if held.get("boot") != boot and age < ABANDONED_AFTER:
            return
        aside = mine.with_name(f"{mine.name}.taken")
        lock.rename(aside)
        try:
            if read_object(aside).get("token") != held.get(
                "token"
            ):  # another host was faster, and holds it now
                os.link(aside, lock)
        finally:
            aside.unlink()


def _holder(lock: Path) -> str:
    try:
        return str(read_object(lock).get("host"))[:60]
    except (OSError, ValueError):
        return "another host"
