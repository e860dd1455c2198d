"""How exported files are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from engine.runs.files import give_by_umask, write_atomically


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` of a text in UTF-8."""
    write_bytes(path, text.encode(errors="replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file for a person: all of it, or none of it and the old file stays. Raises OSError with the path."""
    try:
        if path.exists() and not path.is_file():  # a FIFO or a terminal
            _write_into(path, data)
            return
        place = Path(os.path.realpath(path))  # resolve() raises a RuntimeError for links in a circle
        write_atomically(place, data)
        give_by_umask(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write_into(path: Path, data: bytes) -> None:
    """Write into a FIFO or a device. Raises OSError, also if nobody reads from the FIFO."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # would wait for a reader
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(error.errno, "nobody reads from this pipe") from None
        raise
    os.set_blocking(fd, True)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
