"""A lock among hosts that share a file system: a file made by ``link(2)``, which every such system does atomically.

flock(2) on a directory is known to one host only on NFS, and on others by mount option. Torch-free.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.runs.files import FILE_MODE, FULL, read_object

NAME = ".hosts.lock"
ABANDONED_AFTER = 60.0
"""Seconds, by the file system's clock, after which the lock of another host is taken from it. What is done under one
takes milliseconds, and ten seconds where a batch system does not answer; for longer it is renewed."""
RENEWED_AFTER = 15.0
"""Seconds between two signs of life of a host that holds a lock for long."""
_PATIENCE = 2 * ABANDONED_AFTER
_POLL = 0.02


class HostLock:
    """The lock file ``path`` among hosts. The caller excludes other processes of this host, whose ``boot`` is the id of
    its kernel's boot."""

    def __init__(self, path: Path, boot: str):
        self.path = path
        self._boot, self._token = boot, secrets.token_hex(8)
        self._mine = path.with_name(f"{path.name}.{self._token}")
        self._inode: int | None = None
        self._released = threading.Event()

    def take(self) -> bool:
        """Take it, if no other host has it; one that was abandoned is free at the next call. Raises OSError."""
        try:
            if self._link():
                return True
            self._take_away_if_abandoned()
            return False
        finally:
            self._mine.unlink(missing_ok=True)

    def holder(self) -> str:
        """The name of the host that holds it."""
        return str(_content(self.path).get("host") or "another host")[:60]

    def renew(self) -> None:
        """Show every few seconds, until it is released, that this host lives."""

        def touch() -> None:
            while not self._released.wait(RENEWED_AFTER):
                with suppress(OSError):
                    if self._is_held():
                        os.utime(self.path)

        threading.Thread(target=touch, name="hosts-lock", daemon=True).start()

    def release(self) -> None:
        self._released.set()
        with suppress(OSError):
            if self._is_held():
                self.path.unlink()

    def _is_held(self) -> bool:
        """Whether the file is still ours. On a full disk it is empty, and known by its number. Raises OSError."""
        token = _content(self.path).get("token")
        return token == self._token or (token is None and self.path.stat().st_ino == self._inode)

    def _link(self) -> bool:
        """Whether ``path`` is now a link to our own file, which is written anew: its time is the file system's now."""
        self._mine.unlink(missing_ok=True)
        holder = {"host": socket.gethostname(), "boot": self._boot, "token": self._token}
        fd = os.open(self._mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            self._inode = os.fstat(fd).st_ino
            os.write(fd, json.dumps(holder).encode())
        except OSError as error:
            if error.errno not in FULL:  # a stop must be possible, and an end be recorded, on a full disk
                raise
        finally:
            os.close(fd)
        try:
            os.link(self._mine, self.path)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            # or the answer to an earlier try of the same call was lost on the way
            return self._mine.stat().st_nlink == 2
        return True

    def _take_away_if_abandoned(self) -> None:
        """Remove the lock of a process of this host, which must have died, or of a host that shows no life."""
        with suppress(OSError):
            held = _content(self.path)
            age = self._mine.stat().st_mtime - self.path.stat().st_mtime
            if held.get("boot") != self._boot and age < ABANDONED_AFTER:
                return
            aside = self._mine.with_name(f"{self._mine.name}.taken")
            self.path.rename(aside)
            try:
                if _content(aside).get("token") != held.get("token"):
                    os.link(aside, self.path)  # another host was faster, and holds it now
            finally:
                aside.unlink()


def _content(lock: Path) -> dict[str, Any]:
    try:
        return read_object(lock)
    except (OSError, ValueError):
        return {}


@contextmanager
def among_hosts(folder: Path, boot: str) -> Iterator[None]:
    """Hold the lock of ``folder`` among all hosts, for a moment. Raises OSError: ETIMEDOUT if another host holds it for
    minutes."""
    lock = HostLock(folder / NAME, boot)
    deadline = time.monotonic() + _PATIENCE
    while not lock.take():
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, f"{lock.holder()} holds its lock", str(folder))
        time.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def among_hosts_for_long(path: Path, boot: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file ``path`` among all hosts for as long as it takes. While another host holds it, ``waiting`` is
    called again and again. Raises OSError."""
    lock = HostLock(path, boot)
    while not lock.take():
        waiting()
        time.sleep(5 * _POLL)
    lock.renew()
    try:
        yield
    finally:
        lock.release()
