"""What makes the trainer stop before its end. Torch-free, so that signals are handled before torch is imported."""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

LOOK_SECONDS = 1.0
"""Time between two looks at the run's directory."""


class StopRequested(Exception):
    """A signal asked the trainer to stop. Raised only at points where no work is half done."""


class RunDirectoryGone(StopRequested):
    """The run's directory was deleted or moved: nothing more can be kept of this run."""


class StopSignal:
    """Remembers SIGTERM or SIGINT until the loop checks for it between steps. SIGHUP is ignored.

    With the ``folder`` of the run, the disappearance of that folder is a request to stop too.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.signal: int | None = None
        self.count = 0
        """How many signals have arrived."""
        self._folder = folder
        self._identity = None if folder is None else _identity(folder)
        self._looked_at = time.monotonic()
        self.look: Callable[[], None] = lambda: None
        """Called at each look at the folder; may raise."""

    def install(self) -> StopSignal:
        """Handle the signals of this process from now on."""
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self.count += 1

    def __bool__(self) -> bool:
        return self.signal is not None

    def raise_if_set(self) -> None:
        """Raise StopRequested with the signal's name if one has arrived, or RunDirectoryGone."""
        if (now := time.monotonic()) - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            if self._folder is not None and self._is_gone(self._folder):
                raise RunDirectoryGone("the run's directory was deleted or moved")
            self.look()
        if self.signal is not None:
            raise StopRequested(signal.Signals(self.signal).name)

    def _is_gone(self, folder: Path) -> bool:
        try:
            return _identity(folder) != self._identity
        except OSError as error:  # anything else may pass, as a server that does not answer
            return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


def _identity(folder: Path) -> tuple[int, int]:
    """Device and inode of a folder. Raises OSError."""
    found = folder.stat()
    return found.st_dev, found.st_ino
