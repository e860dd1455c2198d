"""How exported files are written."""

from __future__ import annotations

from pathlib import Path

from engine.runs.files import give_by_umask, write_atomically


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` of a text in UTF-8."""
    write_bytes(path, text.encode(errors="replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file for a person: all of it, or none of it and the old file stays. Raises OSError with the path."""
    try:
        if path.exists() and not path.is_file():  # a FIFO or a terminal
            path.write_bytes(data)
            return
        place = path.resolve()
        write_atomically(place, data)
        give_by_umask(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
