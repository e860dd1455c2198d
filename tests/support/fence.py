"""A fence around what a test calls in this process: nothing is written outside a folder, no process is started, no
signal sent and no connection made."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS = {
    "os.mkdir": (0,), "os.remove": (0,), "os.rmdir": (0,), "os.chmod": (0,), "os.chown": (0,), "os.truncate": (0,),
    "os.utime": (0,), "os.symlink": (1,), "os.link": (0, 1), "os.rename": (0, 1), "shutil.rmtree": (0,),
    "shutil.move": (0, 1), "sqlite3.connect": (0,), "tempfile.mkstemp": (0,), "tempfile.mkdtemp": (0,),
}  # fmt: skip
"""Audit events of writing, with the places of paths among their arguments."""
_DEEDS = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.connect",
          "signal.pthread_kill", "os.killpg")  # fmt: skip
_FREE = ("/dev/null", "/dev/shm", "/proc")


class Fence:
    """``crossed`` are the attempts to get over it, each of which was refused."""

    def __init__(self, *inside: Path):
        self._inside = tuple(os.path.realpath(folder) for folder in inside)
        self.crossed: list[str] = []

    def look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not (isinstance(flags, int) and flags & _WRITES):
                return
            self._refuse(event, path)
        elif event in _PATHS:
            directory = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir", "os.chmod") else -1
            if isinstance(directory, int) and directory >= 0 and not event.endswith("chmod"):
                return  # relative to an open directory, of a walk that was looked at when it began
            for at in _PATHS[event]:
                self._refuse(event, arguments[at])
        elif event in _DEEDS or (event == "os.kill" and arguments[1]):
            self.crossed.append(f"{event} {arguments!r}"[:300])
            raise PermissionError(1, "fenced off", event)

    def _refuse(self, event: str, path: Any) -> None:
        if isinstance(path, int) or not path or os.fsdecode(path) == ":memory:":
            return
        text = os.fsdecode(path)
        parent, name = os.path.split(os.path.normpath(Path.cwd() / text))
        place = f"{os.path.realpath(parent).rstrip('/')}/{name}"
        if not any(place == root or place.startswith(f"{root}/") for root in (*self._inside, *_FREE)):
            self.crossed.append(f"{event} {text!r}")
            raise PermissionError(1, "fenced off", text)


_fence: Fence | None = None
_is_hooked = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _fence is not None:
        _fence.look(event, arguments)


@contextmanager
def fenced(*inside: Path) -> Iterator[Fence]:
    """Refuse what crosses the fence with PermissionError, and remember it. Modules imported meanwhile are not stored
    in compiled form, which would be a write outside."""
    global _fence, _is_hooked
    if not _is_hooked:  # there is no way to remove one
        sys.addaudithook(_audit)
        _is_hooked = True
    stores_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _fence = fence = Fence(*inside)
    try:
        yield fence
    finally:
        _fence = None
        sys.dont_write_bytecode = stores_no_bytecode
